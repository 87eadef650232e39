"""A graph whose state has `user_query` is given the words that asked for the run."""

from __future__ import annotations

import sys

import pytest

from dataops_core.execution.runner import Runner
from tests.toys import install_workflow

CODE = """
from langgraph.graph import END, START, StateGraph
from dataops_core import BaseWorkflow, WorkflowState

class State(WorkflowState):
    user_query: str
    word: str

class Toy(BaseWorkflow):
    def build_graph(self):
        graph = StateGraph(State)
        graph.add_node("echo", lambda state: {"answer": f"{state['user_query']}|{state['word']}", "success": True})
        graph.add_edge(START, "echo")
        graph.add_edge("echo", END)
        return graph
"""


@pytest.fixture(autouse=True)
def echo(tmp_path, monkeypatch, stores):
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    install_workflow(site, "echo", CODE, "parameters: [{name: word, type: string, required: true}]\n")
    from tests.conftest import forget

    forget()
    yield
    for name in [m for m in sys.modules if m.split(".")[0] == "echo"]:
        del sys.modules[name]


def test_the_query_comes_with_the_values():
    assert Runner().run("echo", {"word": "w"}, query="say it").answer == "say it|w"
    assert Runner().run("echo", {"word": "w"}).answer == "/echo word=w|w"


def test_an_answer_does_not_take_its_place():
    asked = Runner().run("echo", {}, query="say something")
    assert Runner().answer(asked.run_id, "w").answer == "say something|w"
