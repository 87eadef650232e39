"""The node shim: it stands around every node of a workflow's graph and carries the middlewares of hooks.

It is put on the builder once, before the graph is compiled, and keeps what LangGraph looks at: subgraph discovery
(`deps`), native async (`afunc`), cache identity (`__qualname__`), and no extra traced run.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph._internal._constants import CONFIG_KEY_RUNTIME
from langgraph.errors import GraphBubbleUp

from dataops_core.contracts.middleware import Around, NodeCall, NodeMiddleware, adrive, current_call, drive, ordered
from dataops_core.decorators import MARK
from dataops_core.errors import DataOpsError
from dataops_core.execution.scope import RunScope, current_run, elapsed_ms

log = logging.getLogger(__name__)
_said: set[tuple[str, str]] = set()


class NodeShim(RunnableLambda[Any, Any]):
    """Runs a node inside its middlewares; outside a run it passes straight through.

    Args:
        name: the node's name.
        inner: what the author added.
        middlewares: of hooks, for every node; those that the author applied by hand are left out.
        has_artifacts_key: whether the state has the key `artifacts`.
        isolate: names of middlewares whose own defects must not fail the node.
    """

    def __init__(
        self,
        name: str,
        inner: Runnable[Any, Any],
        middlewares: Sequence[NodeMiddleware],
        *,
        has_artifacts_key: bool,
        required: frozenset[str] = frozenset(),
    ) -> None:
        if _native_async(inner):
            super().__init__(_identity, _aidentity, name=name)
        else:
            super().__init__(_identity, name=name)
        self.inner = inner
        self.node = name
        function = getattr(inner, "func", None) or getattr(inner, "afunc", None)
        applied = getattr(inspect.unwrap(function, stop=lambda f: hasattr(f, MARK)), MARK, ()) if function else ()
        self.middlewares = [m for m in ordered(middlewares) if m.name not in applied]
        self.required = required
        self.has_artifacts_key = has_artifacts_key
        if function is not None and hasattr(function, "__qualname__"):
            self.__qualname__, self.__module__ = function.__qualname__, function.__module__
        if hasattr(inner, "tools_by_name"):
            self.tools_by_name = inner.tools_by_name

    @property
    def deps(self) -> list[Runnable[Any, Any]]:
        """What LangGraph searches for subgraphs."""
        return [self.inner]

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Runs the node, sync."""
        run = current_run.get()
        if run is None:
            return self.inner.invoke(input, config, **kwargs)
        own = _with_writer(config or {}, run)
        call, token, start = self._enter(run, input, own)
        try:

            def innermost() -> Any:
                with _staging(call):
                    return self.inner.invoke(call.state, own, **kwargs)

            step: Callable[[], Any] = innermost
            for middleware in reversed(self.middlewares):
                step = partial(self._drive, middleware, call, step)
            result = step()
        except BaseException as error:
            self._failed(run, call, error, start)
            raise
        finally:
            current_call.reset(token)
        self._finished(run, call, start)
        return result

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Runs the node, async."""
        run = current_run.get()
        if run is None:
            return await self.inner.ainvoke(input, config, **kwargs)
        own = _with_writer(config or {}, run)
        call, token, start = self._enter(run, input, own)
        try:

            async def innermost() -> Any:
                with _staging(call):
                    return await self.inner.ainvoke(call.state, own, **kwargs)

            step: Callable[[], Awaitable[Any]] = innermost
            for middleware in reversed(self.middlewares):
                step = partial(self._adrive, middleware, call, step)
            result = await step()
        except BaseException as error:
            self._failed(run, call, error, start)
            raise
        finally:
            current_call.reset(token)
        self._finished(run, call, start)
        return result

    def _drive(self, middleware: NodeMiddleware, call: NodeCall, step: Callable[[], Any]) -> Any:
        # A generator a call: a middleware further out may run this one again.
        return drive(self._around(middleware, call), step)

    async def _adrive(self, middleware: NodeMiddleware, call: NodeCall, step: Callable[[], Awaitable[Any]]) -> Any:
        return await adrive(self._around(middleware, call), step)

    def _enter(self, run: RunScope, input: Any, told: RunnableConfig) -> tuple[NodeCall, Any, float]:
        run.check()
        metadata = told.get("metadata", {})
        outer = current_call.get()
        path = (*(outer.path if outer else ()), metadata.get("langgraph_step"), metadata.get("langgraph_path"))
        call = NodeCall(
            run.manifest.name,
            run.manifest.version,
            self.node,
            path,
            input,
            told,
            run.run_id,
            run.session_id,
            run.attempt,
            run,
            self.has_artifacts_key,
            [],
        )
        token = current_call.set(call)
        run.emit("node.started", {"node": self.node, "step": metadata.get("langgraph_step")})
        return call, token, time.perf_counter()

    def _finished(self, run: RunScope, call: NodeCall, start: float) -> None:
        if call.staged:
            run.stage(call.staged)
        self._note(run, "node.finished", call, start)

    def _failed(self, run: RunScope, call: NodeCall, error: BaseException, start: float) -> None:
        if isinstance(error, GraphBubbleUp) or not isinstance(error, Exception):
            return
        self._note(run, "node.failed", call, start, error=f"{type(error).__name__}: {error}"[:500])

    def _note(self, run: RunScope, type: str, call: NodeCall, start: float, **more: Any) -> None:
        step = call.config.get("metadata", {}).get("langgraph_step")
        told = {"node": self.node, "step": step, "ms": elapsed_ms(start), **more}
        run.timings.append(told if run.attempt == 1 else {**told, "attempt": run.attempt})
        run.emit(type, told)

    def _around(self, middleware: NodeMiddleware, call: NodeCall) -> Around:
        if middleware.name in self.required:
            return middleware.around(call)
        return _isolated(middleware, call)


@contextmanager
def _staging(call: NodeCall) -> Iterator[None]:
    """What an execution stored before it failed is not the node's result."""
    try:
        yield
    except BaseException:
        if call.staged is not None:
            call.staged.clear()
        raise


