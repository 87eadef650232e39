"""Two terminals that answer one question at the same moment, as processes."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ASKS = """
example_queries: [weigh the parcel, how heavy is the parcel]
parameters:
  - {name: unit, type: string, required: true, prompt: "In which unit?"}
  - {name: label, type: string, required: true, prompt: "Which label?"}
"""
CODE = """
from langgraph.graph import END, START, StateGraph
from dataops_core import BaseWorkflow, WorkflowState

class State(WorkflowState):
    unit: str
    label: str

class Toy(BaseWorkflow):
    def build_graph(self):
        graph = StateGraph(State)
        graph.add_node("work", lambda state: {"answer": state["unit"] + "/" + state["label"], "success": True})
        graph.add_edge(START, "work")
        graph.add_edge("work", END)
        return graph
"""


def test_the_second_answer_answers_no_other_question(site, dataops, home):
    from tests.toys import install_workflow

    install_workflow(site, "scales", CODE, ASKS)
    asked = json.loads(dataops("ask", "/scales", "--json").stdout)
    session, waiting = asked["session_id"], asked["question"]["id"]
    program = [sys.executable, "-m", "dataops_core.cli.main", "ask", "--json", "-s", session]

    def say(text):
        return subprocess.run([*program, text], capture_output=True, text=True, timeout=60, cwd=home)

    with ThreadPoolExecutor(2) as both:
        done = list(both.map(say, ["unit=kg", "unit=lb"]))
    shown = json.loads(dataops("runs", "show", asked["run_id"], "--json").stdout)["run"]
    assert shown["question"]["parameter"] == "label", shown
    assert shown["question"]["id"] != waiting
    assert shown["input"]["unit"] in ("kg", "lb")
    told = [json.loads(process.stdout) for process in done]
    kinds = sorted((one.get("error") or {}).get("code", "") for one in told)
    # One is asked the next question; the other is told, or began so late that it saw that one and changed its mind.
    assert kinds[1] == "question"
    assert kinds[0] in ("conflict", "question")
    said = [row["content"] for row in json.loads(dataops("sessions", "show", session, "--json").stdout)["messages"]]
    assert sum(text.startswith("unit=") for text in said) == kinds.count("question")
