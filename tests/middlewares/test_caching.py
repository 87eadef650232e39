"""`with_caching` skips what is known, and mixes nothing up."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from langgraph.graph import START, StateGraph

from dataops_core import SessionManager, settings
from dataops_core.decorators import (
    with_artifacts,
    with_caching,
    with_session_context,
)
from dataops_core.middlewares.caching import Caching
from tests.graph_runs import GraphRuns
from tests.middlewares.nodes import COLOURS, Bare, State, coloured, kept, one


@pytest.fixture
def counted() -> Any:
    ran: list[str] = []

    def node(state: State) -> dict[str, Any]:
        ran.append(state["word"])
        return {"text": f"{state['word']} {len(ran)}"}

    node.ran = ran  # type: ignore[attr-defined]
    return node


@COLOURS
@pytest.mark.parametrize("by_hook", [False, True], ids=["decorated", "hook"])
def test_a_known_result_skips_the_node_in_every_session(
    runs: GraphRuns, counted: Any, asynchronous: bool, by_hook: bool
) -> None:
    function = coloured(counted, asynchronous)
    graph = one(function if by_hook else with_caching(function))

    def run(word: str) -> Any:
        middlewares = [Caching()] if by_hook else []
        return runs(graph, {"word": word}, name="c", middlewares=middlewares, asynchronous=asynchronous)

    assert [run(word).state["text"] for word in ("ox", "ox", "cow", "ox")] == ["ox 1", "ox 1", "cow 2", "ox 1"]
    assert counted.ran == ["ox", "cow"]


def test_caching_can_be_switched_off(runs: GraphRuns, counted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_CACHING", "false")
    settings.use(settings.load())
    graph = one(with_caching(counted))
    assert [runs(graph, name="off").state["text"] for _ in range(2)] == ["ox 1", "ox 2"]


def test_a_known_result_is_forgotten_in_time(runs: GraphRuns, counted: Any) -> None:
    graph = one(with_caching(ttl=0.05)(counted))
    assert runs(graph, name="ttl").state["text"] == "ox 1"
    time.sleep(0.06)
    assert runs(graph, name="ttl").state["text"] == "ox 2"


def test_a_key_says_what_matters(runs: GraphRuns, counted: Any) -> None:
    graph = one(with_caching(key=lambda state: state["word"].lower())(counted))
    assert [runs(graph, {"word": w}, name="key").state["text"] for w in ("OX", "ox")] == ["OX 1", "OX 1"]


def test_results_with_artifacts_are_not_kept(runs: GraphRuns, counted: Any) -> None:
    for stacked in (with_caching(with_artifacts(counted)), with_artifacts(with_caching(counted))):
        counted.ran.clear()
        results = [runs(one(stacked), name=f"a{id(stacked)}") for _ in range(2)]
        assert all(len(kept(r)) == 1 for r in results)
        assert results[0].artifacts != results[1].artifacts
    # Inside, the node is known, and each session gets an artifact of its own.
    assert counted.ran == ["ox"]


@pytest.mark.parametrize(
    "returned",
    [{"value": object()}, {"value": (1, 2)}, {"value": math.nan}, None],
    ids=["object", "tuple", "nan", "none"],
)
def test_results_that_are_not_plain_json_are_not_kept(runs: GraphRuns, returned: Any) -> None:
    ran: list[int] = []

    @with_caching
    def node(state: State) -> Any:
        ran.append(1)
        return returned

    for _ in range(2):
        runs(one(node, Bare), name="plain")
    assert len(ran) == 2


def test_functions_and_inner_nodes_of_one_node_are_told_apart(runs: GraphRuns) -> None:
    first = with_caching(lambda state: {"text": "first"})

    @with_caching
    def second(state: State) -> dict[str, Any]:
        return {"text": "second"}

    def both(state: State) -> dict[str, Any]:
        return {"text": f"{first(state)['text']} {second(state)['text']}"}

    below: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    below.add_node("node", second)
    below.add_edge(START, "node")
    graph = one(both)
    graph.add_node("below", below.compile())
    graph.add_edge("node", "below")
    assert runs(one(both), name="both").state["text"] == "first second"
    assert runs(graph, name="both").state["text"] == "second"


def test_one_session_s_context_is_no_answer_for_another(runs: GraphRuns) -> None:
    def node(state: Any) -> dict[str, Any]:
        said = [m["content"] for m in state["session_context"]["recent_messages"]]
        return {"text": said[0]}

    sessions = SessionManager()
    for graph in (one(with_session_context(with_caching(node))), one(node)):
        told = []
        for user in ("ann", "bob"):
            sid = sessions.create_session(user).session_id
            sessions.add_message(sid, "user", f"secret of {user}")
            from dataops_core.middlewares.session_context import SessionContext

            hooks = [Caching(), SessionContext()]
            told.append(runs(graph, name="secret", session_id=sid, middlewares=hooks).state["text"])
        assert told == ["secret of ann", "secret of bob"]
