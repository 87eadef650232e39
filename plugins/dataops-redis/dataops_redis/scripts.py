"""The scripts, run by their digests; a server that does not know one is sent it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from redis import exceptions as of_redis

if TYPE_CHECKING:
    from dataops_redis.connection import Connection


class Script:
    """A Lua script of this package, by the name of its file."""

    def __init__(self, name: str) -> None:
        self.text = resources.files("dataops_redis").joinpath(f"{name}.lua").read_text(encoding="utf-8")
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def run(self, redis: Connection, keys: Sequence[bytes], arguments: Sequence[Any]) -> Any:
        """Runs it on keys of one slot; harmless when it is run twice."""

        def run(client: Any) -> Any:
            try:
                return client.evalsha(self.digest, len(keys), *keys, *arguments)
            except of_redis.NoScriptError:
                return client.eval(self.text, len(keys), *keys, *arguments)

        return redis.ask(run)


@cache
def script(name: str) -> Script:
    """Returns a script, read once."""
    return Script(name)
