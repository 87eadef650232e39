"""The zoo: whatever LangGraph can do, it does the same bare, shimmed and decorated."""

from __future__ import annotations

import asyncio
import operator
import time
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import NodeTimeoutError
from langgraph.graph import END, START, StateGraph
from langgraph.types import CachePolicy, Command
from pydantic import PydanticUserError
from typing_extensions import TypedDict

from dataops_core import SessionManager
from dataops_core.base_workflow import BaseWorkflow
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.middleware import NodeMiddleware
from dataops_core.decorators import (
    with_artifacts,
    with_caching,
    with_error_recovery,
    with_session_context,
    with_telemetry,
)
from dataops_core.errors import PluginFailed
from dataops_core.execution.graphs import build
from dataops_core.execution.runner import Runner
from dataops_core.execution.scope import RunScope, current_run
from dataops_core.execution.shim import NodeShim, shimmed
from tests.execution import zoo

FIVE = [type(f"Pass{n}", (NodeMiddleware,), {"name": f"pass{n}"})() for n in range(5)]
MANIFEST = Manifest(name="zoo", version="1.0.0", description="The zoo.")
COLOURS = pytest.mark.parametrize("asynchronous", [False, True], ids=["invoke", "ainvoke"])
CONFIG = {"configurable": {"thread_id": "1", "user": "ann"}}


def decorate(function: Any) -> Any:
    """Puts the five decorators of the core on a function."""
    return with_telemetry(with_caching(with_error_recovery(with_session_context(with_artifacts(function)))))


def bare(builder: Any, **options: Any) -> Any:
    return builder.compile(checkpointer=InMemorySaver(), cache=InMemoryCache(), **options)


VARIANTS: dict[str, tuple[Any, Any]] = {
    "shimmed": (zoo.identity, lambda builder: shimmed(bare(builder), FIVE)),
    "decorated": (decorate, bare),
    "both": (decorate, lambda builder: shimmed(bare(builder), FIVE)),
}
EVERY = pytest.mark.parametrize("variant", VARIANTS)


@pytest.fixture
def scope(stores: Any) -> Iterator[RunScope]:
    """A run that this context executes; its events are in `scope.heard`."""
    sid = SessionManager(stores).create_session("ann").session_id
    run = {"run_id": f"{sid}.r", "session_id": sid, "attempt": 1, "input": {}}
    heard: list[Any] = []
    scope = Runner(stores, listener=heard.append).scope(run, "fence", MANIFEST)
    scope.heard = heard  # type: ignore[attr-defined]
    token = current_run.set(scope)
    yield scope
    current_run.reset(token)


@pytest.fixture(params=["outside", "inside"])
def maybe_run(request: pytest.FixtureRequest) -> RunScope | None:
    """Outside of a run, and inside."""
    return request.getfixturevalue("scope") if request.param == "inside" else None


def stream(graph: Any, given: Any, asynchronous: bool, **options: Any) -> list[Any]:
    """Returns every part of every stream mode."""
    told = {"stream_mode": zoo.MODES, "subgraphs": True, "context": {"tenant": "t"}, **options}
    if not asynchronous:
        return list(graph.stream(given, CONFIG, **told))

    async def collect() -> list[Any]:
        return [part async for part in graph.astream(given, CONFIG, **told)]

    return asyncio.run(collect())


def observe(graph: Any, asynchronous: bool, *, but: tuple[str, ...] = ()) -> dict[str, Any]:
    """Runs a zoo until it asks, answers, and returns all that can be seen."""
    first = stream(graph, zoo.INPUT, asynchronous)
    asked = graph.get_state(CONFIG, subgraphs=True)
    second = stream(graph, Command(resume=3), asynchronous)
    done = graph.get_state(CONFIG)
    return {
        "first": zoo.normal_parts(first, but=but),
        "asked": zoo.normal((asked.values, asked.next, asked.interrupts, [t.name for t in asked.tasks])),
        "second": zoo.normal_parts(second, but=but),
        "done": zoo.normal((done.values, done.next)),
        "history": [zoo.normal((s.values, s.next)) for s in graph.get_state_history(CONFIG)],
    }


