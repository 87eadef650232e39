"""The graph of what waits for what.

A node is an event. A job is one event, named by the job. A box is two: `("start", box)`, and its end, named by the box.
So a job in a box waits for what its box waits for, and who waits for a box waits for its members. `("any", n)` is an
event that happens with the first of the events before it; every other event needs all of them. `("all", n)` groups.
Jobs of other instances are named `JOB^INSTANCE`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import networkx as nx

from jil_parser.condition import Tree
from jil_parser.definitions import Definitions, Job

Node = str | tuple[str, Any]


@dataclass(slots=True)
class Network:
    """The graph, and what is no order of events.

    Args:
        definitions: what the file defines.
        graph: events; an edge says that the second waits for the first.
        members: the jobs in each box.
        missing: jobs that are named and not defined, each with the jobs that name them.
        exclusive: by job, the jobs that must not run while it starts (`n()`).
        free: the `any` events that can happen without any job: a global variable or an `n()` is enough.
        never: the events that ask for two things that exclude each other, such as s(A) & f(A).
    """

    definitions: Definitions
    graph: nx.DiGraph[Node]
    members: dict[str, list[str]] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)
    exclusive: dict[str, list[str]] = field(default_factory=dict)
    free: set[Node] = field(default_factory=set)
    never: set[Node] = field(default_factory=set)

    @property
    def jobs(self) -> dict[str, Job]:
        """The defined jobs by name."""
        return self.definitions["jobs"]

    def is_box(self, name: Node) -> bool:
        """Says whether a job is a box: by its type, or because others name it as theirs."""
        return name in self.members or (name in self.jobs and self.jobs[str(name)]["type"] == "BOX")

    def entry(self, name: str) -> Node:
        """Returns the event that a job starts with."""
        return ("start", name) if self.is_box(name) else name

    def around(self, name: str) -> list[str]:
        """Returns the boxes around a job, the innermost first; a loop of boxes ends where it closes."""
        found: dict[str, None] = {}
        box = self.jobs[name]["box"] if name in self.jobs else None
        while box is not None and box not in found and box != name:
            found[box] = None
            box = self.jobs[box]["box"] if box in self.jobs else None
        return list(found)


def reference(atom: Tree) -> str:
    """Returns the name of the job that an atom of a condition is about, with its instance."""
    return f"{atom['job']}^{atom['instance']}" if "instance" in atom else str(atom["job"])


def references(tree: Tree, alternative: bool = False) -> Iterator[tuple[Tree, bool]]:
    """Yields every atom of a condition, and whether it is one of alternatives."""
    todo = [(tree, alternative)]
    while todo:
        node, either = todo.pop()
        inner = node.get("all") or node.get("any")
        if inner:
            todo.extend((part, either or "any" in node) for part in reversed(inner))
        else:
            yield node, either


def build(definitions: Definitions) -> Network:
    """Builds the network of a file's jobs."""
    network = Network(definitions, nx.DiGraph())
    for name, job in definitions["jobs"].items():
        if job["box"] is not None:
            network.members.setdefault(job["box"], []).append(name)
    boxes = [name for name, job in definitions["jobs"].items() if job["type"] == "BOX" and name not in network.members]
    graph = network.graph
    graph.add_nodes_from(definitions["jobs"])
    for box in (*boxes, *network.members):
        graph.add_edge(("start", box), box)
    for name, job in definitions["jobs"].items():
        entry = network.entry(name)
        if job["box"] is not None:
            graph.add_edge(("start", job["box"]), entry)
            if job["box"] not in definitions["jobs"]:
                network.missing.setdefault(job["box"], []).append(name)
        if (begin := job["conditions"].get("condition")) and begin["tree"]:
            _connect(network, begin["tree"], entry, name)
    for box in (*boxes, *network.members):
        _end(network, box)
    return network


def _end(network: Network, box: str) -> None:
    """A box ends with its members, unless box_success or box_failure can end it before."""
    graph, members = network.graph, network.members.get(box, [])
    conditions = network.jobs[box]["conditions"] if box in network.jobs else {}
    trees = [c["tree"] for name in ("box_success", "box_failure") if (c := conditions.get(name)) and c["tree"]]
    target: Node = box
    if trees:
        target = _group(network, "any", box)
        for tree in trees:
            _connect(network, {"all": [tree]}, _group(network, "all", target), box)
        target = _group(network, "all", target) if members else target
    for member in members:
        graph.add_edge(member, target)


def _group(network: Network, word: str, target: Node) -> Node:
    node = (word, network.graph.number_of_nodes())
    network.graph.add_edge(node, target)
    return node


def _connect(network: Network, tree: Tree, target: Node, job: str) -> None:
    """Adds what a condition waits for, as events before `target`."""
    todo = [(tree, target)]
    claimed: dict[tuple[Node, str, str], str] = {}
    while todo:
        node, goal = todo.pop()
        if (claim := _claim(node)) and not (isinstance(goal, tuple) and goal[0] == "any"):
            about, value = claim
            if claimed.setdefault((goal, *about), value) != value:
                network.never.add(goal)
        if "all" in node or "any" in node:
            word = "all" if "all" in node else "any"
            kind = goal[0] if isinstance(goal, tuple) else "all"
            # An event needs all before it anyway; only what differs from its surroundings wants a node of its own.
            inner = goal if word == kind or (word == "all" and kind == "start") else _group(network, word, goal)
            todo.extend((part, inner) for part in node[word])
        elif node["is"] == "value" or node["is"] == "notrunning":
            if isinstance(goal, tuple) and goal[0] == "any":
                network.free.add(goal)
            if node["is"] == "notrunning":
                _note(network.exclusive, job, reference(node))
                _missing(network, node, job)
        else:
            network.graph.add_edge(reference(node), goal)
            _missing(network, node, job)


def _claim(node: Tree) -> tuple[tuple[str, str], str] | None:
    """Returns what an atom is about and the one value that it asks for, or None where more than one value does.

    A look-back may be about another run, so it claims nothing.
    """
    kind = node.get("is")
    if kind == "value" and node["compare"] == "=":
        return ("value", f"{node['variable']}^{node.get('instance', '')}"), node["value"]
    if kind is None or "lookback" in node:
        return None
    if kind == "exitcode" and node["compare"] == "=":
        return (kind, reference(node)), str(int(node["value"]))
    return (("end", reference(node)), kind) if kind in ("success", "failure", "terminated") else None


def _missing(network: Network, atom: Tree, job: str) -> None:
    if "instance" not in atom and atom["job"] not in network.jobs:
        _note(network.missing, atom["job"], job)


def _note(notes: dict[str, list[str]], key: str, value: str) -> None:
    found = notes.setdefault(key, [])
    if value not in found[-100:]:
        found.append(value)
