"""The shim: caches, time-outs and the author's graph stay as they are; random graphs give the same results."""

from __future__ import annotations

import asyncio
import operator
import time
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.cache.memory import InMemoryCache
from langgraph.errors import NodeTimeoutError
from langgraph.graph import END, START, StateGraph
from langgraph.types import CachePolicy, Command
from typing_extensions import TypedDict

from dataops_core.contracts.middleware import NodeMiddleware
from dataops_core.decorators import (
    with_telemetry,
)
from dataops_core.errors import PluginFailed
from dataops_core.execution.graphs import build
from dataops_core.execution.scope import RunScope
from dataops_core.execution.shim import NodeShim, shimmed
from tests.execution.variants import FIVE, MANIFEST, decorate
from tests.graph_runs import Of


class Count(TypedDict):
    n: int
    trail: Annotated[list[str], operator.add]


def counting(ran: list[str], name: str) -> StateGraph[Any, Any, Any, Any]:
    """Returns a graph with one cached node; its function is another for each name."""

    def one(state: Count) -> dict[str, Any]:
        ran.append("one")
        return {"trail": [f"one {state['n']}"]}

    def two(state: Count) -> dict[str, Any]:
        ran.append("two")
        return {"trail": [f"two {state['n']}"]}

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Count)
    graph.add_node("node", {"one": one, "two": two}[name], cache_policy=CachePolicy())
    graph.add_edge(START, "node")
    return graph


def test_cache_hits_and_identity_are_the_same(maybe_run: RunScope | None) -> None:
    def seen(wrapped: Any) -> Any:
        cache, ran = InMemoryCache(), []
        told = []
        for name in ("one", "two", "one", "two"):
            graph = wrapped(counting(ran, name).compile(cache=cache))
            told += [graph.invoke({"n": n, "trail": []}) for n in (1, 2, 1)]
        return told, ran, sorted(str(namespace) for namespace in cache._cache)

    expected = seen(lambda graph: graph)
    assert expected[1] == ["one", "one", "two", "two"]
    assert seen(lambda graph: shimmed(graph, FIVE)) == expected


def test_a_graph_whose_bare_hits_are_kept_is_hit_when_shimmed() -> None:
    cache, ran = InMemoryCache(), []
    counting(ran, "one").compile(cache=cache).invoke({"n": 1, "trail": []})
    shimmed(counting(ran, "one").compile(cache=cache), FIVE).invoke({"n": 1, "trail": []})
    assert ran == ["one"]


def test_a_middleware_is_not_asked_on_a_cache_hit(scope: RunScope) -> None:
    heard: list[str] = []

    class Hears(NodeMiddleware):
        name = "hears"

        def around(self, call: Any) -> Any:
            heard.append(call.node)
            return (yield)

    graph = shimmed(counting([], "one").compile(cache=InMemoryCache()), [Hears()])
    for _ in range(2):
        graph.invoke({"n": 1, "trail": []})
    assert heard == ["node"]


def limited(node: Any) -> StateGraph[Any, Any, Any, Any]:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Count)
    graph.add_node("slow", node, timeout=0.05)
    graph.add_edge(START, "slow")
    return graph


def test_a_time_out_of_a_sync_node_is_refused_as_bare() -> None:
    def slow(state: Count) -> None:
        time.sleep(1)

    with pytest.raises(ValueError, match="slow") as expected:
        limited(slow).compile()
    with pytest.raises(PluginFailed, match="slow") as caught:
        build(Of(limited(slow)), MANIFEST, None, FIVE)
    assert str(expected.value) in caught.value.message
    with pytest.raises(ValueError, match="slow"):
        limited(with_telemetry(slow)).compile()


def test_a_time_out_of_an_async_node_cancels_it(maybe_run: RunScope | None) -> None:
    cancelled: list[bool] = []

    async def slow(state: Count) -> None:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    for graph in (limited(slow).compile(), shimmed(limited(decorate(slow)).compile(), FIVE)):
        with pytest.raises(NodeTimeoutError):
            asyncio.run(graph.ainvoke({"n": 1, "trail": []}))
    assert cancelled == [True, True]


def test_the_author_s_graph_is_not_touched(scope: RunScope) -> None:
    class WithList(TypedDict):
        artifacts: list[str]

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(WithList)
    graph.add_node("node", lambda state: {"artifacts": ["a"]})
    graph.add_edge(START, "node")
    compiled = graph.compile()
    nodes, channels = dict(compiled.nodes), dict(compiled.channels)
    assert shimmed(compiled, FIVE).invoke({"artifacts": ["b"]}) == {"artifacts": ["b", "a"]}
    assert (compiled.nodes, compiled.channels) == (nodes, channels)
    assert compiled.invoke({"artifacts": ["b"]}) == {"artifacts": ["a"]}
    assert not any(isinstance(spec.runnable, NodeShim) for spec in graph.nodes.values())


def test_a_default_error_handler_is_a_node_like_any_other(scope: RunScope) -> None:
    def failing(state: Count) -> None:
        raise LookupError("gone")

    def handler(state: Count) -> Command[Any]:
        return Command(update={"trail": ["handled"]}, goto=END)

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Count)
    graph.set_node_defaults(error_handler=handler)
    graph.add_node("failing", failing)
    graph.add_edge(START, "failing")
    built = build(Of(graph), MANIFEST, None, FIVE)
    assert built.invoke({"n": 1, "trail": []})["trail"] == ["handled"]
    assert [t["node"] for t in scope.timings] == ["failing", "__default_error_handler__"]


@st.composite
def layered(draw: st.DrawFn) -> list[list[tuple[int, list[int]]]]:
    """Layers of nodes; each adds a number and hangs on some nodes of the layer before."""
    layers: list[list[tuple[int, list[int]]]] = []
    for _ in range(draw(st.integers(1, 4))):
        before = len(layers[-1]) if layers else 0
        hangs_on = st.lists(st.integers(0, before - 1), min_size=1, unique=True) if before else st.just([])
        layers.append(draw(st.lists(st.tuples(st.integers(-9, 9), hangs_on), min_size=1, max_size=3)))
    return layers


class Sum(TypedDict):
    total: Annotated[int, operator.add]
    seen: Annotated[list[str], operator.add]


def summing(layers: list[list[tuple[int, list[int]]]], asynchronous: bool) -> Any:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Sum)
    for depth, layer in enumerate(layers):
        for place, (number, hangs_on) in enumerate(layer):
            name = f"n{depth}_{place}"

            def plain(state: Sum, name: str = name, number: int = number) -> dict[str, Any]:
                return {"total": number * (1 + state["total"] % 7), "seen": [f"{name} {state['total']}"]}

            async def coroutine(state: Sum, plain: Any = plain) -> dict[str, Any]:
                return plain(state)

            graph.add_node(name, coroutine if asynchronous else plain)
            before = [f"n{depth - 1}_{other}" for other in hangs_on]
            graph.add_edge(before or START, name)
    return graph.compile()


@given(layered(), st.integers(0, 6), st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pass_through_middlewares_change_nothing(scope: RunScope, layers: Any, count: int, asynchronous: bool) -> None:
    passing = [type(f"P{n}", (NodeMiddleware,), {"name": f"p{n}"})() for n in range(count)]
    compiled = summing(layers, asynchronous)
    graph = shimmed(compiled, passing)
    given = {"total": 1, "seen": []}
    if asynchronous:
        assert asyncio.run(graph.ainvoke(given)) == asyncio.run(compiled.ainvoke(given))
    else:
        assert graph.invoke(given) == compiled.invoke(given)
