"""The decorators: middleware applied to one node by hand.

`@with_artifacts`, `@with_session_context`, `@with_error_recovery`, `@with_caching` and `@with_telemetry` wrap the
function itself and keep its colour (sync or async) and signature. Plugins add their own, by their names in this module.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

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
        function: a node: a function, a method, or a coroutine function, whose first argument is the state.
    """
    signature = list(inspect.signature(function).parameters)
    position = 1 if signature[:1] in (["self"], ["cls"]) else 0
    node = getattr(function, "__name__", type(function).__name__)

    def prepare(args: tuple[Any, ...]) -> NodeCall:
        call = current_call.get()
        state = args[position] if len(args) > position else None
        if call is None:
            return NodeCall("", "", node, (), state, {})
        return replace(call, state=state)

    def placed(call: NodeCall, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(args) <= position:
            return args
        return (*args[:position], call.state, *args[position + 1 :])

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def around_async(*args: Any, **kwargs: Any) -> Any:
            call = prepare(args)
            return await adrive(middleware.around(call), lambda: function(*placed(call, args), **kwargs))

        wrapped = cast(F, around_async)
    else:

        @functools.wraps(function)
        def around_sync(*args: Any, **kwargs: Any) -> Any:
            call = prepare(args)
            return drive(middleware.around(call), lambda: function(*placed(call, args), **kwargs))

        wrapped = cast(F, around_sync)
    setattr(wrapped, MARK, frozenset({middleware.name}) | getattr(function, MARK, frozenset()))
    return wrapped


def decorator(factory: Callable[..., NodeMiddleware]) -> Callable[..., Any]:
    """Turns a middleware class into a decorator that works bare (`@name`) and with arguments (`@name(...)`)."""

    @functools.wraps(factory, updated=())
    def apply(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and inspect.isroutine(args[0]):
            return wrap(factory(), args[0])
        middleware = factory(*args, **kwargs)
        return lambda function: wrap(middleware, function)

    return apply


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
