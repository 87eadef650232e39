"""Checks of what hooks answer. Each returns the answer, or raises with what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dataops_core
from dataops_core.contracts.middleware import NodeMiddleware
from dataops_core.errors import PluginFailed


def middlewares(answer: Any) -> Sequence[NodeMiddleware]:
    """Returns the middlewares that a plugin puts around nodes; None counts as none."""
    if answer is None:
        return ()
    if not isinstance(answer, list | tuple):
        raise PluginFailed(f"it gave {type(answer).__name__}, not a list of middlewares")
    for item in answer:
        if not isinstance(item, NodeMiddleware):
            raise PluginFailed(f"it gave {type(item).__name__}, not a NodeMiddleware")
        _check_identity(item.name, item.order)
    return tuple(answer)


def decorators(answer: Any) -> Mapping[str, type[NodeMiddleware]]:
    """Returns the middlewares that a plugin offers as decorators; None counts as none."""
    if answer is None:
        return {}
    if not isinstance(answer, Mapping):
        raise PluginFailed(f"it gave {type(answer).__name__}, not names and middleware classes")
    for name, kind in answer.items():
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
            raise PluginFailed(f"{name!r:.60} is not a name for a decorator")
        if name in dataops_core.__all__:
            raise PluginFailed(f"the decorator {name!r} belongs to dataops-core")
        if not (isinstance(kind, type) and issubclass(kind, NodeMiddleware)):
            raise PluginFailed(f"decorator {name!r} is no NodeMiddleware class")
        _check_identity(kind.name, kind.order)
    return dict(answer)


def opened(answer: Any, contract: type[Any] | None) -> Any:
    """Returns what a plugin opened, when it has every method of its contract."""
    if answer is None:
        raise PluginFailed("it gave nothing")
    if contract is not None:
        methods = [name for name in vars(contract) if not name.startswith("_")]
        lacking = [name for name in methods if not callable(getattr(answer, name, None))]
        if not isinstance(getattr(answer, "capabilities", None), frozenset | set):
            lacking.append("capabilities")
        if lacking:
            raise PluginFailed(
                f"{type(answer).__name__} lacks {', '.join(lacking)} of {contract.__name__}",
                hint="the conformance suites of dataops_core.testing say what a store must do",
            )
    return answer


def _check_identity(name: Any, order: Any) -> None:
    if not isinstance(name, str) or not name:
        raise PluginFailed("a middleware has no name")
    if isinstance(order, bool) or not isinstance(order, int | float):
        raise PluginFailed(f"the order of middleware {name!r:.60} is {order!r:.60}, not a number")
