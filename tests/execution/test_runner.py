"""Runs, from acceptance to their end, on the embedded stores."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dataops_core import ArtifactStore, SessionManager
from dataops_core.errors import Conflict, NotFound, PluginFailed
from dataops_core.execution.runner import Runner
from dataops_core.storage import schema
from tests.toys import install_workflow

STEPS = """
import os, time
from typing_extensions import TypedDict
from langgraph.graph import END, START, StateGraph
from dataops_core import ArtifactStore, BaseWorkflow, WorkflowState, with_artifacts

class State(WorkflowState):
    word: str
    log: str
    one: dict

class Toy(BaseWorkflow):
    def build_graph(self):
        graph = StateGraph(State)
        for name in ("first", "second", "third"):
            graph.add_node(name, getattr(self, name))
        graph.add_edge(START, "first")
        graph.add_edge("first", "second")
        graph.add_edge("second", "third")
        graph.add_edge("third", END)
        return graph

    def note(self, name):
        if path := os.environ.get("TOY_LOG"):
            with open(path, "a") as file:
                file.write(name + "\\n")
        if os.environ.get("TOY_HANG") == name:
            time.sleep(60)

    @with_artifacts(key="one", name="one.json")
    def first(self, state):
        self.note("first")
        return {"one": {"word": state["word"]}, "log": "1"}

    def second(self, state):
        self.note("second")
        ArtifactStore().store_artifact("two", state["session_id"], "steps", name="two.txt")
        if state["word"] == "bang":
            raise RuntimeError("bang happened")
        return {"log": state["log"] + "2"}

    def third(self, state):
        self.note("third")
        return {"log": state["log"] + "3", "answer": f"{state['word']} {state['log']}3", "success": True}
"""
MANIFEST = """
parameters:
  - {name: word, type: string, required: true}
