"""The contract between middlewares and nodes: nobody swallows an interrupt, a hostile middleware harms only itself."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from dataops_core import ArtifactStore
from dataops_core.contracts.middleware import NodeCall, NodeMiddleware, adrive, drive, ordered
from dataops_core.decorators import wrap
from dataops_core.errors import Conflict, FenceLost, RunTimeout
from dataops_core.execution import layers
from dataops_core.execution.scope import current_run
from tests.graph_runs import GraphRuns

COLOURS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
PLACES = pytest.mark.parametrize("place", ["hook", "decorator"])
Body = Callable[[NodeCall], Any]


class State(TypedDict, total=False):
    word: str
    text: str
    trail: list[str]


@pytest.fixture
def runs(stores: Any, monkeypatch: pytest.MonkeyPatch) -> GraphRuns:
    monkeypatch.setattr(layers, "_said", set())
    return GraphRuns(stores, monkeypatch)


def middleware(body: Body, name: str = "", order: float = 100) -> NodeMiddleware:
    """Returns a middleware whose `around` is a function of the call."""
    members = {"name": name or body.__name__, "order": order, "around": lambda self, call: body(call)}
    return type("Made", (NodeMiddleware,), members)()  # type: ignore[no-any-return]


def one(node: Any, schema: Any = State) -> StateGraph[Any, Any, Any, Any]:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(schema)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return graph


def coloured(function: Any, asynchronous: bool) -> Any:
    if not asynchronous:
        return function

    @functools.wraps(function)
    async def node(state: Any) -> Any:
        return function(state)

    return node


def says(state: State) -> dict[str, Any]:
    return {"text": f"{state['word']}!"}


def run_with(runs: GraphRuns, place: str, body: Body, function: Any, asynchronous: bool, **options: Any) -> Any:
    node = coloured(function, asynchronous)
    if place == "decorator":
        return runs(one(wrap(middleware(body), node)), asynchronous=asynchronous, **options)
    return runs(one(node), middlewares=[middleware(body)], asynchronous=asynchronous, **options)


# What steers the graph or the run passes outside of plugin code.


def swallows(call: NodeCall) -> Any:
    try:
        return (yield)
    except Exception:
        return {"text": "eaten"}


def swallows_everything(call: NodeCall) -> Any:
    try:
        return (yield)
    except BaseException:
        return {"text": "eaten"}


def swallows_and_goes_on(call: NodeCall) -> Any:
    while True:
        try:
            yield
        except BaseException:
            yield


SWALLOWERS = pytest.mark.parametrize("body", [swallows, swallows_everything, swallows_and_goes_on])


@SWALLOWERS
@PLACES
@COLOURS
def test_no_middleware_swallows_an_interrupt(runs: GraphRuns, body: Body, place: str, asynchronous: bool) -> None:
    result = run_with(runs, place, body, lambda state: {"text": interrupt("which?")}, asynchronous)
    assert (result.status, result.question["prompt"]) == ("interrupted", "which?")


@SWALLOWERS
@PLACES
@COLOURS
def test_no_middleware_swallows_a_command_to_the_parent(
    runs: GraphRuns, body: Body, place: str, asynchronous: bool
) -> None:
    def leave(state: State) -> Any:
        return Command(graph=Command.PARENT, goto="after", update={"text": "left"})

    below = one(coloured(leave, asynchronous)).compile()
    node: Any = below
    if place == "decorator":

        def calls(state: State) -> Any:
            return below.invoke(state)

        async def acalls(state: State) -> Any:
            return await below.ainvoke(state)

        node = wrap(middleware(body), acalls if asynchronous else calls)
    graph = one(node)
    graph.add_node("after", says)
    hooks = [middleware(body)] if place == "hook" and body is swallows else []
    result = runs(graph, middlewares=hooks, asynchronous=asynchronous)
    assert (result.status, result.state["text"]) == ("success", "ox!")


@pytest.mark.parametrize("error", [FenceLost("taken"), RunTimeout("late")], ids=lambda e: e.code)
@COLOURS
def test_no_middleware_sees_the_end_of_its_run(error: Exception, asynchronous: bool) -> None:
    def node() -> Any:
        raise error

    async def anode() -> Any:
        raise error

    call = NodeCall("", "", "node", (), {}, {})

    def driven() -> Any:
        around = swallows_everything(call)
        return asyncio.run(adrive(around, anode)) if asynchronous else drive(around, node)

    with pytest.raises(type(error)):
        driven()


def test_cancellation_passes_outside() -> None:
    async def node() -> Any:
        await asyncio.sleep(5)

    async def main() -> None:
        call = NodeCall("", "", "node", (), {}, {})
        task = asyncio.ensure_future(adrive(swallows_and_goes_on(call), node))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


# A hostile middleware harms only itself.


def raises_at_once(call: NodeCall) -> Any:
    raise RuntimeError("at once")


def raises_before(call: NodeCall) -> Any:
    raise RuntimeError("before")
    yield


def raises_after(call: NodeCall) -> Any:
    yield
    raise RuntimeError("after")


def exits_before(call: NodeCall) -> Any:
    raise SystemExit(3)
    yield


def exits_after(call: NodeCall) -> Any:
    yield
    raise SystemExit(3)


def cancels(call: NodeCall) -> Any:
    yield
    raise asyncio.CancelledError


def yields_rubbish(call: NodeCall) -> Any:
    yield 5
    return (yield)


def insists_on_rubbish(call: NodeCall) -> Any:
    while True:
        try:
            yield "rubbish"
        except Exception:
            continue


def returns_a_text(call: NodeCall) -> Any:
    yield
    return "rubbish"


def returns_a_number(call: NodeCall) -> Any:
    return 5
    yield


def returns_a_list(call: NodeCall) -> Any:
    yield
    return [1, 2]


def is_no_generator(call: NodeCall) -> Any:
    return {"text": "not asked"}


async def is_async(call: NodeCall) -> Any:
    yield


def breaks_the_state(call: NodeCall) -> Any:
    call.state = 5
    return (yield)


def breaks_the_state_and_raises(call: NodeCall) -> Any:
    call.state = {"word": "cow"}
    raise RuntimeError("before")
    yield


def bad_io(call: NodeCall) -> Any:
    yield call.io(lambda: 1 / 0)
    return (yield)


def bad_io_after(call: NodeCall) -> Any:
    yield
    yield call.io(lambda: 1 / 0)


def bad_sleep(call: NodeCall) -> Any:
    yield call.sleep("soon")  # type: ignore[arg-type]
    return (yield)


def closes_badly(call: NodeCall) -> Any:
    try:
        yield
        yield "rubbish"
    except GeneratorExit:
        yield


def raises_of_an_error(call: NodeCall) -> Any:
    try:
        return (yield)
    except Exception:
        raise RuntimeError("its own, of a node's error")  # noqa: B904


def stops(call: NodeCall) -> Any:
    yield
    raise StopIteration({"text": "stopped"})


HOSTILE: list[Body] = [
    raises_at_once,
    raises_before,
    raises_after,
    exits_before,
    exits_after,
    cancels,
    yields_rubbish,
    insists_on_rubbish,
    returns_a_text,
    returns_a_number,
    returns_a_list,
    is_no_generator,
    is_async,
    breaks_the_state,
    breaks_the_state_and_raises,
    bad_io,
    bad_io_after,
    bad_sleep,
    closes_badly,
    raises_of_an_error,
    stops,
]
HARMLESS_HERE = {raises_of_an_error}
EACH = pytest.mark.parametrize("body", HOSTILE, ids=lambda body: body.__name__)


@EACH
@pytest.mark.parametrize("position", [-1, 50, 1000], ids=["first", "middle", "last"])
@COLOURS
def test_a_hostile_middleware_harms_only_itself(
    runs: GraphRuns, body: Body, position: int, asynchronous: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ran, heard = [], []

    def node(state: State) -> dict[str, Any]:
        ran.append(state["word"])
        return {"text": f"{state['word']}!"}

    def good(name: str) -> Body:
        def around(call: NodeCall) -> Any:
            heard.append(name)
            result = yield
            heard.append(f"{name} {result['text']}")

        return around

    hooks = [middleware(good("a"), "a", 0), middleware(body, order=position), middleware(good("b"), "b", 100)]
    result = runs(one(coloured(node, asynchronous)), middlewares=hooks, asynchronous=asynchronous)
    assert (result.status, result.state) == ("success", {"word": "ox", "text": "ox!"})
    assert ran == ["ox"]
    assert heard == ["a", "b", "b ox!", "a ox!"]
    said = [r.getMessage() for r in caplog.records if repr(body.__name__) in r.getMessage()]
    assert len(said) == (body not in HARMLESS_HERE)


@EACH
@COLOURS
def test_a_hostile_middleware_neither_hides_nor_changes_a_node_s_error(
    runs: GraphRuns, body: Body, asynchronous: bool
) -> None:
    def node(state: State) -> dict[str, Any]:
        raise LookupError("the node's own") from KeyError("its cause")

    result = run_with(runs, "hook", body, node, asynchronous)
    assert result.status == "error"
    assert "LookupError: the node's own" in result.error["message"]


@EACH
def test_a_hostile_middleware_hinders_no_interrupt(runs: GraphRuns, body: Body) -> None:
    result = run_with(runs, "hook", body, lambda state: {"text": interrupt("which?")}, False)
    assert result.status == "interrupted"


@pytest.mark.parametrize("body", [b for b in HOSTILE if b not in HARMLESS_HERE], ids=lambda body: body.__name__)
def test_what_is_required_fails_the_node(runs: GraphRuns, body: Body) -> None:
    result = runs(one(says), middlewares=[middleware(body)], required=frozenset({body.__name__}))
    assert (result.status, result.error["code"]) == ("error", "plugin_failed")
    assert f"{body.__name__!r} failed at node 'node'" in result.error["message"]


def test_each_defect_is_said_once_a_workflow(runs: GraphRuns, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("one", "one", "two"):
        runs(one(says), middlewares=[middleware(raises_after)], name=name)
    assert len([r for r in caplog.records if "raises_after" in r.getMessage()]) == 2


def test_a_middleware_that_never_ends_is_ended_by_the_run_s_time(runs: GraphRuns) -> None:
    def forever(call: NodeCall) -> Any:
        while True:
            with suppress(Exception):
                yield

    start = time.monotonic()
    result = runs(one(says), middlewares=[middleware(forever)], timeout=0.3)
    assert (result.status, result.error["code"]) == ("timeout", "timeout")
    assert time.monotonic() - start < 5


@given(st.lists(st.sampled_from([b for b in HOSTILE if b is not insists_on_rubbish]), max_size=6), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_middlewares_together_harm_only_themselves(bodies: list[Body], fails: bool) -> None:
    def node() -> Any:
        if fails:
            raise LookupError("the node's own")
        return {"text": call.state["word"]}

    call = NodeCall("w", "1", "node", (), {"word": "ox"}, {})
    hooks = [middleware(body, f"{n}") for n, body in enumerate(bodies)]
    if fails:
        with pytest.raises(LookupError):
            drive(layers.layers(hooks, call, frozenset()), node)
    else:
        assert drive(layers.layers(hooks, call, frozenset()), node) == {"text": "ox"}
    assert call.state == {"word": "ox"}


# What a middleware may do.


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


@pytest.mark.parametrize("schema", [State, Model], ids=["dict", "pydantic"])
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
    assert inner.function == f"{__name__}.says"
    for call in calls:
        assert (call.workflow, call.version, call.attempt) == ("where", "1.0.0", 1)
        assert (call.run_id, call.session_id) == (result.run_id, result.session_id)
        assert call.services is not None
