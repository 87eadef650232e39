"""Throw-away workflow plugins for measuring: pass-through chains of async nodes."""

from __future__ import annotations

from pathlib import Path

CODE = """
from typing_extensions import TypedDict
from langgraph.graph import END, START, StateGraph
from dataops_core import BaseWorkflow

class State(TypedDict, total=False):
    session_id: str
    word: str
    answer: str

async def step(state):
    return {"answer": ANSWER}

def chain(nodes, schema=State):
    graph = StateGraph(schema)
    for n in range(nodes):
        graph.add_node(f"n{n}", step)
        graph.add_edge(f"n{n - 1}" if n else START, f"n{n}")
    graph.add_edge(f"n{nodes - 1}", END)
    return graph

class Chain(BaseWorkflow):
    def build_graph(self):
        return chain(NODES)
"""
HOOK = """
from dataops_core import hookimpl

@hookimpl
def dataops_register_workflows(registry):
    from {name}.workflow import Chain
    registry.register(Chain)
"""
MANIFEST = """name: {name}
version: 1.0.0
description: {description}
example_queries: [{query}]
parameters:
  - {{name: word, type: string, required: true}}
durability: {durability}
"""


def install(
    site: Path,
    name: str,
    *,
    nodes: int = 3,
    kind: str = "async def",
    durability: str = "sync",
    query: str = "",
    said: str = "",
) -> None:
    """Writes a workflow distribution of a chain of nodes (`async def` or `def`), as pip would install it.

    Each node answers with `said`, or with the parameter `word`.
    """
    package = site / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(HOOK.format(name=name))
    (package / "workflow.py").write_text(
        CODE.replace("NODES", str(nodes))
        .replace("async def", kind)
        .replace("ANSWER", repr(said) if said else 'state["word"]')
    )
    (package / "config.yaml").write_text(
        MANIFEST.format(
            name=name,
            durability=durability,
            query=query or f"run {name}",
            description=f"The chain {name}.",
        )
    )
    info = site / f"dataops_{name}-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dataops-{name}\nVersion: 1.0.0\n")
    (info / "entry_points.txt").write_text(f"[dataops.workflows]\n{name} = {name}\n")