example_queries: [take three steps with a word]
"""


@pytest.fixture
def site(tmp_path, monkeypatch, home):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    install_workflow(folder, "steps", STEPS, MANIFEST)
    install_workflow(folder, "at_exit", STEPS, MANIFEST + "durability: exit\n")
    install_workflow(folder, "apart", STEPS, MANIFEST + "isolation: process\n")
    yield folder
    for name in [m for m in sys.modules if m.split(".")[0] in ("steps", "at_exit", "apart")]:
        del sys.modules[name]


@pytest.mark.parametrize("workflow", ["steps", "at_exit", "apart"])
def test_a_run_ends_with_its_artifacts_messages_and_nothing_else(site, stores, workflow):
    result = Runner().run(workflow, {"word": "hi"}, query="three steps")
    assert (result.status, result.answer, result.attempt) == ("success", "hi 123", 1)
    names = {a.name: a for a in ArtifactStore().list_artifacts(result.session_id)}
    assert set(names) == {"one.json", "two.txt"}
    assert set(result.artifacts) == {a.artifact_id for a in names.values()}
    assert ArtifactStore().get_artifact_content(names["one.json"].artifact_id) == {"word": "hi"}
    messages = SessionManager().get_messages(result.session_id)
    assert [(m.role, m.content, m.run_id) for m in messages] == [
        ("user", "three steps", result.run_id),
        ("assistant", "hi 123", result.run_id),
    ]
    assert stores.records.range(schema.RUN_ITEMS, result.run_id) == []
    assert [n["node"] for n in result.nodes] == ["first", "second", "third"]
    run = Runner().runs.get(result.run_id)
    assert "open" not in run
    assert "turn" not in stores.records.get(schema.SESSIONS, result.session_id).record


@pytest.mark.parametrize("workflow", ["steps", "at_exit", "apart"])
def test_async_runs_end_alike(site, stores, workflow):
    result = asyncio.run(Runner().arun(workflow, {"word": "hi"}))
    assert (result.status, result.answer) == ("success", "hi 123")
    assert {a.name for a in ArtifactStore().list_artifacts(result.session_id)} == {"one.json", "two.txt"}


@pytest.mark.parametrize("workflow", ["steps", "at_exit", "apart"])
def test_a_failing_node_ends_the_run_with_its_error(site, stores, workflow):
    result = Runner().run(workflow, {"word": "bang"})
    assert result.status == "error"
    assert "second" in result.error["message"]
    assert "bang happened" in result.error["message"]
    assert [a.name for a in ArtifactStore().list_artifacts(result.session_id)] == ["one.json"]
    again = Runner().run(workflow, {"word": "ok"}, session_id=result.session_id)
    assert again.status == "success"


def test_commits_are_counted(site, stores, monkeypatch):
    counts = []
    commit = stores.records.commit
    monkeypatch.setattr(stores.records, "commit", lambda writes: counts.append(len(writes)) or commit(writes))
    Runner().run("steps", {"word": "hi"})
    assert len(counts) <= 3 + 4
    counts.clear()
    Runner().run("at_exit", {"word": "hi"})
    assert len(counts) <= 3


def test_the_same_message_id_is_the_same_run(site, stores):
    sid = SessionManager().create_session("ann").session_id
    first = Runner().run("steps", {"word": "a"}, session_id=sid, message_id="m1")
    again = Runner().run("steps", {"word": "a"}, session_id=sid, message_id="m1")
    assert again.run_id == first.run_id
    assert again.answer == first.answer
    assert len(SessionManager().get_messages(sid)) == 2


def test_runs_of_one_session_take_turns(site, stores):
    sid = SessionManager().create_session("ann").session_id
    results = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(Runner().run("steps", {"word": f"w{n}"}, session_id=sid)))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {r.answer for r in results} == {f"w{n} 123" for n in range(6)}
    messages = SessionManager().get_messages(sid)
    answered = [m.run_id for m in messages if m.role == "assistant"]
    asked = [m.run_id for m in messages if m.role == "user"]
    assert answered == asked


def test_unknown_and_broken_workflows_are_told(site, stores, tmp_path):
    with pytest.raises(NotFound, match="stepz") as caught:
        Runner().run("stepz", {})
    assert "steps" in caught.value.hint
    install_workflow(site, "nograph", "from dataops_core import BaseWorkflow\nclass Toy(BaseWorkflow): pass\n")
    from tests.conftest import forget

    forget()
    result = Runner().run("nograph", {})
    assert result.status == "error"
    assert result.error["code"] == "plugin_failed"
    assert PluginFailed.code == "plugin_failed"


RUN = """
import sys
from dataops_core.execution.runner import Runner
print(Runner().run(sys.argv[1], {"word": "hi"}, session_id=sys.argv[2]).answer)
"""


@pytest.mark.parametrize("workflow", ["steps", "at_exit", "apart"])
def test_kill_9_in_a_node_and_another_process_goes_on(site, stores, tmp_path, monkeypatch, workflow):
    log = tmp_path / "log"
    log.touch()
    sid = SessionManager().create_session("ann").session_id
    env = {**os.environ, "TOY_LOG": str(log), "TOY_HANG": "second"}
    child = subprocess.Popen([sys.executable, "-c", RUN, workflow, sid], env=env)
    until(lambda: "second" in log.read_text())
    runs = Runner().runs
    (open_run,) = runs.list(open="run")
    assert (open_run["status"], runs.worker_gone(open_run)) == ("running", False)
    with pytest.raises(Conflict, match="another worker"):
        Runner().resume(open_run["run_id"])
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert runs.worker_gone(open_run)  # a process of this machine that is dead: nobody waits for its lease to end
    monkeypatch.setenv("TOY_LOG", str(log))
    result = Runner().resume(open_run["run_id"])
    assert (result.status, result.answer, result.attempt) == ("success", "hi 123", 2)
    executed = log.read_text().split()
    expected = ["first", "second", "second", "third"]
    assert executed == (expected if workflow != "at_exit" else ["first", "second", "first", "second", "third"])
    assert sorted(a.name for a in ArtifactStore().list_artifacts(sid)) == ["one.json", "two.txt"]
    assert [m.role for m in SessionManager().get_messages(sid)] == ["user", "assistant"]


def test_a_dead_holder_s_run_is_finished_before_the_next(site, stores, tmp_path, monkeypatch):
    monkeypatch.setenv("DATAOPS_LEASE_SECONDS", "1")
    from dataops_core import settings

    settings.use(settings.load())
    log = tmp_path / "log"
    log.touch()
    sid = SessionManager().create_session("ann").session_id
    env = {**os.environ, "TOY_LOG": str(log), "TOY_HANG": "second"}
    child = subprocess.Popen([sys.executable, "-c", RUN, "steps", sid], env=env)
    until(lambda: "second" in log.read_text())
    child.kill()
    child.wait()
    result = Runner().run("steps", {"word": "next"}, session_id=sid)
    assert result.answer == "next 123"
    said = [(m.role, m.content) for m in SessionManager().get_messages(sid)]
    assert said[2:] == [("assistant", "hi 123"), ("assistant", "next 123")]


def until(condition, timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_the_child_dies_with_its_parent(site, stores, tmp_path):
    log = tmp_path / "log"
    log.touch()
    sid = SessionManager().create_session("ann").session_id
    env = {**os.environ, "TOY_LOG": str(log), "TOY_HANG": "second"}
    parent = subprocess.Popen([sys.executable, "-c", RUN, "apart", sid], env=env)
    until(lambda: "second" in log.read_text())
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    parent.kill()
    parent.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), 5)
