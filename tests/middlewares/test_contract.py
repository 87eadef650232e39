"""The contract between middlewares and nodes: nobody swallows an interrupt, a hostile middleware harms only itself."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.types import Command, interrupt

from dataops_core.contracts.middleware import NodeCall, adrive, drive
from dataops_core.decorators import wrap
from dataops_core.errors import FenceLost, RunTimeout
from dataops_core.execution import layers
from tests.graph_runs import GraphRuns
from tests.middlewares.hostile import HARMLESS_HERE, HOSTILE, Body, insists_on_rubbish, raises_after
from tests.middlewares.nodes import COLOURS, State, coloured, middleware, one, run_with, says

PLACES = pytest.mark.parametrize("place", ["hook", "decorator"])


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


EACH = pytest.mark.parametrize("body", HOSTILE, ids=lambda body: body.__name__)


@EACH
@pytest.mark.parametrize(
    ("position", "asynchronous"),
    [(-1, False), (50, True), (1000, False)],
    ids=["first, sync", "middle, async", "last, sync"],
)
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
    assert (result.status, result.state["word"], result.state["text"]) == ("success", "ox", "ox!")
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