def _with_writer(config: RunnableConfig, run: RunScope) -> RunnableConfig:
    """Makes LangGraph's stream writer announce progress.

    The stream mode "custom" would do so too, at a third of the whole graph's cost.
    """
    given = config.get("configurable", {})
    runtime = given.get(CONFIG_KEY_RUNTIME)
    if runtime is None:
        return config
    return {**config, "configurable": {**given, CONFIG_KEY_RUNTIME: runtime.override(stream_writer=run.progress)}}


def _isolated(middleware: NodeMiddleware, call: NodeCall) -> Around:
    """Drives a plugin's middleware so that its own defects harm only itself.

    Errors of DataOps that it raises on purpose, and the node's own errors, pass. Any other error of its own is said
    once, and the node goes on without it.
    """
    state = call.state
    around, result, node_error = None, None, None
    ran = False
    try:
        around = middleware.around(call)
        request = next(around)
        while True:
            try:
                answer = yield request
                if request is None:
                    result, ran, node_error = answer, True, None
            except Exception as error:
                node_error = error
                request = around.throw(error)
            else:
                request = around.send(answer)
    except StopIteration as stop:
        return stop.value
    except DataOpsError:
        raise
    except Exception as error:
        if error is node_error or _caused_by(error, node_error):
            raise
        _say_once(middleware, call, error)
        if node_error is not None:
            raise node_error from None
        if not ran:
            call.state = state
            result = yield None
        return result
    finally:
        if around is not None:
            around.close()


def _caused_by(error: BaseException, cause: BaseException | None) -> bool:
    while cause is not None and error is not None:
        if error is cause:
            return True
        following = error.__cause__
        if following is None:
            return False
        error = following
    return False


def _say_once(middleware: NodeMiddleware, call: NodeCall, error: Exception) -> None:
    if (middleware.name, call.workflow) not in _said:
        _said.add((middleware.name, call.workflow))
        log.warning("middleware %r failed at node %r and is skipped there: %r", middleware.name, call.node, error)


def install(builder: Any, middlewares: Sequence[NodeMiddleware], required: frozenset[str] = frozenset()) -> Any:
    """Puts the shim on every node of a StateGraph, and of the subgraphs that are nodes; returns the builder.

    Args:
        builder: a StateGraph that is not compiled yet; changed in place.
        middlewares: of hooks.
        required: names of middlewares whose defects fail the node (`plugins.require`).
    """
    has_key = _merge_artifacts(builder)
    for name, spec in builder.nodes.items():
        if not isinstance(spec.runnable, NodeShim):
            spec.runnable = NodeShim(name, spec.runnable, middlewares, has_artifacts_key=has_key, required=required)
    return builder


def _merge_artifacts(builder: Any) -> bool:
    """Makes `artifacts` merge what parallel branches append, when the author's state has it without a reducer."""
    from langgraph.channels import BinaryOperatorAggregate, LastValue

    channel = builder.channels.get("artifacts")
    if type(channel) is LastValue:
        merged = BinaryOperatorAggregate(list, _union)
        merged.key = "artifacts"
        builder.channels["artifacts"] = merged
    return channel is not None


def _union(known: list[Any], new: list[Any]) -> list[Any]:
    return [*known, *(item for item in new or () if item not in known)]


def _identity(input: Any) -> Any:
    return input


async def _aidentity(input: Any) -> Any:
    return input


def _native_async(inner: Any) -> bool:
    if hasattr(inner, "afunc") or hasattr(inner, "func"):
        function = getattr(inner, "afunc", None)
        # LangGraph stores partial(run_in_executor, ...) for sync nodes.
        return function is not None and not isinstance(function, partial)
    return type(inner).ainvoke is not Runnable.ainvoke


__all__ = ["NodeShim", "install"]
