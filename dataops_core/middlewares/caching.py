"""Skips a node whose result for the same input is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, Final

from dataops_core.contracts.middleware import Around, NodeCall, NodeMiddleware

#: Keys that name the run's place and say nothing of the node's input.
_BOOKKEEPING: Final = frozenset({"session_id", "workflow_name"})


class Caching(NodeMiddleware):
    """Keeps a node's update by its input, for every session: what the node returns may depend on its state alone.

    Args:
        ttl: seconds that a result stays known.
        key: a function of the state that returns the text by which the result is known; the whole state by default,
            without `session_id` and `workflow_name`. Artifact ids differ from run to run: name what matters instead.

    Only results that are plain JSON are kept, and none that stored artifacts, since those belong to one session.
    """

    name = "with_caching"
    order = 20

    def __init__(self, ttl: float = 3600.0, *, key: Callable[[Any], str] | None = None) -> None:
        self.ttl, self.key = ttl, key

    def around(self, call: NodeCall) -> Around:
        """Returns the known result, or runs the node and keeps what it returns."""
        told = None if call.services is None or call.services.cache is None else self._key(call)
        if told is None or call.services is None:
            return (yield)
        known = yield call.io(call.services.cache.get, told)
        if known is not None:
            return known
        staged = len(call.staged or ())
        result = yield
        if isinstance(result, dict) and len(call.staged or ()) == staged and _is_json(result):
            yield call.io(call.services.cache.put, told, result, self.ttl)
        return result

    def _key(self, call: NodeCall) -> str | None:
        if self.key is not None:
            text = self.key(call.state)
        else:
            state = call.state if isinstance(call.state, dict) else getattr(call.state, "__dict__", None)
            if state is None:
                return None
            try:
                text = json.dumps({k: v for k, v in state.items() if k not in _BOOKKEEPING}, sort_keys=True)
            except (TypeError, ValueError):
                return None
        told = "\0".join((call.workflow, call.version, call.node, call.function, text))
        return hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()


def _is_json(result: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(json.dumps(result, allow_nan=False)) == result)
    except (TypeError, ValueError, RecursionError):
        return False
