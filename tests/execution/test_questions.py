"""Questions of interrupted runs, and their answers: bound to the question, counted once, from any process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from dataops_core import SessionManager
from dataops_core.errors import Conflict, InvalidValue, NotFound
from dataops_core.execution.runner import Runner
from dataops_core.storage import schema
from tests.conftest import forget
from tests.toys import install_workflow

ASKS = """
import os, time
import operator
from typing import Annotated
from pydantic import BaseModel, Field, field_validator
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from dataops_core import BaseWorkflow, WorkflowState

class State(WorkflowState):
    word: str
    log: Annotated[list, operator.add]

class Age(BaseModel):
    age: int = Field(ge=0, le=150)

def note(name):
    if path := os.environ.get("TOY_LOG"):
        with open(path, "a") as file:
            file.write(name + "\\n")
    if os.environ.get("TOY_HANG") == name:
        time.sleep(60)

class Toy(BaseWorkflow):
    def build_graph(self):
        graph = StateGraph(State)
        graph.add_node("first", self.first)
        graph.add_node("ask", self.ask)
        graph.add_node("last", self.last)
        graph.add_edge(START, "first")
        graph.add_edge("first", "ask")
        graph.add_edge("ask", "last")
        graph.add_edge("last", END)
        return graph

    def first(self, state):
        note("first")
        return {"log": ["first"]}

    def ask(self, state):
        note("ask")
        name = interrupt("Who are you?")
        note("asked")
        age = interrupt({"prompt": "How old are you?", "suggestion": 40}, response_schema=Age)
        note("told")
        return {"log": [f"{name}:{age.age}"]}

    def last(self, state):
        note("last")
        return {"answer": " ".join([state["word"], *state["log"]])}
"""
MANIFEST = "parameters:\n  - {name: word, type: string, required: true, prompt: Which word?}\n"
TWO = """
parameters:
  - {name: word, type: string, required: true, prompt: Which word?}
  - {name: other, type: string, required: true}
