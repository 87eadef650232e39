"""The server's clock, which decides what has expired and how old an index entry is."""

from __future__ import annotations

import time
from typing import Final

from dataops_redis.connection import Connection

#: Seconds for which the difference to this process's clock is taken for known.
_KNOWN: Final = 1.0


class Clock:
    """Tells the server's time, and asks for it at most once a second. It is never ahead of the server's.

    Args:
        redis: whose time.
    """

    def __init__(self, redis: Connection) -> None:
        self._redis = redis
        self._ahead = 0.0
        self._until = float("-inf")

    def now(self) -> float:
        """Returns the server's time in seconds since 1970, UTC."""
        if time.monotonic() >= self._until:
            seconds, microseconds = self._redis.ask(lambda client: client.time())
            read = time.monotonic()
            self._ahead, self._until = seconds + microseconds / 1e6 - read, read + _KNOWN
        return time.monotonic() + self._ahead

    def forget(self) -> None:
        """Has the server asked anew: its clock was set, or this machine slept."""
        self._until = float("-inf")
