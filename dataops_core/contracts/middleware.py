"""Middleware: code around a node, written once for sync and async nodes.

A middleware asks by `yield`, and a driver does: `result = yield` runs the node, `yield call.io(fn, ...)` does blocking
work off the event loop, `yield call.sleep(seconds)` waits. Returning without running the node skips it; yielding again
runs it again; returning nothing passes on what the node did: its result, or its error.

LangGraph's interrupts and commands, cancellation, exits, and the loss or time-out of the run pass outside: a middleware
never sees them, its generator is closed.
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

from dataops_core.errors import FenceLost, RunTimeout


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
    #: The function that does the work, as `module.qualified_name`; "" where it has no name.
    function: str = ""

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
    result, failure = None, None
    try:
        request = next(around)
        while True:
            try:
                if request is None:
                    answer = result = node()
                    failure = None
                else:
                    answer = _blocking(request)()
            except BaseException as error:
                if not for_middleware(error):
                    close(around)
                    raise
                failure = error if request is None else failure
                request = around.throw(error)
            else:
                request = around.send(answer)
    except StopIteration as stop:
        returned = stop.value
    return outcome(returned, result, failure)


async def adrive(around: Around, node: Callable[[], Awaitable[Any]]) -> Any:
    """Runs one middleware around an async node and returns the result; blocking work leaves the event loop."""
    result, failure = None, None
    try:
        request = next(around)
        while True:
            try:
                if request is None:
                    answer = result = await node()
                    failure = None
                else:
                    answer = await _aside(request)
            except BaseException as error:
                if not for_middleware(error):
                    close(around)
                    raise
                failure = error if request is None else failure
                request = around.throw(error)
            else:
                request = around.send(answer)
    except StopIteration as stop:
        returned = stop.value
    return outcome(returned, result, failure)


def outcome(returned: Any, result: Any, failure: BaseException | None) -> Any:
    """Returns what comes of a middleware that has ended: what it returned, else what the node did last."""
    if returned is not None:
        return returned
    if failure is not None:
        raise failure
    return result


def for_middleware(error: BaseException) -> bool:
    """Says whether middlewares see an error; those that steer the graph, the run or the process pass outside."""
    graph_errors = sys.modules.get("langgraph.errors")
    steering = (FenceLost, RunTimeout, *((graph_errors.GraphBubbleUp,) if graph_errors else ()))
    return isinstance(error, Exception) and not isinstance(error, steering)


def close(around: Around) -> None:
    """Ends a middleware that is not asked any more."""
    # A generator that yields while it is closed raises RuntimeError; what closed it matters more.
    with suppress(Exception):
        around.close()


async def _aside(request: Request) -> Any:
    import asyncio

    if isinstance(request, Sleep):
        return await asyncio.sleep(request.seconds)
    return await asyncio.to_thread(_blocking(request))


def _blocking(request: Request) -> Callable[[], Any]:
    if isinstance(request, Sleep):
        return partial(time.sleep, request.seconds)
    if isinstance(request, IO):
        return partial(request.fn, *request.args, **request.kwargs)
    raise TypeError(f"a middleware yields nothing, call.io(...) or call.sleep(...), not {type(request).__name__}")
