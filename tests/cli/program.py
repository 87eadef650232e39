"""The real program in processes of its own, and the workflow that it runs."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

STEPS = """
import os, time
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from dataops_core import ArtifactStore, BaseWorkflow, WorkflowState

class State(WorkflowState):
    word: str
    times: int
    log: str

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
        if os.environ.get("TOY_SLOW") == name:
            get_stream_writer()({"progress": 0.42, "message": "in the middle\\x1b[2J of it"})
            time.sleep(0.7)
        if os.environ.get("TOY_HANG") == name:
            time.sleep(60)

    def first(self, state):
        self.note("first")
        print("a node that prints")
        os.system("echo a subprocess that prints")
        store = ArtifactStore()
        one = store.store_artifact({"word": state["word"]}, state["session_id"], "steps", name="one.json")
        hostile = "../../two\\x1b[31m.bin"
        raw = b"\\x00\\xff\\x01" * 5
        two = store.store_artifact(raw, state["session_id"], "steps", name=hostile, parents=[one])
        store.store_artifact("three", state["session_id"], "steps", "debug", name="three.txt", parents=[one, two])
        return {"log": "1"}

    def second(self, state):
        self.note("second")
        if state["word"] == "bang":
            raise RuntimeError("bang \\x1b[31mhappened")
        if state["word"] == "weak":
            return {"success": False, "answer": "it was not good enough", "log": "2"}
        return {"log": state["log"] + "2"}

    def third(self, state):
        self.note("third")
        told = f"{state['word']} {state['log']}3 x{state.get('times')}\\x1b]0;title\\x07"
        return {"log": state["log"] + "3", "answer": state.get("answer") or told}
"""
MANIFEST = """
metadata: {category: practice, author: A Team, tags: [toy], pattern: sequential}
capabilities: [Take three steps with a word]
example_queries: [take three steps with word=hello, three steps please]
parameters:
  - {name: word, type: string, description: What to say, required: true, example: hello, prompt: Which word?}
  - {name: times, type: integer, description: How often, required: false, default: 1, min: 1, max: 9}
"""


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Starts the real program."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen([sys.executable, "-m", "dataops_core.cli.main", *arguments], **given)


def finish(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs the real program to its end."""
    given = {"capture_output": True, "text": True, "timeout": 60, "stdin": subprocess.DEVNULL, **options}
    return subprocess.run([sys.executable, "-m", "dataops_core.cli.main", *arguments], **given, check=False)
