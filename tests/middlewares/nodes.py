"""Nodes, states and graphs that the tests of the middlewares share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from dataops_core import ArtifactStore, WorkflowState
from dataops_core.contracts.middleware import IO, NodeCall, NodeMiddleware, Sleep
from dataops_core.decorators import wrap
from tests.graph_runs import GraphRuns

Body = Callable[[NodeCall], Any]
COLOURS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


class State(WorkflowState, total=False):
    word: str
    text: str
    value: Any


class Bare(TypedDict, total=False):
    word: str
    text: str


def one(node: Any, schema: Any = State, *, name: str = "node") -> StateGraph[Any, Any, Any, Any]:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(schema)
    graph.add_node(name, node)
    graph.add_edge(START, name)
    return graph


def coloured(function: Any, asynchronous: bool) -> Any:
    """Returns the function, or a coroutine function that does the same."""
    if not asynchronous:
        return function

    @functools.wraps(function)
    async def node(state: Any) -> Any:
        return function(state)

    return node


def kept(result: Any) -> dict[str, Any]:
    """Returns the contents of a run's artifacts by name; they are committed, and the run lists them."""
    assert result.status == "success", result.error
    store = ArtifactStore()
    artifacts = store.list_artifacts(result.session_id)
    assert {a.artifact_id for a in artifacts} == set(result.artifacts)
    return {str(a.name): store.get_artifact_content(a.artifact_id) for a in artifacts}


class PydanticState(BaseModel):
    word: str
    text: str = "default"
    count: int | None = 3
    artifacts: list[str] = []


@dataclass
class DataclassState:
    word: str = ""
    text: str = "default"
    artifacts: list[str] = field(default_factory=list)


def play(middleware: Any, script: list[Any], state: Any = None) -> tuple[Any, list[float], int]:
    """Drives a middleware by a script of results and errors; returns what it returns, its pauses, and the tries."""
    call = NodeCall("w", "1", "node", (), state or {}, {})
    around, pauses, tries = middleware.around(call), [], 0
    answer: Any = None
    try:
        request = next(around)
        while True:
            if isinstance(request, Sleep):
                pauses.append(request.seconds)
                request = around.send(None)
            elif isinstance(request, IO):
                request = around.send(request.fn(*request.args, **request.kwargs))
            else:
                answer, tries = script[tries], tries + 1
                request = around.throw(answer) if isinstance(answer, Exception) else around.send(answer)
    except StopIteration as stop:
        return stop.value, pauses, tries


def middleware(body: Body, name: str = "", order: float = 100) -> NodeMiddleware:
    """Returns a middleware whose `around` is a function of the call."""
    members = {"name": name or body.__name__, "order": order, "around": lambda self, call: body(call)}
    return type("Made", (NodeMiddleware,), members)()  # type: ignore[no-any-return]


def says(state: State) -> dict[str, Any]:
    return {"text": f"{state['word']}!"}


def run_with(runs: GraphRuns, place: str, body: Body, function: Any, asynchronous: bool, **options: Any) -> Any:
    node = coloured(function, asynchronous)
    if place == "decorator":
        return runs(one(wrap(middleware(body), node)), asynchronous=asynchronous, **options)
    return runs(one(node), middlewares=[middleware(body)], asynchronous=asynchronous, **options)
