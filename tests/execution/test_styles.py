"""Both styles of graph, other state types, progress, questions, limits, in real runs."""

from __future__ import annotations

import sys

import pytest

from dataops_core import ArtifactStore, SessionManager
from dataops_core.errors import Conflict
from dataops_core.execution.runner import Runner
from dataops_core.storage import schema
from tests.conftest import forget
from tests.toys import install_workflow

COMPILED = """
from typing import TypedDict
from langgraph.graph import END, START, StateGraph
from dataops_core import ArtifactType, BaseWorkflow, with_artifacts

class State(TypedDict):
    session_id: str
    workflow_name: str
    input: str
    output: str
    artifacts: list[str]

class Toy(BaseWorkflow):
    def get_compiled_graph(self):
        graph = StateGraph(State)
        graph.add_node("left", self.left)
        graph.add_node("right", self.right)
        graph.add_node("join", self.join)
        graph.add_edge(START, "left")
        graph.add_edge(START, "right")
        graph.add_edge(["left", "right"], "join")
        graph.add_edge("join", END)
        return graph.compile(name="mine")

    @with_artifacts(ArtifactType.INTERMEDIATE, name="left")
    async def left(self, state):
        return {"input": state["input"] + "!"}

    @with_artifacts(ArtifactType.INTERMEDIATE, name="right")
    def right(self, state) -> dict:
        return {}

    @with_artifacts
    def join(self, state):
        return {"output": f"{state['input']} {len(state['artifacts'])}"}
"""
MODEL = """
from pydantic import BaseModel
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from dataops_core import BaseWorkflow

class Inner(BaseModel):
    n: int = 0

class State(BaseModel):
    word: str
    inner: Inner = Inner()
    answer: str = ""
    success: bool = False

class Toy(BaseWorkflow):
    def build_graph(self):
        graph = StateGraph(State)
        graph.add_node("one", self.one)
        graph.add_node("two", self.two)
        graph.add_edge(START, "one")
        graph.add_edge("one", "two")
        graph.add_edge("two", END)
        return graph

    def one(self, state):
        get_stream_writer()({"progress": 0.5, "message": "half way"})
        return {"inner": Inner(n=3)}

    def two(self, state):
        return {"answer": f"{state.word} {state.inner.n}", "success": True}
"""
ASKS = """
from typing_extensions import TypedDict
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from dataops_core import BaseWorkflow, WorkflowState

class State(WorkflowState):
    word: str

class Toy(BaseWorkflow):
    def build_graph(self):
        graph = StateGraph(State)
        graph.add_node("before", lambda state: {"word": state["word"] + "1"})
        graph.add_node("ask", self.ask)
        graph.add_edge(START, "before")
        graph.add_edge("before", "ask")
        graph.add_edge("ask", END)
        return graph

    def ask(self, state):
        said = interrupt({"prompt": "Really?"})
        return {"answer": f"{state['word']} {said}"}
"""
SLOW = """
import time
from langgraph.graph import END, START, StateGraph
from dataops_core import BaseWorkflow, WorkflowState

class Toy(BaseWorkflow):
    def build_graph(self):
        graph = StateGraph(WorkflowState)
        graph.add_node("slow", self.slow)
        graph.add_node("late", lambda state: {"answer": "late"})
        graph.add_edge(START, "slow")
        graph.add_edge("slow", "late")
        graph.add_edge("late", END)
        return graph

    def slow(self, state):
        DO
        return {}
"""


@pytest.fixture
def install(tmp_path, monkeypatch, stores):
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    names = []

    def add(name, code, manifest=""):
        install_workflow(site, name, code, manifest)
        names.append(name)
        forget()

    yield add
    for module in [m for m in sys.modules if m.split(".")[0] in names]:
        del sys.modules[module]


@pytest.mark.parametrize("isolation", ["inline", "process"])
def test_a_graph_that_the_author_compiled(install, isolation):
    install("mine", COMPILED, f"isolation: {isolation}\n")
    result = Runner().run("mine", {"input": "in"})
    assert (result.status, result.answer) == ("success", "in! 2")
    kept = ArtifactStore().list_artifacts(result.session_id)
    assert sorted(a.name for a in kept) == ["join", "left", "right"]
    assert set(result.artifacts) == {a.artifact_id for a in kept}


def test_a_pydantic_state_and_progress(install):
    install("model", MODEL)
    heard = []
    result = Runner(listener=heard.append).run("model", {"word": "hi"})
    assert (result.status, result.answer) == ("success", "hi 3")
    assert [e.data["message"] for e in heard if e.type == "node.progress"] == ["half way"]


def test_a_pydantic_state_comes_back_after_a_crash(install, stores, monkeypatch):
    install("model", MODEL)
    runner = Runner()
    commit = stores.records.commit

    def stop_at_the_second_step(writes):
        if sum(w.table is schema.RUN_ITEMS for w in writes if hasattr(w, "record")) and len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(1)
        return commit(writes)

    seen: list[int] = []
    monkeypatch.setattr(stores.records, "commit", stop_at_the_second_step)
    with pytest.raises(KeyboardInterrupt):
        runner.run("model", {"word": "hi"})
    monkeypatch.setattr(stores.records, "commit", commit)
    (run,) = runner.runs.list(open="run")
    result = runner.resume(run["run_id"], force=True)
    assert (result.status, result.answer, result.attempt) == ("success", "hi 3", 2)


@pytest.mark.parametrize("durability", ["sync", "exit"])
def test_an_interrupt_is_a_question_and_gives_the_turn_back(install, stores, durability):
    install("asks", ASKS, f"durability: {durability}\n")
    result = Runner().run("asks", {"word": "a"})
    assert result.status == "interrupted"
    assert result.question["prompt"] == "Really?"
    assert [m.content for m in SessionManager().get_messages(result.session_id)][1] == "Really?"
    record = stores.records.get(schema.SESSIONS, result.session_id).record
    assert "turn" not in record
    assert stores.records.range(schema.RUN_ITEMS, result.run_id, "checkpoint#", "checkpoint#~")
    with pytest.raises(Conflict, match="waits for an answer"):
        Runner().resume(result.run_id)


def test_time_is_up_inline_before_the_next_node(install):
    install("slow", SLOW.replace("DO", "time.sleep(0.4)"), "resources: {timeout: 0.2}\n")
    result = Runner().run("slow", {})
    assert result.status == "timeout"
    assert result.error["code"] == "timeout"


@pytest.mark.parametrize(
    ("resources", "body", "status", "says"),
    [
        ("{timeout: 4}", "time.sleep(60)", "timeout", "4 s"),
        (
            "{max_memory: 300}",
            "x = bytearray(1 << 29); x[::4096] = b'1' * len(x[::4096]); time.sleep(60)",
            "error",
            "300",
        ),
    ],
)
def test_limits_are_hard_in_a_process(install, resources, body, status, says):
    install("slow", SLOW.replace("DO", body), f"isolation: process\nresources: {resources}\n")
    result = Runner().run("slow", {})
    assert result.status == status
    assert says in result.error["message"]


def test_a_process_that_dies_is_tried_again_and_then_given_up(install):
    install("slow", SLOW.replace("DO", "import os; os._exit(3)"), "isolation: process\nmax_attempts: 2\n")
    result = Runner().run("slow", {})
    assert (result.status, result.attempt) == ("error", 3)
    assert "given up" in result.error["message"]