"""


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch, stores):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    for name, more in (("asks", ""), ("asks_apart", "isolation: process\n"), ("asks_at_exit", "durability: exit\n")):
        install_workflow(folder, name, ASKS, MANIFEST + more)
    install_workflow(folder, "two", ASKS, TWO)
    forget()
    yield folder
    for name in [m for m in sys.modules if m.split(".")[0] in ("asks", "asks_apart", "asks_at_exit", "two")]:
        del sys.modules[name]


WORKFLOWS = pytest.mark.parametrize("workflow", ["asks", "asks_apart", "asks_at_exit"])


@WORKFLOWS
def test_two_questions_of_one_node(workflow, stores):
    asked = Runner().run(workflow, {"word": "hi"})
    assert (asked.status, asked.question["prompt"], asked.answer) == ("interrupted", "Who are you?", "Who are you?")
    session = stores.records.get(schema.SESSIONS, asked.session_id).record
    assert session["questions"] == [asked.run_id]
    assert "turn" not in session
    again = Runner().answer(asked.run_id, "Ann")
    assert (again.status, again.question["prompt"]) == ("interrupted", "How old are you?")
    assert again.question["suggestion"] == 40
    assert again.question["schema"]["properties"]["age"]["maximum"] == 150
    assert again.question["id"] != asked.question["id"]
    done = Runner().answer(asked.run_id, {"age": 41})
    assert (done.status, done.answer) == ("success", "hi first Ann:41")
    said = [(m.role, m.content) for m in SessionManager().get_messages(asked.session_id)]
    assert said[1:] == [
        ("assistant", "Who are you?"),
        ("user", "Ann"),
        ("assistant", "How old are you?"),
        ("user", '{"age": 41}'),
        ("assistant", "hi first Ann:41"),
    ]
    assert "questions" not in stores.records.get(schema.SESSIONS, asked.session_id).record
    assert stores.records.range(schema.RUN_ITEMS, asked.run_id) == []


def test_async_is_the_same():
    async def talk():
        asked = await Runner().arun("asks", {"word": "hi"})
        again = await Runner().aanswer(asked.run_id, "Ann")
        return await Runner().aanswer(again.run_id, {"age": 41})

    assert asyncio.run(talk()).answer == "hi first Ann:41"


def test_a_missing_value_is_asked_for_and_the_answer_runs_it():
    asked = Runner().run("two", {})
    assert (asked.status, asked.question["parameter"], asked.attempt) == ("interrupted", "word", 0)
    other = Runner().answer(asked.run_id, "hi")
    assert (other.status, other.question["parameter"]) == ("interrupted", "other")
    assert other.question["id"] != asked.question["id"]
    running = Runner().answer(asked.run_id, "ho")
    assert running.question["prompt"] == "Who are you?"
    assert Runner().runs.get(asked.run_id)["input"] == {"word": "hi", "other": "ho"}
    both = Runner().run("two", {})
    assert Runner().answer(both.run_id, "hi", values={"other": "x"}).question["prompt"] == "Who are you?"


def test_an_answer_is_bound_to_its_question():
    asked = Runner().run("asks", {"word": "hi"})
    first = asked.question["id"]
    with pytest.raises(Conflict, match="not open; it asks now: Who are you"):
        Runner().answer(asked.run_id, "Ann", question_id="older")
    Runner().answer(asked.run_id, "Ann", question_id=first)
    with pytest.raises(Conflict, match="How old are you"):
        Runner().answer(asked.run_id, "Bob", question_id=first)
    with pytest.raises(NotFound):
        Runner().answer(asked.run_id + "x", "Ann")
    done = Runner().answer(asked.run_id, {"age": 1})
    with pytest.raises(Conflict, match="waits for no answer: it is success"):
        Runner().answer(done.run_id, "Ann")


def test_a_repeated_answer_counts_once_and_never_answers_the_next_question():
    asked = Runner().run("asks", {"word": "hi"})
    first = Runner().answer(asked.run_id, "Ann", message_id="m1")
    again = Runner().answer(asked.run_id, "Ann", message_id="m1")
    assert first.question == again.question
    assert again.question["prompt"] == "How old are you?"
    assert len(SessionManager().get_messages(asked.session_id)) == 4


@pytest.mark.parametrize("wrong", [{"age": "old"}, {"age": 151}, {}, "forty", None, 7])
def test_an_answer_of_the_wrong_type_is_refused_and_can_be_given_again(wrong):
    asked = Runner().run("asks", {"word": "hi"})
    Runner().answer(asked.run_id, "Ann")
    with pytest.raises(InvalidValue, match="the answer") as caught:
        Runner().answer(asked.run_id, wrong)
    assert caught.value.hint == "How old are you?"
    assert len(SessionManager().get_messages(asked.session_id)) == 4
    assert Runner().answer(asked.run_id, {"age": 3}).status == "success"


@pytest.mark.parametrize("wrong", [{"age": {1, 2}}, float("nan"), "x" * 70_000])
def test_an_answer_that_no_record_can_hold_is_refused(wrong):
    asked = Runner().run("asks", {"word": "hi"})
    with pytest.raises(InvalidValue):
        Runner().answer(asked.run_id, wrong)


def test_a_node_may_refuse_what_the_schema_allows(site):
    picky = ASKS.replace(
        "    age: int = Field(ge=0, le=150)",
        "    age: int = Field(ge=0, le=150)\n    @field_validator('age')\n"
        "    def even(cls, value):\n        assert value % 2 == 0, 'odd'\n        return value",
    )
    install_workflow(site, "picky", picky, MANIFEST)
    forget()
    asked = Runner().run("picky", {"word": "hi"})
    Runner().answer(asked.run_id, "Ann")
    again = Runner().answer(asked.run_id, {"age": 41})
    assert (again.status, again.question["prompt"]) == ("interrupted", "How old are you?")
    assert "odd" in again.answer
    assert Runner().answer(asked.run_id, {"age": 42}).answer == "hi first Ann:42"
    del sys.modules["picky"], sys.modules["picky.workflow"]


ANSWER = """
import sys
from dataops_core.execution.runner import Runner
print(Runner().answer(sys.argv[1], sys.argv[2]).status)
"""


@pytest.mark.parametrize(
    ("workflow", "site_of_death"),
    [
        *(("asks", place) for place in ("ask", "asked", "told", "last")),
        ("asks_apart", "asked"),
        ("asks_at_exit", "ask"),
        ("asks_at_exit", "last"),
    ],
)
def test_kill_9_after_an_answer_loses_no_answer(workflow, site_of_death, tmp_path, monkeypatch):
    log = tmp_path / "log"
    log.touch()
    asked = Runner().run(workflow, {"word": "hi"})
    if site_of_death in ("told", "last"):
        Runner().answer(asked.run_id, "Ann")
        given, code = '{"age": 41}', ANSWER.replace("sys.argv[2]", "__import__('json').loads(sys.argv[2])")
    else:
        given, code = "Ann", ANSWER
    env = {**os.environ, "TOY_LOG": str(log), "TOY_HANG": site_of_death}
    child = subprocess.Popen([sys.executable, "-c", code, asked.run_id, given], env=env)
    until(lambda: site_of_death in log.read_text())
    child.send_signal(signal.SIGKILL)
    child.wait()
    result = Runner().resume(asked.run_id, force=True)
    if site_of_death in ("ask", "asked"):
        assert (result.status, result.question["prompt"]) == ("interrupted", "How old are you?")
        result = Runner().answer(asked.run_id, {"age": 41})
    assert (result.status, result.answer) == ("success", "hi first Ann:41")
    assert [m.role for m in SessionManager().get_messages(asked.session_id)] == ["user", "assistant"] * 3


def test_two_processes_answer_one_question():
    asked = Runner().run("asks", {"word": "hi"})
    both = [
        subprocess.Popen(
            [sys.executable, "-c", ANSWER, asked.run_id, word],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for word in ("Ann", "Bob")
    ]
    told = [process.communicate() for process in both]
    assert sorted(process.returncode for process in both) == [0, 1]
    assert ["interrupted" in out for out, _ in told].count(True) == 1
    assert any("Conflict" in err or "InvalidValue" in err for _, err in told)
    said = [m.content for m in SessionManager().get_messages(asked.session_id) if m.role == "user"]
    assert len(said) == 2


def test_a_question_gives_the_turn_to_others_and_an_answer_waits_for_it():
    asked = Runner().run("asks", {"word": "hi"})
    other = Runner().run("asks", {"word": "ho"}, session_id=asked.session_id)
    assert other.status == "interrupted"
    results = []
    threads = [
        threading.Thread(target=lambda run=run: results.append(Runner().answer(run, "Ann")))
        for run in (asked.run_id, other.run_id)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r.question["prompt"] for r in results] == ["How old are you?"] * 2
    assert {Runner().answer(r.run_id, {"age": 1}).answer for r in results} == {"hi first Ann:1", "ho first Ann:1"}


def test_a_graph_that_pauses_before_a_node_asks_to_go_on(site):
    pausing = (
        ASKS.replace(
            "        return graph\n",
            "        return graph\n\n    def get_compiled_graph(self):\n"
            "        return self.build_graph().compile(interrupt_before=['last'])\n",
            1,
        )
        .replace('interrupt("Who are you?")', '"Ann"')
        .replace('interrupt({"prompt": "How old are you?", "suggestion": 40}, response_schema=Age)', "Age(age=1)")
    )
    install_workflow(site, "pausing", pausing, MANIFEST)
    forget()
    for ask in (
        lambda: Runner().run("pausing", {"word": "hi"}),
        lambda: asyncio.run(Runner().arun("pausing", {"word": "hi"})),
    ):
        paused = ask()
        assert (paused.status, paused.answer) == ("interrupted", "Paused before last. Go on?")
        with pytest.raises(InvalidValue):
            Runner().answer(paused.run_id, False)
        assert Runner().answer(paused.run_id, True).answer == "hi first Ann:1"
    del sys.modules["pausing"], sys.modules["pausing.workflow"]


def until(condition, timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