def schema_of(method: Any) -> Any:
    try:
        return method()
    except PydanticUserError as error:  # typing.TypedDict, before Python 3.12
        return error.code


def looks(graph: Any) -> dict[str, Any]:
    """Returns what can be seen of a graph that does not run."""
    return {
        "mermaid": graph.get_graph().draw_mermaid(),
        "xray": graph.get_graph(xray=True).draw_mermaid(),
        "subgraphs": [(name, below.get_graph().draw_mermaid()) for name, below in graph.get_subgraphs(recurse=True)],
        "schemas": [schema_of(f) for f in (graph.get_input_jsonschema, graph.get_output_jsonschema)],
        "context": graph.get_context_jsonschema(),
        "nodes": [(n, type(v.retry_policy), v.cache_policy, v.timeout) for n, v in graph.nodes.items()],
        "name": graph.get_name(),
    }


@cache
def observed_bare(asynchronous: bool, but: tuple[str, ...]) -> dict[str, Any]:
    return observe(bare(zoo.zoo(asynchronous=asynchronous)), asynchronous, but=but)


@pytest.mark.parametrize("variant", ["shimmed", "decorated"])
@COLOURS
def test_outside_of_a_run_everything_is_the_same(variant: str, asynchronous: bool) -> None:
    decorated, compiled = VARIANTS[variant]
    seen = observe(compiled(zoo.zoo(decorated, asynchronous=asynchronous)), asynchronous)
    assert seen == observed_bare(asynchronous, ())
    assert "told 3" in seen["done"]
    assert len(seen["first"]) > 200


@pytest.mark.parametrize("variant", ["shimmed", "both"])
@COLOURS
def test_in_a_run_everything_is_the_same_but_where_writers_write(
    variant: str, asynchronous: bool, scope: RunScope
) -> None:
    decorated, compiled = VARIANTS[variant]
    seen = observe(compiled(zoo.zoo(decorated, asynchronous=asynchronous)), asynchronous, but=("custom",))
    assert seen == observed_bare(asynchronous, ("custom",))


@EVERY
@COLOURS
def test_looks_are_the_same(variant: str, asynchronous: bool) -> None:
    decorated, compiled = VARIANTS[variant]
    expected = looks(bare(zoo.zoo(asynchronous=asynchronous)))
    assert looks(compiled(zoo.zoo(decorated, asynchronous=asynchronous))) == expected
    assert [name for name, _ in expected["subgraphs"]] == ["inner"]
    assert "steer -.-> never" in expected["mermaid"]
    assert "split -.-> worker" in expected["mermaid"]


def test_what_a_node_writes_becomes_progress_of_its_run(scope: RunScope) -> None:
    graph = shimmed(bare(zoo.zoo(asynchronous=False)), FIVE)
    assert not [part for part in stream(graph, zoo.INPUT, False) if part[1] == "custom"]
    said = [event.data for event in scope.heard if event.type == "node.progress"]  # type: ignore[attr-defined]
    assert said == [{"progress": 0.5}, {"message": "half"}]


def test_a_run_hears_of_every_node_also_of_subgraphs_and_of_every_attempt(scope: RunScope) -> None:
    observe(shimmed(bare(zoo.zoo(asynchronous=False)), FIVE), False)
    finished = [event.data["node"] for event in scope.heard if event.type == "node.finished"]  # type: ignore[attr-defined]
    failed = [event.data["node"] for event in scope.heard if event.type == "node.failed"]  # type: ignore[attr-defined]
    assert failed == ["flaky", "flaky", "broken"]
    assert set(finished) >= {"plain", "begin", "end", "inner", "flaky", "steer", "worker", "collect", "ask"}
    assert any(name.startswith("__error_handler__") for name in finished)
    assert finished.count("worker") == 3


