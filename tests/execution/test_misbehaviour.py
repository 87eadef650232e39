"""Nodes that exit, return what cannot be kept, or leave processes behind; and what a takeover remembers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dataops_core import ArtifactStore, SessionManager
from dataops_core.contracts.records import Put
from dataops_core.execution.runner import Runner
from dataops_core.storage import schema
from tests.conftest import forget
from tests.toys import install_workflow

RUDE = """
import os, subprocess, sys, time
from langgraph.graph import END, START, StateGraph
from dataops_core import ArtifactStore, BaseWorkflow, WorkflowState

class State(WorkflowState):
    word: str
    thing: object

class Toy(BaseWorkflow):
    def build_graph(self):
        graph = StateGraph(State)
        for name in ("first", "second"):
            graph.add_node(name, getattr(self, name))
        graph.add_edge(START, "first")
        graph.add_edge("first", "second")
        graph.add_edge("second", END)
        return graph

    def first(self, state):
        ArtifactStore().store_artifact("one", state["session_id"], "rude", name="one.txt")

    def second(self, state):
        word = state["word"]
        if word == "exit":
            sys.exit(0)
        if word == "object":
            return {"thing": object()}
        if word == "leave":
            left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            return {"answer": str(left.pid)}
        if word == "answer":
            return {"answer": {"a": 1}}
        if word == "hang":
            os.close(int(sys.argv[1]))
            time.sleep(60)
        if (path := os.environ.get("TOY_DIE")) and not os.path.exists(path):
            open(path, "w").close()
            os.kill(os.getpid(), 9)
        ArtifactStore().store_artifact("two", state["session_id"], "rude", name="two.txt")
        return {"answer": "done"}
"""
MANIFEST = "parameters: [{name: word, type: string, required: true}]\n"
NAMES = ("rude", "rude_apart", "rude_at_exit")


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch, stores):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    for name, more in zip(
        NAMES, ("", "isolation: process\nresources: {timeout: 20}\n", "durability: exit\n"), strict=True
    ):
        install_workflow(folder, name, RUDE, MANIFEST + more)
    forget()
    yield folder
    for name in [m for m in sys.modules if m.split(".")[0] in NAMES]:
        del sys.modules[name]


@pytest.mark.parametrize("workflow", NAMES)
def test_a_node_that_exits_fails_its_run_and_no_other(workflow):
    result = Runner().run(workflow, {"word": "exit"})
    assert result.status == "error"
    assert "at node 'second'" in result.answer
    assert "sys.exit(0)" in result.answer
    assert Runner().runs.list(open="run") == []


@pytest.mark.parametrize("workflow", NAMES)
def test_a_state_that_cannot_be_kept_is_told_at_once(workflow, stores):
    result = Runner().run(workflow, {"word": "object"})
    if workflow == "rude_at_exit":
        assert result.status == "success"  # nothing of the state is ever kept
    else:
        assert result.status == "error"
        assert "object" in result.answer
    assert Runner().runs.list(open="run") == []


def test_what_a_child_leaves_behind_ends_with_it():
    result = Runner().run("rude_apart", {"word": "leave"})
    assert result.status == "success"
    deadline = time.monotonic() + 5
    while _alive(int(result.answer)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_answer_that_is_no_text_is_said(caplog):
    result = Runner().run("rude", {"word": "answer"})
    assert result.answer == "rude is done; it kept 1 artifact."
    assert "its answer is a dict, not a text" in caplog.text


RUN = """
import sys
from dataops_core.execution.runner import Runner
Runner().run("rude", {"word": "x"}, session_id=sys.argv[1])
"""


@pytest.mark.parametrize("workflow", ["rude", "rude_apart"])
def test_a_takeover_remembers_what_was_kept_before(workflow, tmp_path, monkeypatch):
    monkeypatch.setenv("TOY_DIE", str(tmp_path / "died"))
    session = SessionManager().create_session("ann").session_id
    if workflow == "rude":
        assert subprocess.run([sys.executable, "-c", RUN, session], check=False).returncode == -9
        (run,) = Runner().runs.list(open="run")
        result = Runner().resume(run["run_id"], force=True)
    else:
        result = Runner().run(workflow, {"word": "x"}, session_id=session)
    names = [ArtifactStore().get_artifact(artifact).name for artifact in result.artifacts]
    assert names == ["one.txt", "two.txt"]
    assert [n["node"] for n in result.nodes] == ["first", "second"]
    assert SessionManager().get_messages(session)[-1].artifacts == result.artifacts


def test_one_run_that_cannot_go_on_keeps_no_other_from_it(site, stores, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("TOY_DIE", str(tmp_path / "died"))
    ids = []
    for _ in range(2):
        session = SessionManager().create_session("ann").session_id
        (tmp_path / "died").unlink(missing_ok=True)
        assert subprocess.run([sys.executable, "-c", RUN, session], check=False).returncode == -9
        ids += [r["run_id"] for r in Runner().runs.list(open="run") if r["session_id"] == session]
    for run_id in ids:
        held = Runner().runs.fences.read(run_id)
        Runner().runs.fences.release(run_id, held.fence.token)
    stored = stores.records.get(schema.RUNS, ids[0])
    stores.records.commit([Put(schema.RUNS, {**stored.record, "workflow": "gone"}, stored.token)])
    (result,) = Runner().resume_open()
    assert (result.run_id, result.status) == (ids[1], "success")
    assert f"run {ids[0]} cannot go on: no workflow named 'gone'" in caplog.text
