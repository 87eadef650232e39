"""The decorators: middleware applied to one node by hand.

`@with_artifacts`, `@with_session_context`, `@with_error_recovery`, `@with_caching` and `@with_telemetry` wrap the
function itself and keep its colour (sync or async) and signature. Plugins add their own, by their names in this module.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Protocol, TypeVar, cast, overload

from dataops_core.contracts.middleware import NodeCall, NodeMiddleware, adrive, current_call, drive
from dataops_core.middlewares.artifacts import Artifacts
from dataops_core.middlewares.caching import Caching
from dataops_core.middlewares.error_recovery import ErrorRecovery
from dataops_core.middlewares.session_context import SessionContext
from dataops_core.middlewares.telemetry import Telemetry

F = TypeVar("F", bound=Callable[..., Any])
#: On a decorated function: the names of the middlewares that were applied by hand.
MARK: Final = "__dataops_middlewares__"


def wrap(middleware: NodeMiddleware, function: F) -> F:
    """Returns the function with a middleware around it.

    Inside a run the middleware sees the run's node; outside it sees a node without run, session and services.

    Args:
        middleware: what to put around it.
        function: a node: a function, coroutine function, method or other callable whose first argument is the state.
    """
    if isinstance(function, staticmethod | classmethod):
        return cast(F, type(function)(wrap(middleware, function.__func__)))
    names = list(inspect.signature(function).parameters)
    position = 1 if names[:1] in (["self"], ["cls"]) else 0
    state_name = names[position] if len(names) > position else ""
    node = getattr(function, "__name__", type(function).__name__)
    identity = named(function)

    def prepare(args: tuple[Any, ...], kwargs: dict[str, Any]) -> NodeCall:
        call = current_call.get()
        state = args[position] if len(args) > position else kwargs.get(state_name)
        if call is None:
            return NodeCall("", "", node, (), state, {}, function=identity)
        return replace(call, state=state, function=identity)

    def run(call: NodeCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if len(args) > position:
            args = (*args[:position], call.state, *args[position + 1 :])
        elif state_name in kwargs:
            kwargs = {**kwargs, state_name: call.state}
        return function(*args, **kwargs)

    if is_coroutine(function):

        @functools.wraps(function)
        async def around_async(*args: Any, **kwargs: Any) -> Any:
            call = prepare(args, kwargs)
            return await adrive(middleware.around(call), lambda: run(call, args, kwargs))

        wrapped = cast(F, around_async)
    else:

        @functools.wraps(function)
        def around_sync(*args: Any, **kwargs: Any) -> Any:
            call = prepare(args, kwargs)
            return drive(middleware.around(call), lambda: run(call, args, kwargs))

        wrapped = cast(F, around_sync)
    setattr(wrapped, MARK, frozenset({middleware.name}) | by_hand(function))
    return wrapped


def is_coroutine(function: Any) -> bool:
    """Says whether calling a node gives a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def by_hand(function: Any) -> frozenset[str]:
    """Returns the names of the middlewares that the author applied to a node."""
    while isinstance(function, functools.partial):
        function = function.func
    if function is not None and not inspect.isroutine(function):
        function = type(function).__call__
    names: frozenset[str] = getattr(function, MARK, frozenset())
    return names


def named(function: Any) -> str:
    """Returns a function as `module.qualified_name`, or "" where it has no name."""
    name = getattr(function, "__qualname__", "")
    return f"{function.__module__}.{name}" if name else ""


class NodeDecorator(Protocol):
    """A decorator of nodes, bare or with arguments; what it decorates keeps its type."""

    @overload
    def __call__(self, function: F, /) -> F: ...

    @overload
    def __call__(self, *args: Any, **kwargs: Any) -> Callable[[F], F]: ...


def decorator(factory: Callable[..., NodeMiddleware]) -> NodeDecorator:
    """Turns a middleware class into a decorator that works bare (`@name`) and with arguments (`@name(...)`)."""

    @functools.wraps(factory, updated=())
    def apply(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and (callable(args[0]) or inspect.isroutine(args[0])):
            return wrap(factory(), args[0])
        middleware = factory(*args, **kwargs)
        return lambda function: wrap(middleware, function)

    return cast(NodeDecorator, apply)


with_artifacts = decorator(Artifacts)
with_session_context = decorator(SessionContext)
with_error_recovery = decorator(ErrorRecovery)
with_caching = decorator(Caching)
with_telemetry = decorator(Telemetry)


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    from dataops_core.plugin.manager import plugins

    offered = plugins().decorator(name)
    if offered is None:
        raise AttributeError(f"no core middleware and no plugin offers the decorator {name!r}")
    return decorator(offered)