def test_astream_events_runs_the_nodes(maybe_run: RunScope | None) -> None:
    async def events(graph: Any) -> list[tuple[str, str]]:
        told = graph.astream_events(zoo.INPUT, CONFIG, context={"tenant": "t"}, version="v2")
        heard = [(e["event"], e["name"], zoo.normal(e["data"].get("output"))) async for e in told]
        return sorted(e for e in heard if e[0] != "on_chain_stream")

    expected = asyncio.run(events(bare(zoo.zoo(asynchronous=True))))
    assert asyncio.run(events(shimmed(bare(zoo.zoo(asynchronous=True)), FIVE))) == expected
    assert ("on_chain_end", "LangGraph") in {e[:2] for e in expected}


@pytest.mark.parametrize("schema", zoo.SCHEMAS, ids=lambda s: s.__name__)
@pytest.mark.parametrize("variant", ["shimmed", "both"])
@COLOURS
def test_every_kind_of_state(schema: Any, variant: str, asynchronous: bool, maybe_run: RunScope | None) -> None:
    decorated, compiled = VARIANTS[variant]

    def seen(graph: Any) -> Any:
        parts = [zoo.normal(p) for p in stream(graph, {"word": "ox", "trail": []}, asynchronous, version="v2")]
        return looks(graph), [p for p in parts if "'type': 'values'" in p], sorted(parts)

    expected = seen(bare(zoo.of_schema(schema)))
    assert seen(compiled(zoo.of_schema(schema, decorated))) == expected
    assert schema.__name__ in expected[1][-1] or isinstance(schema(word="", trail=[]), dict)


@EVERY
def test_an_interrupt_below_is_found_and_each_of_two_questions_answered(
    variant: str, maybe_run: RunScope | None
) -> None:
    decorated, compiled = VARIANTS[variant]

    def dialogue(graph: Any) -> list[str]:
        seen: list[Any] = []
        for told in (zoo.INPUT, Command(resume="a"), Command(resume="b")):
            seen.append(graph.invoke(told, CONFIG))
            state = graph.get_state(CONFIG, subgraphs=True)
            below = [task.state.values for task in state.tasks if task.state is not None]
            seen.append((state.next, state.interrupts, below))
        return [zoo.normal(one) for one in seen]

    expected = dialogue(bare(zoo.asking()))
    assert dialogue(compiled(zoo.asking(decorated))) == expected
    assert "second?" in expected[2]
    assert "'trail': ['a', 'b']" in expected[4]


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


class Of(BaseWorkflow):
    """A workflow of a given graph, in either style."""

    def __init__(self, graph: Any) -> None:
        super().__init__()
        self.graph = graph

    def build_graph(self) -> Any:
        return self.graph


class Compiled(Of):
    def get_compiled_graph(self) -> Any:
        return self.graph.compile(interrupt_before=["ask"], name="theirs")


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


@COLOURS
def test_both_styles_of_workflow_run_as_bare(asynchronous: bool, scope: RunScope) -> None:
    expected = bare(zoo.zoo(asynchronous=asynchronous), name="zoo")
    built = build(Of(zoo.zoo(asynchronous=asynchronous)), MANIFEST, InMemorySaver(), FIVE)
    assert looks(built) == looks(expected)
    assert stream(built, zoo.INPUT, asynchronous)[-1][1] == stream(expected, zoo.INPUT, asynchronous)[-1][1]
    # The author's name and interrupts stay.
    expected = bare(zoo.zoo(asynchronous=asynchronous), name="theirs", interrupt_before=["ask"])
    built = build(Compiled(zoo.zoo(asynchronous=asynchronous)), MANIFEST, InMemorySaver(), FIVE)
    assert looks(built) == looks(expected)
    seen, wanted = (stream(graph, zoo.INPUT, asynchronous) for graph in (built, expected))
    assert zoo.normal_parts(seen, but=("custom",)) == zoo.normal_parts(wanted, but=("custom",))
    assert built.get_state(CONFIG).next == expected.get_state(CONFIG).next == ("ask",)


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
