"""What bounds a run: places in a process, time, cancelling, draining, attempts; and clocks that jump."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dataops_core import ArtifactStore, SessionManager, settings
from dataops_core.contracts.records import ANY, Put
from dataops_core.errors import Conflict
from dataops_core.execution.runner import Runner
from dataops_core.execution.scope import LEASE, Drained, draining
from dataops_core.execution.slots import aslot, slot
from dataops_core.storage import schema
from tests.conftest import forget
from tests.toys import install_workflow

STEPS = """
import asyncio, os, time
from langgraph.graph import END, START, StateGraph
from dataops_core import ArtifactStore, BaseWorkflow, WorkflowState

class State(WorkflowState):
    word: str

def note(name):
    if path := os.environ.get("TOY_LOG"):
        with open(path, "a") as file:
            file.write(name + "\\n")

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
        note("first")
        ArtifactStore().store_artifact("one", state["session_id"], "steps", name="one.txt")
        go_on = os.environ.get("TOY_GO")
        while go_on and not os.path.exists(go_on):
            time.sleep(0.02)

    def second(self, state):
        note("second")
        if state["word"] == "die":
            os.kill(os.getpid(), 9)
        return {"answer": state["word"]}
"""
ASYNC = STEPS.replace("def first(self", "async def first(self").replace("def second(self", "async def second(self")
ASYNC = ASYNC.replace("time.sleep(0.02)", "await asyncio.sleep(0.02)")
MANIFEST = "parameters: [{name: word, type: string, required: true}]\n"


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch, stores):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    install_workflow(folder, "steps", STEPS, MANIFEST)
    install_workflow(folder, "asteps", ASYNC, MANIFEST + "resources: {timeout: 0.5}\n")
    install_workflow(folder, "apart", STEPS, MANIFEST + "isolation: process\n")
    forget()
    yield folder
    for name in [m for m in sys.modules if m.split(".")[0] in ("steps", "asteps", "apart")]:
        del sys.modules[name]


@pytest.fixture
def drained():
    yield draining
    draining.clear()


def use(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings.use(settings.load())


def until(condition, timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_places_are_counted_and_given_in_order(monkeypatch):
    use(monkeypatch, MAX_CONCURRENT_WORKFLOWS="2")
    inside, most, order = [], [], []
    lock = threading.Lock()

    def work(number):
        with slot():
            with lock:
                order.append(number)
                inside.append(number)
                most.append(len(inside))
            time.sleep(0.02)
            with lock:
                inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        for number in range(8):
            pool.submit(work, number)
            time.sleep(0.002)
    assert max(most) == 2
    assert sorted(order) == list(range(8))


def test_a_place_that_is_no_longer_wanted_goes_to_the_next(monkeypatch):
    use(monkeypatch, MAX_CONCURRENT_WORKFLOWS="1")

    async def talk():
        came = []

        async def work(number):
            async with aslot():
                came.append(number)
                await asyncio.sleep(0.02)

        tasks = [asyncio.create_task(work(n)) for n in range(4)]
        await asyncio.sleep(0.005)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return came

    assert asyncio.run(talk()) == [0, 2, 3]
    with slot():
        pass


@pytest.mark.parametrize("workflow", ["steps", "asteps"])
def test_many_runs_wait_for_few_places(workflow, monkeypatch):
    use(monkeypatch, MAX_CONCURRENT_WORKFLOWS="2")

    async def all_of_them():
        return await asyncio.gather(*(Runner().arun(workflow, {"word": f"w{n}"}) for n in range(12)))

    assert [r.answer for r in asyncio.run(all_of_them())] == [f"w{n}" for n in range(12)]


def test_many_async_turns_of_one_session_do_not_starve_each_other():
    session = SessionManager().create_session("ann").session_id

    async def all_of_them():
        return await asyncio.gather(*(Runner().arun("steps", {"word": f"w{n}"}, session_id=session) for n in range(24)))

    assert {r.answer for r in asyncio.run(all_of_them())} == {f"w{n}" for n in range(24)}


def test_an_async_node_is_stopped_when_the_time_is_up(monkeypatch, tmp_path):
    monkeypatch.setenv("TOY_GO", str(tmp_path / "never"))
    began = time.monotonic()
    result = Runner().run("asteps", {"word": "x"})
    assert (result.status, result.error["code"]) == ("timeout", "timeout")
    assert time.monotonic() - began < 5


RUN = """
import sys
from dataops_core.execution.runner import Runner
result = Runner().run(sys.argv[1], {"word": sys.argv[3]}, session_id=sys.argv[2])
print(result.status, result.answer)
"""


@pytest.mark.parametrize("workflow", ["steps", "apart"])
def test_nothing_of_a_cancelled_run_commits(workflow, stores, tmp_path):
    log, go = tmp_path / "log", tmp_path / "go"
    log.touch()
    session = SessionManager().create_session("ann").session_id
    env = {**os.environ, "TOY_LOG": str(log), "TOY_GO": str(go)}
    worker = subprocess.Popen(
        [sys.executable, "-c", RUN, workflow, session, "x"], env=env, stdout=subprocess.PIPE, text=True
    )
    until(lambda: "first" in log.read_text())
    (run,) = Runner().runs.list(open="run")
    waiting = ThreadPoolExecutor(1).submit(lambda: Runner().run("steps", {"word": "next"}, session_id=session))
    until(lambda: len(Runner().runs.list(open="run")) == 2)
    assert Runner().cancel(run["run_id"]).status == "cancelled"
    assert waiting.result(30).answer == "next"
    go.touch()
    out, _ = worker.communicate(timeout=30)
    assert out == f"cancelled {workflow} was cancelled.\n"
    assert log.read_text().split() == ["first"]
    assert [a.run_id for a in ArtifactStore().list_artifacts(session)] == [waiting.result().run_id]
    assert stores.records.range(schema.RUN_ITEMS, run["run_id"]) == []
    said = [m.content for m in SessionManager().get_messages(session) if m.role == "assistant"]
    assert said == [f"{workflow} was cancelled.", "next"]
    with pytest.raises(Conflict, match="is over"):
        Runner().cancel(waiting.result().run_id)


def test_a_waiting_run_is_cancelled_and_never_starts(tmp_path, monkeypatch):
    go = tmp_path / "go"
    monkeypatch.setenv("TOY_GO", str(go))
    session = SessionManager().create_session("ann").session_id
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: Runner().run("steps", {"word": "a"}, session_id=session))
        until(lambda: len(Runner().runs.list(open="run")) == 1)
        second = pool.submit(lambda: Runner().run("steps", {"word": "b"}, session_id=session))
        until(lambda: len(Runner().runs.list(open="run")) == 2)
        waiting = next(r for r in Runner().runs.list(open="run") if r["status"] == "pending")
        Runner().cancel(waiting["run_id"])
        assert second.result(30).status == "cancelled"
        go.touch()
        assert first.result(30).answer == "a"
    assert second.result().attempt == 0


@pytest.mark.parametrize("workflow", ["steps", "apart"])
def test_draining_ends_the_step_and_leaves_the_run_to_others(workflow, stores, tmp_path, monkeypatch, drained):
    log, go = tmp_path / "log", tmp_path / "go"
    log.touch()
    monkeypatch.setenv("TOY_LOG", str(log))
    monkeypatch.setenv("TOY_GO", str(go))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: Runner().run(workflow, {"word": "x"}))
        until(lambda: "first" in log.read_text())
        drained.set()
        time.sleep(0.3)
        go.touch()
        with pytest.raises(Drained):
            running.result(30)
    drained.clear()
    (result,) = Runner().resume_open()
    assert (result.answer, result.attempt) == ("x", 2)
    assert log.read_text().split() == ["first", "second"]
    assert "lost" not in Runner().runs.get(result.run_id)


def test_a_taken_turn_may_be_refused(monkeypatch, tmp_path):
    go = tmp_path / "go"
    use(monkeypatch, TOY_GO=str(go), DATAOPS_TURN_POLICY="refuse")
    session = SessionManager().create_session("ann").session_id
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: Runner().run("steps", {"word": "a"}, session_id=session))
        until(lambda: len(Runner().runs.list(open="run")) == 1)
        with pytest.raises(Conflict, match="busy with run"):
            Runner().run("steps", {"word": "b"}, session_id=session)
        go.touch()
        assert first.result(30).answer == "a"
    assert len(SessionManager().get_messages(session)) == 2


def test_a_poison_run_is_given_up_and_harms_no_other(monkeypatch):
    session = SessionManager().create_session("ann").session_id
    result = Runner().run("apart", {"word": "die"}, session_id=session)
    assert (result.status, result.attempt) == ("error", 4)
    assert "lost its worker 3 times" in result.answer
    assert Runner().run("apart", {"word": "fine"}, session_id=session).answer == "fine"


def test_a_lease_from_the_future_keeps_nobody_waiting(stores, monkeypatch, tmp_path):
    """The holder's clock was an hour ahead when it died; whoever waits trusts its own patience."""
    use(monkeypatch, DATAOPS_LEASE_SECONDS="0.5")
    session = SessionManager().create_session("ann").session_id
    log = tmp_path / "log"
    log.touch()
    env = {**os.environ, "TOY_LOG": str(log), "TOY_GO": str(tmp_path / "never")}
    worker = subprocess.Popen([sys.executable, "-c", RUN, "steps", session, "dead"], env=env)
    until(lambda: "first" in log.read_text())
    worker.kill()
    worker.wait()
    (run,) = Runner().runs.list(open="run")
    ahead = {"run_id": run["run_id"], "item": LEASE, "owner": "dead:1", "until": stores.records.now() + 3600}
    stores.records.commit([Put(schema.RUN_ITEMS, ahead, ANY)])
    assert Runner().run("steps", {"word": "next"}, session_id=session).answer == "next"
    assert Runner().runs.get(run["run_id"])["status"] == "success"


def test_a_child_has_the_settings_of_its_parent(monkeypatch, tmp_path):
    file = tmp_path / "other.yaml"
    file.write_text("workflow_timeout: 77\nplugins:\n  block: [nothing]\n  prefer: {'dataops.workflows:x': dist}\n")
    settings.use(settings.load({"log_level": "ERROR"}, config=file))
    told = settings.current().environment()
    again = settings.load(env={**told, "DATAOPS_HOME": told["DATAOPS_HOME"]}, cwd=tmp_path / "none")
    for name in ("workflow_timeout", "plugins_block", "plugins_prefer", "home", "records_url", "log_level"):
        assert getattr(again, name) == getattr(settings.current(), name)
