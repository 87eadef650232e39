"""The middlewares of plugins around one node, driven as one: what each does wrong harms only itself."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import is_dataclass
from typing import Any, Final

from langgraph.errors import GraphBubbleUp
from langgraph.types import Command, Send

from dataops_core.contracts.middleware import (
    IO,
    Around,
    NodeCall,
    NodeMiddleware,
    Sleep,
    close,
    for_middleware,
    outcome,
)
from dataops_core.errors import DataOpsError, PluginFailed

log = logging.getLogger(__name__)
_said: set[tuple[str, str]] = set()
_REQUESTS: Final = (IO, Sleep)
#: Errors that a middleware raises on purpose, or that are not its own.
_ON_PURPOSE: Final = (DataOpsError, GraphBubbleUp, KeyboardInterrupt, GeneratorExit)


class _Defect(Exception):
    """A middleware breaks its contract."""


def layers(middlewares: Sequence[NodeMiddleware], call: NodeCall, required: frozenset[str], depth: int = 0) -> Around:
    """Drives middlewares as one, from `depth` inwards, so that the defects of each harm only itself.

    What one raises on purpose passes, as the node's own errors do: errors of DataOps, interrupts, and errors whose
    cause is the node's. Any other error of its own is said once, and the node goes on without it.

    Args:
        middlewares: outermost first.
        call: the node's.
        required: names of middlewares whose defects fail the node.
        depth: where to begin.

    Raises:
        PluginFailed: a required middleware is defective.
    """
    if depth == len(middlewares):
        return (yield)
    middleware, given = middlewares[depth], call.state
    around, result, failure, ran = None, None, None, False
    try:
        around = middleware.around(call)
        try:
            request = next(around)
            while True:
                seen = call.state
                try:
                    if request is None:
                        if seen is not given and not isinstance(seen, type(given)):
                            raise _Defect(f"it replaced the state by {type(seen).__name__}")
                        answer = result = yield from layers(middlewares, call, required, depth + 1)
                        ran, failure, call.state = True, None, seen
                    elif isinstance(request, _REQUESTS):
                        answer = yield request
                    else:
                        raise _Defect(f"it yielded {type(request).__name__}")
                except Exception as error:
                    if isinstance(error, _Defect) or not for_middleware(error):
                        raise
                    if request is None:
                        failure, call.state = error, seen
                    request = around.throw(error)
                else:
                    request = around.send(answer)
        except StopIteration as stop:
            around, returned = None, stop.value
        if returned is None or returned is result:
            return result if failure is None else outcome(returned, result, failure)
        if not isinstance(returned, type(result)) and not _is_update(returned):
            raise _Defect(f"it returned {type(returned).__name__}")
        return returned
    except _ON_PURPOSE:
        raise
    except BaseException as error:  # SystemExit or CancelledError, too: those that are not its own pass outside
        if _caused_by(error, failure):
            raise
        if middleware.name in required:
            raise PluginFailed(
                f"middleware {middleware.name!r} failed at node {call.node!r}: {error!r:.200}",
                hint="plugins.require names its plugin: nothing runs without it",
            ) from error
        _say_once(middleware, call, error)
        if failure is not None:
            raise failure from failure.__cause__
        if not ran:
            call.state = given
            result = yield from layers(middlewares, call, required, depth + 1)
        return result
    finally:
        if around is not None:
            close(around)


def _is_update(value: Any) -> bool:
    """Says whether LangGraph takes a value from a node."""
    if isinstance(value, list | tuple):
        return any(isinstance(item, Command | Send) for item in value)
    return isinstance(value, dict | Command | Send) or is_dataclass(value) or hasattr(value, "model_fields_set")


def _caused_by(error: BaseException | None, cause: BaseException | None) -> bool:
    while error is not None and error is not cause:
        error = error.__cause__
    return error is not None


def _say_once(middleware: NodeMiddleware, call: NodeCall, error: BaseException) -> None:
    if (middleware.name, call.workflow) not in _said:
        _said.add((middleware.name, call.workflow))
        log.warning("middleware %r failed at node %r and is skipped there: %r", middleware.name, call.node, error)
