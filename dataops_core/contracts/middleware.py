"""Middleware: code around a node, written once for sync and async nodes.

A middleware asks by `yield`, and a driver does: `result = yield` runs the node, `yield call.io(fn, ...)` does blocking
work off the event loop, `yield call.sleep(seconds)` waits. Returning without running the node skips it; yielding again
runs it again; returning nothing passes the node's result through.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class IO:
    """A request for blocking work; made by `NodeCall.io`."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sleep:
    """A request to wait; made by `NodeCall.sleep`."""

    seconds: float


class Services(Protocol):
    """What a middleware may use beside the node: stores, the chat model, the cache and the event stream."""

    @property
    def artifacts(self) -> Any:
        """The ArtifactStore; what it stores inside a node is staged with the node's step."""

    @property
    def sessions(self) -> Any:
        """The SessionManager."""

    @property
    def llm(self) -> Any:
        """The chat model of the run, or None."""

    @property
    def cache(self) -> Any:
        """Expiring values by key: `get(key)` and `put(key, value, seconds)`."""

    def emit(self, type: str, data: Mapping[str, Any]) -> None:
        """Announces an event of this node."""

    def staged(self, artifact_id: str) -> Any:
        """Returns the record of an artifact that a finished node of this run has staged, or None."""


@dataclass(slots=True)
class NodeCall:
    """One execution of a node, as a middleware sees it.

    Args:
        workflow, version: of the workflow; "" outside a run.
        node: the node's name.
        path: where in the run this execution is: step and task, the outer node's first. The same after a resume.
        state: what the node will be given; may be replaced before the node runs.
        config: LangGraph's config of the task.
        run_id, session_id: None outside a run.
        attempt: the run's attempt, from 1.
        services: stores, model, cache, events; None outside a run.
    """

    workflow: str
    version: str
    node: str
    path: tuple[Any, ...]
    state: Any
    config: Mapping[str, Any]
    run_id: str | None = None
    session_id: str | None = None
    attempt: int = 1
    services: Services | None = None
    #: Whether the workflow's state has the key `artifacts`.
    has_artifacts_key: bool = True
    #: Artifacts stored during this call; they join the run's when the node succeeds. None outside a run.
    staged: list[Any] | None = None

    def io(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> IO:
        """Asks the driver to call `fn` where it blocks nobody; the yield returns what it returns."""
        return IO(fn, args, kwargs)

    def sleep(self, seconds: float) -> Sleep:
        """Asks the driver to wait that many seconds."""
        return Sleep(seconds)


#: The node that this context executes, or None outside a node.
current_call: ContextVar[NodeCall | None] = ContextVar("dataops_current_call", default=None)

Request = IO | Sleep | None
#: What `around` returns. Any, not Request: a bare `yield` asks for the node.
Around = Generator[Any, Any, Any]


class NodeMiddleware:
    """Base of every middleware. `name` is unique; lower `order` is further out, then by name."""

    name: str = ""
    order: int = 100

    def around(self, call: NodeCall) -> Around:
        """Wraps one execution of a node; see the module's docstring."""
        result = yield
        return result


def ordered(middlewares: Sequence[NodeMiddleware]) -> list[NodeMiddleware]:
    """Returns the middlewares from the outermost to the innermost."""
    return sorted(middlewares, key=lambda m: (m.order, m.name))


def drive(around: Around, node: Callable[[], Any]) -> Any:
    """Runs one middleware around a sync node and returns the result."""
    result: Any = None
    try:
        request = next(around)
        while True:
            try:
                if request is None:
                    answer = result = node()
                elif isinstance(request, Sleep):
                    answer = None
                    time.sleep(request.seconds)
                else:
                    answer = request.fn(*request.args, **request.kwargs)
            except BaseException as error:
                if not _for_middleware(error):
                    _close(around)
                    raise
                request = around.throw(error)
            else:
                request = around.send(answer)
    except StopIteration as stop:
        return result if stop.value is None else stop.value


async def adrive(around: Around, node: Callable[[], Awaitable[Any]]) -> Any:
    """Runs one middleware around an async node and returns the result; blocking work leaves the event loop."""
    import asyncio

    result: Any = None
    try:
        request = next(around)
        while True:
            try:
                if request is None:
                    answer = result = await node()
                elif isinstance(request, Sleep):
                    answer = None
                    await asyncio.sleep(request.seconds)
                else:
                    answer = await asyncio.to_thread(partial(request.fn, *request.args, **request.kwargs))
            except BaseException as error:
                if not _for_middleware(error):
                    _close(around)
                    raise
                request = around.throw(error)
            else:
                request = around.send(answer)
    except StopIteration as stop:
        return result if stop.value is None else stop.value


def _for_middleware(error: BaseException) -> bool:
    """Interrupts and commands of LangGraph, cancellation and exits pass outside plugin code."""
    graph_errors = sys.modules.get("langgraph.errors")
    bubble_up: type[BaseException] | tuple[()] = graph_errors.GraphBubbleUp if graph_errors else ()
    return isinstance(error, Exception) and not isinstance(error, bubble_up)


def _close(around: Around) -> None:
    # A generator that yields while it is closed raises RuntimeError; the interrupt matters more.
    with suppress(Exception):
        around.close()
