"""The node shim: it stands around every node of a workflow's graph and carries the middlewares of hooks.

It is put on a copy of the compiled graph and keeps what LangGraph looks at: subgraph discovery (`deps`), cache identity
(`__qualname__`), the tools that are drawn, and no extra traced run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import copy
from typing import Annotated, Any, get_origin

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.config import var_child_runnable_config
from langgraph._internal._constants import CONFIG_KEY_RUNTIME
from langgraph.channels import BinaryOperatorAggregate, LastValue
from langgraph.constants import START
from langgraph.errors import GraphBubbleUp
from langgraph.graph.state import CompiledStateGraph

from dataops_core.contracts.middleware import NodeCall, NodeMiddleware, adrive, current_call, drive, ordered
from dataops_core.decorators import by_hand, named
from dataops_core.errors import RunFailed
from dataops_core.execution.layers import layers
from dataops_core.execution.scope import RunScope, current_run, elapsed_ms


class NodeShim(RunnableLambda[Any, Any]):
    """Runs a node inside its middlewares; outside a run it passes straight through.

    Args:
        name: the node's name.
        inner: what the author added.
        middlewares: of hooks, for every node; those that the author applied by hand are left out.
        has_artifacts_key: whether the state has a list under the key `artifacts`.
        required: names of middlewares whose own defects fail the node; others are skipped.
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
        # What it is made of never runs: it stands for the node wherever LangGraph looks at one.
        super().__init__(_identity, _aidentity, name=name)
        self.inner = inner
        self.node = name
        function: Any = getattr(inner, "func", None) or getattr(inner, "afunc", None)
        applied = by_hand(function)
        self.middlewares = [m for m in ordered(middlewares) if m.name not in applied]
        self.required = required
        self.has_artifacts_key = has_artifacts_key
        self.function = named(function)
        if self.function:
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
        configured = var_child_runnable_config.set(own)

        def node() -> Any:
            run.check()
            try:
                return self.inner.invoke(call.state, own, **kwargs)
            except SystemExit as error:
                _forget(call)
                raise RunFailed(f"it called sys.exit({error.code!r})") from error
            except BaseException:
                _forget(call)
                raise

        try:
            result = drive(layers(self.middlewares, call, self.required), node) if self.middlewares else node()
        except BaseException as error:
            self._failed(run, call, error, start)
            raise
        finally:
            var_child_runnable_config.reset(configured)
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
        configured = var_child_runnable_config.set(own)

        async def node() -> Any:
            run.check()
            try:
                return await self.inner.ainvoke(call.state, own, **kwargs)
            except SystemExit as error:
                _forget(call)
                raise RunFailed(f"it called sys.exit({error.code!r})") from error
            except BaseException:
                _forget(call)
                raise

        try:
            around = layers(self.middlewares, call, self.required)
            result = await (adrive(around, node) if self.middlewares else node())
        except BaseException as error:
            self._failed(run, call, error, start)
            raise
        finally:
            var_child_runnable_config.reset(configured)
            current_call.reset(token)
        self._finished(run, call, start)
        return result

    # LangGraph streams its nodes while somebody listens to `astream_events`. RunnableLambda would stream its own
    # function then, and not the node; Runnable's way is to invoke.
    stream, astream = Runnable.stream, Runnable.astream
    transform, atransform = Runnable.transform, Runnable.atransform

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
            self.function,
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


def shimmed(compiled: Any, middlewares: Sequence[NodeMiddleware], required: frozenset[str] = frozenset()) -> Any:
    """Returns a copy of a compiled graph with the shim around every node, also of subgraphs that are nodes.

    The author's graph is not touched, and nothing is compiled again: its interrupts, store, name and limits stay.

    Args:
        compiled: the graph.
        middlewares: of hooks.
        required: names of middlewares whose defects fail the node (`plugins.require`).
    """
    # Not its own `copy()`, which forgets what `compile()` set afterwards.
    graph = copy(compiled)
    graph.channels, has_key = _merging(compiled.channels)
    graph.nodes = {}
    for name, node in compiled.nodes.items():
        if name == START:
            graph.nodes[name] = node
            continue
        inner = node.bound
        if isinstance(inner, CompiledStateGraph):
            inner = shimmed(inner, middlewares, required)
        shim = NodeShim(name, inner, middlewares, has_artifacts_key=has_key, required=required)
        graph.nodes[name] = node.copy({"bound": shim, "subgraphs": None})
    return graph


def _merging(channels: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Returns the channels, and whether `artifacts` is a list. Without a reducer it gets one, for parallel branches."""
    channel = channels.get("artifacts")
    declared: Any = getattr(channel, "ValueType", None)
    if get_origin(declared) is Annotated:
        declared = declared.__origin__  # what a reducer is declared upon
    is_list = list in (declared, get_origin(declared))
    if not (is_list and type(channel) is LastValue):
        return channels, is_list
    merged: BinaryOperatorAggregate[Any] = BinaryOperatorAggregate(list, _union)
    merged.key = "artifacts"
    return {**channels, "artifacts": merged}, True


def _union(known: list[Any], new: list[Any]) -> list[Any]:
    return [*known, *(item for item in new or () if item not in known)]


def _with_writer(config: RunnableConfig, run: RunScope) -> RunnableConfig:
    """Makes LangGraph's stream writer announce progress.

    The stream mode "custom" would do so too, at a third of the whole graph's cost.
    """
    given = config.get("configurable", {})
    runtime = given.get(CONFIG_KEY_RUNTIME)
    if runtime is None:
        return config
    return {**config, "configurable": {**given, CONFIG_KEY_RUNTIME: runtime.override(stream_writer=run.progress)}}


def _forget(call: NodeCall) -> None:
    """What an execution stored before it failed is not the node's result."""
    if call.staged is not None:
        call.staged.clear()


def _identity(input: Any) -> Any:
    return input


async def _aidentity(input: Any) -> Any:
    return input


__all__ = ["NodeShim", "shimmed"]
