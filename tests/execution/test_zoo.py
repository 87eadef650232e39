"""The zoo: whatever LangGraph can do, it does the same bare, shimmed and decorated."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

import pytest
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import PydanticUserError

from dataops_core.execution.graphs import build
from dataops_core.execution.scope import RunScope
from dataops_core.execution.shim import shimmed
from tests.execution import zoo
from tests.execution.variants import FIVE, MANIFEST, decorate
from tests.graph_runs import Of

COLOURS = pytest.mark.parametrize("asynchronous", [False, True], ids=["invoke", "ainvoke"])
CONFIG = {"configurable": {"thread_id": "1", "user": "ann"}}


def bare(builder: Any, **options: Any) -> Any:
    return builder.compile(checkpointer=InMemorySaver(), cache=InMemoryCache(), **options)


VARIANTS: dict[str, tuple[Any, Any]] = {
    "shimmed": (zoo.identity, lambda builder: shimmed(bare(builder), FIVE)),
    "decorated": (decorate, bare),
    "both": (decorate, lambda builder: shimmed(bare(builder), FIVE)),
}
EVERY = pytest.mark.parametrize("variant", VARIANTS)


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


class Compiled(Of):
    def get_compiled_graph(self) -> Any:
        return self.builder.compile(interrupt_before=["ask"], name="theirs")


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
