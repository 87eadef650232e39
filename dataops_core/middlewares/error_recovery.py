"""Tries a node again when its error is worth a retry."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from dataops_core.contracts.middleware import Around, NodeCall, NodeMiddleware
from dataops_core.errors import Unreachable

#: HTTP statuses of model providers that may pass: timeouts, rate limits, overload and server errors.
_PASSING_STATUS: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
#: Lost connections of HTTP clients and model providers carry no status; known by name, so that no client is imported.
_PASSING_NAMES: Final = frozenset(
    {"APIConnectionError", "ConnectionError", "NetworkError", "RemoteProtocolError", "Timeout", "TimeoutException"}
)


class ErrorRecovery(NodeMiddleware):
    """Runs the node again after errors that may pass, with growing jittered pauses.

    Args:
        retries: how often to try again.
        backoff: the first pause in seconds; it doubles each time, and a provider's `retry-after` is respected.
        max_backoff: the longest pause in seconds; an error that asks for a longer one is not tried again.
        fallback: what to return when nothing helped: an update, or a function of state and error.
        retry_on: says whether an error is worth a retry; `worth_retrying` by default.
    """

    name = "with_error_recovery"
    order = 30

    def __init__(
        self,
        retries: int = 3,
        *,
        backoff: float = 1.0,
        max_backoff: float = 60.0,
        fallback: dict[str, Any] | Callable[[Any, Exception], Any] | None = None,
        retry_on: Callable[[Exception], bool] | None = None,
    ) -> None:
        self.retries, self.backoff, self.max_backoff = retries, backoff, max_backoff
        self.fallback, self.retry_on = fallback, retry_on or worth_retrying

    def around(self, call: NodeCall) -> Around:
        """Runs the node up to `retries` + 1 times."""
        stored = [] if call.staged is None else call.staged
        before = len(stored)
        for attempt in count():
            try:
                return (yield)
            except Exception as error:
                del stored[before:]  # what a failed execution stored is not the node's result
                asked = _retry_after(error)
                if attempt < self.retries and asked <= self.max_backoff and self.retry_on(error):
                    yield call.sleep(max(asked, self._pause(attempt)))
                elif self.fallback is None:
                    raise
                elif callable(self.fallback):
                    return (yield call.io(self.fallback, call.state, error))
                else:
                    return dict(self.fallback)

    def _pause(self, attempt: int) -> float:
        pause = self.backoff * 2.0 ** min(attempt, 60) * random.uniform(0.5, 1.0)  # noqa: S311
        return min(pause, self.max_backoff)


def worth_retrying(error: Exception) -> bool:
    """Says whether an error may pass by itself: lost connections, time-outs, passing statuses of model providers."""
    status = getattr(error, "status_code", getattr(getattr(error, "response", None), "status_code", None))
    if isinstance(status, int):
        return status in _PASSING_STATUS
    if isinstance(error, ConnectionError | TimeoutError | Unreachable):
        return True
    return any(cls.__name__ in _PASSING_NAMES for cls in type(error).__mro__)


def _retry_after(error: Exception) -> float:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return float(headers.get("retry-after", 0))
    except (TypeError, ValueError):
        return 0.0
