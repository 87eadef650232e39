"""`with_artifacts` keeps what a node returns, in real runs."""

from __future__ import annotations

import math
from typing import Any

import pandas
import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from dataops_core import ArtifactStore
from dataops_core.artifact import ArtifactType
from dataops_core.decorators import (
    with_artifacts,
)
from dataops_core.middlewares.artifacts import Artifacts
from tests.graph_runs import GraphRuns
from tests.middlewares.nodes import COLOURS, Bare, DataclassState, PydanticState, State, coloured, kept, one


@COLOURS
@pytest.mark.parametrize("by_hook", [False, True], ids=["decorated", "hook"])
def test_an_update_is_kept_and_listed_in_the_state(runs: GraphRuns, asynchronous: bool, by_hook: bool) -> None:
    def node(state: State) -> dict[str, Any]:
        return {"text": f"{state['word']}!"}

    function = coloured(node, asynchronous)
    graph = one(function if by_hook else with_artifacts(ArtifactType.INTERMEDIATE)(function))
    middlewares = [Artifacts(ArtifactType.INTERMEDIATE)] if by_hook else []
    result = runs(graph, middlewares=middlewares, asynchronous=asynchronous)
    assert kept(result) == {"node": {"text": "ox!"}}
    assert result.state["artifacts"] == list(result.artifacts)
    assert result.state["text"] == "ox!"
    (artifact,) = ArtifactStore().list_artifacts(result.session_id)
    assert (artifact.artifact_type, artifact.node) == (ArtifactType.INTERMEDIATE, "node")


def test_a_key_is_kept_alone_and_its_id_takes_its_place(runs: GraphRuns) -> None:
    @with_artifacts(key="value", name="rows.json")
    def node(state: State) -> dict[str, Any]:
        return {"value": [1, 2], "text": "told"}

    result = runs(one(node))
    assert kept(result) == {"rows.json": [1, 2]}
    assert result.state["value"] == result.artifacts[0]
    assert result.state["text"] == "told"


@pytest.mark.parametrize("returned", [{"text": "no such key"}, {"value": None}, {}, None], ids=str)
def test_where_the_key_is_not_nothing_is_kept(runs: GraphRuns, returned: Any) -> None:
    result = runs(one(with_artifacts(key="value")(lambda state: returned)))
    assert kept(result) == {}


@pytest.mark.parametrize(
    ("value", "content_type", "told"),
    [
        ("<p>ä</p>", "text/html", "<p>ä</p>"),
        (b"\xff\x00", None, b"\xff\x00"),
        ({"raw": b"\xff", "nan": math.nan, "at": {1: {2}}}, None, {"raw": "_w==", "nan": "NaN", "at": {"1": [2]}}),
        ("{}", "application/json", "{}"),
    ],
    ids=["html", "bytes", "nested", "text as JSON"],
)
def test_what_a_key_may_hold(runs: GraphRuns, value: Any, content_type: str | None, told: Any) -> None:
    node = with_artifacts(key="value", name="it", content_type=content_type)(lambda state: {"value": value})
    result = runs(one(node))
    assert kept(result) == {"it": told}
    (artifact,) = ArtifactStore().list_artifacts(result.session_id)
    assert content_type in (None, artifact.content_type)


def test_a_frame_is_kept_as_a_frame(runs: GraphRuns) -> None:
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None]})
    result = runs(one(with_artifacts(key="value", name="frame")(lambda state: {"value": frame})))
    assert kept(result)["frame"].equals(frame)


def test_what_cannot_be_kept_fails_the_node_and_names_it(runs: GraphRuns) -> None:
    result = runs(one(with_artifacts(key="value")(lambda state: {"value": {"text": "\ud800"}})))
    assert (result.status, result.error["code"]) == ("error", "invalid_value")
    assert "artifact" in result.error["message"]


