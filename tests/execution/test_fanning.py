"""Steps of more tasks, and tasks of more writes, than one commit holds."""

from __future__ import annotations

import sys

import pytest

from dataops_core.execution.runner import Runner
from tests.conftest import forget
from tests.toys import install_workflow

#: 120 tasks of one node beside one that asks: its answer finds them done.
FANS = """
import operator
import os
from typing import Annotated
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt
from dataops_core import BaseWorkflow, WorkflowState

def joined(old, new):
    return [*(old or []), *(item for write in new for item in write)]

class State(WorkflowState):
    total: Annotated[list, CHANNEL]
    number: int

class Toy(BaseWorkflow):
    def build_graph(self):
        graph = StateGraph(State)
        graph.add_node("spread", lambda state: {"total": [-1]})
        graph.add_node("work", self.work)
        graph.add_node("ask", self.ask)
        graph.add_node("last", lambda state: {"answer": str(sorted(state["total"]))})
        graph.add_edge(START, "spread")
        graph.add_conditional_edges("spread", self.sends)
        graph.add_edge("work", "last")
        graph.add_edge("ask", "last")
        graph.add_edge("last", END)
        return graph

    def sends(self, state):
        return [Send("work", {"number": n}) for n in range(120)] + [Send("ask", {"number": 120})]

    def work(self, state):
        with open(os.environ["TOY_LOG"], "a") as file:
            file.write(f"{state['number']}\\n")
        return {"total": [state["number"]]}

    def ask(self, state):
        return {"total": [int(interrupt("Which number?"))]}
"""


@pytest.fixture
def log(tmp_path, monkeypatch, stores):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    for name, channel in (("fans", "operator.add"), ("fans_delta", "DeltaChannel(joined)")):
        install_workflow(folder, name, FANS.replace("CHANNEL", channel))
    forget()
    yield tmp_path / "log"
    for name in [m for m in sys.modules if m.split(".")[0] in ("fans", "fans_delta")]:
        del sys.modules[name]


@pytest.mark.parametrize("workflow", ["fans", "fans_delta"])
def test_a_step_of_many_tasks_waits_for_one_of_them(workflow, log):
    asked = Runner().run(workflow, {})
    assert (asked.status, asked.question["prompt"]) == ("interrupted", "Which number?")
    done = Runner().answer(asked.run_id, "120")
    assert (done.status, done.answer) == ("success", str(list(range(-1, 121))))
    assert sorted(map(int, log.read_text().split())) == list(range(120)), "a task that was done ran again"
