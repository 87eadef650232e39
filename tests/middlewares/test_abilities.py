"""What a middleware may do: replace the state, retry, skip, work aside, ask, refuse; and in which order it stands."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from dataops_core import ArtifactStore
from dataops_core.contracts.middleware import NodeCall, NodeMiddleware, adrive, drive, ordered
from dataops_core.decorators import wrap
from dataops_core.errors import Conflict
from dataops_core.execution.scope import current_run
from tests.graph_runs import GraphRuns
from tests.middlewares.hostile import Body
from tests.middlewares.nodes import COLOURS, Bare, State, coloured, middleware, one, run_with, says

PLACES = pytest.mark.parametrize("place", ["hook", "decorator"])


def test_order_is_by_order_then_name(runs: GraphRuns) -> None:
    heard: list[str] = []

    def named(name: str) -> Body:
        def around(call: NodeCall) -> Any:
            heard.append(name)
            return (yield)

        return around

    hooks = [middleware(named(n), n, order) for n, order in [("z", 1), ("b", 2.5), ("a", 2.5), ("c", -3)]]
    runs(one(says), middlewares=hooks)
    assert heard == ["c", "z", "a", "b"] == [m.name for m in ordered(hooks)]


class Marks(NodeMiddleware):
    name = "marks"
    order = -1000

    def __init__(self, text: str, heard: list[str]) -> None:
        self.text, self.heard = text, heard

    def around(self, call: NodeCall) -> Any:
        self.heard.append(self.text)
        return (yield)


class Methods:
    def __init__(self, heard: list[str]) -> None:
        self.node = wrap(Marks("by hand", heard), self.plain)

    def plain(self, state: State) -> dict[str, Any]:
        return says(state)


class Object:
    def __init__(self, heard: list[str]) -> None:
        kind = type("Kind", (Object,), {"__call__": wrap(Marks("by hand", heard), Object.say)})
        self.__class__ = kind

    def say(self, state: State) -> dict[str, Any]:
        return says(state)


def marked_nodes(heard: list[str]) -> dict[str, Any]:
    by_hand = wrap(Marks("by hand", heard), says)

    @functools.wraps(by_hand)
    def wrapped(state: State) -> Any:
        return by_hand(state)

    return {
        "function": by_hand,
        "coroutine": wrap(Marks("by hand", heard), coloured(says, True)),
        "wrapped again": wrapped,
        "method": Methods(heard).node,
        "object": Object(heard),
        "partial": functools.partial(wrap(Marks("by hand", heard), lambda told, state: says(state)), "told"),
    }


@pytest.mark.parametrize("form", marked_nodes([]))
def test_what_is_applied_by_hand_is_innermost_and_not_applied_twice(runs: GraphRuns, form: str) -> None:
    heard: list[str] = []

    def other(call: NodeCall) -> Any:
        heard.append("other")
        return (yield)

    graph = one(marked_nodes(heard)[form])
    graph.add_node("plain", says)
    graph.add_edge("node", "plain")
    result = runs(graph, middlewares=[Marks("by hook", heard), middleware(other)], asynchronous=True)
    assert result.state["text"] == "ox!"
    assert heard == ["other", "by hand", "by hook", "other"]


class Model(BaseModel):
    word: str
    text: str = ""


@pytest.mark.parametrize("schema", [Bare, Model], ids=["dict", "pydantic"])
@PLACES
@COLOURS
def test_the_state_may_be_replaced(runs: GraphRuns, schema: Any, place: str, asynchronous: bool) -> None:
    def louder(call: NodeCall) -> Any:
        if isinstance(call.state, dict):
            call.state = {**call.state, "word": call.state["word"].upper()}
        else:
            call.state = call.state.model_copy(update={"word": call.state.word.upper()})
        result = yield
        assert (call.state["word"] if isinstance(call.state, dict) else call.state.word) == "OX"
        return result

    def node(state: Any) -> dict[str, Any]:
        return {"text": state["word"] if isinstance(state, dict) else state.word}

    graph_node = coloured(node, asynchronous)
    hooks = [middleware(louder)] if place == "hook" else []
    graph = one(graph_node if hooks else wrap(middleware(louder), graph_node), schema)
    state = runs(graph, middlewares=hooks, asynchronous=asynchronous).state
    assert (state if isinstance(state, dict) else state.model_dump()) == {"word": "ox", "text": "OX"}


@COLOURS
def test_an_outer_retry_runs_the_inner_ones_again_from_the_same_state(runs: GraphRuns, asynchronous: bool) -> None:
    heard: list[str] = []
    trouble = iter([ValueError("once"), None])

    def again(call: NodeCall) -> Any:
        try:
            return (yield)
        except ValueError:
            return (yield)

    def adds(call: NodeCall) -> Any:
        heard.append(call.state["word"])
        call.state = {**call.state, "word": call.state["word"] + "+"}
        return (yield)

    def node(state: State) -> dict[str, Any]:
        if error := next(trouble):
            raise error
        return {"text": state["word"]}

    hooks = [middleware(again, order=1), middleware(adds, order=2)]
    result = runs(one(coloured(node, asynchronous)), middlewares=hooks, asynchronous=asynchronous)
    assert result.state["text"] == "ox+"
    assert heard == ["ox", "ox"]


def test_each_sees_the_state_that_it_passed_on(runs: GraphRuns) -> None:
    seen: list[str] = []

    def replaces(name: str) -> Body:
        def around(call: NodeCall) -> Any:
            call.state = {**call.state, "word": call.state["word"] + name}
            yield
            seen.append(call.state["word"])

        return around

    runs(one(says), middlewares=[middleware(replaces(n), n, order) for order, n in enumerate("abc")])
    assert seen == ["oxabc", "oxab", "oxa"]


def test_what_a_failed_execution_stored_is_not_kept(runs: GraphRuns) -> None:
    trouble = iter([ValueError("once"), None])

    def again(call: NodeCall) -> Any:
        with suppress(ValueError):
            return (yield)
        return (yield)

    def node(state: State) -> dict[str, Any]:
        error = next(trouble)
        ArtifactStore().store_artifact(f"{error}", current_run.get().session_id, "graph", name="try")  # type: ignore[union-attr]
        if error:
            raise error
        return says(state)

    result = runs(one(node), middlewares=[middleware(again)])
    kept = ArtifactStore().list_artifacts(result.session_id)
    assert [ArtifactStore().get_artifact_content(a.artifact_id) for a in kept] == ["None"]
    assert [a.artifact_id for a in kept] == list(result.artifacts)


@PLACES
@COLOURS
def test_returning_nothing_passes_on_what_the_node_did(runs: GraphRuns, place: str, asynchronous: bool) -> None:
    def nothing(call: NodeCall) -> Any:
        try:
            yield
        except ValueError as error:
            call.io(print, error)

    def node(state: State) -> dict[str, Any]:
        raise ValueError("the node's own")

    assert run_with(runs, place, nothing, says, asynchronous).state["text"] == "ox!"
    result = run_with(runs, place, nothing, node, asynchronous)
    assert "the node's own" in result.error["message"]


@PLACES
@COLOURS
def test_a_node_may_be_skipped_and_its_result_replaced(runs: GraphRuns, place: str, asynchronous: bool) -> None:
    def skips(call: NodeCall) -> Any:
        return {"text": "skipped"}
        yield

    def replaces(call: NodeCall) -> Any:
        result = yield
        return Command(update={"text": f"{result['text']}?"})

    def node(state: State) -> dict[str, Any]:
        raise AssertionError("it ran")

    assert run_with(runs, place, skips, node, asynchronous).state["text"] == "skipped"
    assert run_with(runs, place, replaces, says, asynchronous).state["text"] == "ox!?"


def works(call: NodeCall) -> Any:
    told = yield call.io(lambda a, *, b: (threading.get_ident(), a, b), "a", b="b")
    yield call.sleep(0.1)
    return (told, (yield))


def test_work_and_pauses_of_a_sync_node_are_done_in_its_thread() -> None:
    call = NodeCall("", "", "node", (), {}, {})
    start = time.monotonic()
    assert drive(works(call), threading.get_ident) == ((threading.get_ident(), "a", "b"), threading.get_ident())
    assert time.monotonic() - start >= 0.1


def test_work_and_pauses_of_an_async_node_leave_the_event_loop() -> None:
    async def node() -> int:
        return threading.get_ident()

    async def main() -> None:
        pending = asyncio.ensure_future(adrive(works(NodeCall("", "", "node", (), {}, {})), node))
        ticks = 0
        while not pending.done():
            ticks += 1
            await asyncio.sleep(0.01)
        (worker, *told), own = await pending
        assert (told, own) == (["a", "b"], threading.get_ident())
        assert worker != own
        assert ticks >= 5

    asyncio.run(main())


@COLOURS
def test_a_middleware_may_ask_a_person_and_refuse(runs: GraphRuns, asynchronous: bool) -> None:
    def approves(call: NodeCall) -> Any:
        if interrupt("may it run?") != "yes":
            raise Conflict("nobody may")
        return (yield)

    def refuses(call: NodeCall) -> Any:
        raise Conflict("nobody may run this")
        yield

    def translates(call: NodeCall) -> Any:
        try:
            return (yield)
        except ValueError as error:
            raise LookupError("in other words") from error

    def node(state: State) -> dict[str, Any]:
        raise ValueError("no")

    asked = run_with(runs, "hook", approves, says, asynchronous)
    assert (asked.status, asked.question["prompt"]) == ("interrupted", "may it run?")
    assert run_with(runs, "hook", refuses, says, asynchronous).error["message"] == "nobody may run this"
    assert "in other words" in run_with(runs, "hook", translates, node, asynchronous).error["message"]


def test_a_call_tells_where_it_is(runs: GraphRuns) -> None:
    calls: list[NodeCall] = []

    def hears(call: NodeCall) -> Any:
        calls.append(call)
        return (yield)

    below = one(says).compile()
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    graph.add_node("outer", below)
    graph.add_edge(START, "outer")
    result = runs(graph, middlewares=[middleware(hears)], name="where")
    outer, inner = calls
    assert (outer.node, inner.node) == ("outer", "node")
    assert inner.path[: len(outer.path)] == outer.path
    assert len(inner.path) == 2 * len(outer.path)
    assert inner.function == f"{says.__module__}.says"
    for call in calls:
        assert (call.workflow, call.version, call.attempt) == ("where", "1.0.0", 1)
        assert (call.run_id, call.session_id) == (result.run_id, result.session_id)
        assert call.services is not None