@pytest.mark.parametrize("schema", [PydanticState, DataclassState], ids=lambda s: s.__name__)
def test_models_and_dataclasses_are_updates(runs: GraphRuns, schema: Any) -> None:
    @with_artifacts
    def node(state: Any) -> Any:
        return schema(word=state.word + "!")

    graph = one(node, schema)
    bare = graph.compile().invoke({"word": "ox", "artifacts": []})
    result = runs(graph)
    content = kept(result)["node"]
    assert content["word"] == "ox!"
    seen = {key: getattr(result.state, key) for key in ("word", "text", "artifacts")}
    assert seen == {"word": bare["word"], "text": bare["text"], "artifacts": list(result.artifacts)}


def test_commands_keep_their_goto(runs: GraphRuns) -> None:
    @with_artifacts
    def node(state: State) -> Command[Any]:
        return Command(update={"text": "told"}, goto="last")

    graph = one(node)
    graph.add_node("last", lambda state: {"value": state["text"]})
    result = runs(graph)
    assert kept(result) == {"node": {"text": "told"}}
    assert result.state["value"] == "told"


def test_commands_that_send_carry_nothing_to_keep(runs: GraphRuns) -> None:
    @with_artifacts
    def split(state: State) -> Any:
        return Command(goto=[Send("work", {"word": w}) for w in "abc"])

    @with_artifacts(name="part")
    def work(state: State) -> dict[str, Any]:
        return {"artifacts": [f"own {state['word']}"]}

    graph = one(split, name="split")
    graph.add_node("work", work)
    result = runs(graph)
    assert len(result.artifacts) == 3
    listed = result.state["artifacts"]
    assert sorted(i for i in listed if i.startswith("own")) == ["own a", "own b", "own c"]
    assert set(result.artifacts) == {i for i in listed if not i.startswith("own")}


class Unreduced(TypedDict, total=False):
    word: str
    artifacts: list[str]


@pytest.mark.parametrize("schema", [State, Unreduced], ids=["reducer", "no reducer"])
@COLOURS
def test_parallel_branches_keep_every_id(runs: GraphRuns, schema: Any, asynchronous: bool) -> None:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(schema)
    for name in "abc":
        node = coloured(lambda state, name=name: {"word": name} if name == "a" else {}, asynchronous)
        graph.add_node(name, with_artifacts(name=name)(node))
        graph.add_edge(START, name)
    result = runs(graph, asynchronous=asynchronous)
    assert kept(result) == {"a": {"word": "a"}, "b": {}, "c": {}}
    assert sorted(result.state["artifacts"]) == sorted(result.artifacts)
    assert len(result.artifacts) == 3


def test_a_state_without_artifacts_is_told_once(runs: GraphRuns, caplog: pytest.LogCaptureFixture) -> None:
    graph = one(with_artifacts(lambda state: {"text": "told"}), Bare)
    results = [runs(graph, name="untold") for _ in range(2)]
    assert [kept(r) for r in results] == [{"node": {"text": "told"}}] * 2
    assert [r.state for r in results] == [{"word": "ox", "text": "told"}] * 2
    said = [r.getMessage() for r in caplog.records if "artifacts" in r.getMessage()]
    assert len(said) == 1
    assert "'untold'" in said[0]
    assert "'node'" in said[0]


def test_artifacts_of_another_type_stay_the_author_s(runs: GraphRuns) -> None:
    class Own(TypedDict, total=False):
        word: str
        artifacts: dict[str, int]

    result = runs(one(with_artifacts(lambda state: {"artifacts": {"mine": 1}}), Own))
    assert result.state["artifacts"] == {"mine": 1}
    assert kept(result) == {"node": {"artifacts": {"mine": 1}}}


def test_nodes_of_a_subgraph_are_told_apart(runs: GraphRuns) -> None:
    below: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    for name in ("left", "right"):
        below.add_node(name, with_artifacts(lambda state: {}))
        below.add_edge(START, name)
    result = runs(one(below.compile(), name="below"))
    assert kept(result) == {"left": {}, "right": {}}
    assert sorted(result.state["artifacts"]) == sorted(result.artifacts)
