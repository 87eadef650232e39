"""The order in which jobs can run: what closes a circle, the level of each job, the chain that takes longest.

The batch is played through once, as if every job ended in the way that others wait for: an event happens when all
events before it have happened, an alternative with the first of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from heapq import heapify, heappop, heappush
from math import isfinite
from typing import Literal, TypedDict

import networkx as nx

from jil_parser.network import Network, Node

#: Attributes that tell how many minutes a job takes, the better one first.
RUNTIMES = ("avg_runtime", "term_run_time")


class Cycle(TypedDict):
    """Jobs that wait for one another.

    Args:
        path: the shortest way round from the first job, which is not repeated at the end.
        jobs: all jobs that are in this or a circle entangled with it, by name.
        can_start: whether an alternative lets it begin all the same.
    """

    path: list[str]
    jobs: list[str]
    can_start: bool


class Chain(TypedDict):
    """The chain that takes longest. `unknown` counts its jobs without a runtime, which count as 0 minutes."""

    by: Literal["minutes", "jobs"]
    total: float
    jobs: list[str]
    unknown: int


@dataclass(frozen=True, slots=True)
class Order:
    """What the network says of the order of its jobs.

    Args:
        levels: by job, from 1: how many jobs at least run one after the other up to it. A box has the level of what can
            run first in it; what the file does not define has none.
        circle: by event, the number of its cycle; only events that lie in one.
        cycles: the cycles by number.
        chain: the critical chain.
        flow: the network without the edges that close a circle for good.
        dead: the events that can never happen, since what they wait for holds such a circle or excludes itself.
        turns: all events, in the order in which they happen.
    """

    levels: dict[str, int]
    circle: dict[Node, int]
    cycles: list[Cycle]
    chain: Chain
    flow: nx.DiGraph[Node]
    dead: set[Node]
    turns: list[Node]


def put_in_order(network: Network) -> Order:
    """Plays the batch through."""
    graph = network.graph
    circle: dict[Node, int] = {}
    numbers: dict[tuple[str, ...], int] = {}
    for found in _circles(graph):
        # A box that lies in itself goes round at its start and at its end.
        circle |= dict.fromkeys(found, numbers.setdefault(tuple(sorted(names(found))), len(numbers)))

    def step(node: Node) -> float:
        return float(_is_work(network, node))

    outside = partial(_is_outside, network)
    at, _cause = _play(graph, network.free, network.never, outside, step)
    started, flow = set(at), graph
    if len(at) < len(graph):
        flow = graph.copy()
        stuck = _circles(graph.subgraph(node for node in graph if node not in at))
        inside = {node: number for number, found in enumerate(stuck) for node in found}
        flow.remove_edges_from([(a, b) for a, b in graph.edges(inside) if inside.get(b) == inside[a]])
        # What can never happen has a level too: that of its place, as if it could.
        at, _cause = _play(flow, network.free, set(), outside, step)
    levels = {}
    for name in network.jobs:
        entry = network.entry(name)
        levels[name] = int(at[entry]) + (entry != name)
    chain = _chain(network, graph.subgraph(started) if len(started) < len(graph) else graph)
    dead = set(graph) - started
    return Order(levels, circle, _cycles(network, circle, started), chain, flow, dead, list(at))


def minutes(network: Network, node: Node) -> float | None:
    """Returns how long a job takes by its own attributes, in minutes, or None where they do not say."""
    if not isinstance(node, str) or node not in network.jobs:
        return None
    attributes = network.jobs[node]["attributes"]
    for name in RUNTIMES:
        try:
            value = float(attributes.get(name, "nan"))
        except ValueError:
            continue
        if isfinite(value) and value > 0:
            return value
    return None


def _is_work(network: Network, node: Node) -> bool:
    return isinstance(node, str) and node in network.jobs and not network.is_box(node)


def _circles(graph: nx.DiGraph[Node]) -> list[list[Node]]:
    """Returns the events of each circle, in the order of the graph."""
    position = {node: number for number, node in enumerate(graph)}
    found = [sorted(part, key=position.__getitem__) for part in nx.strongly_connected_components(graph)
             if len(part) > 1 or any(graph.has_edge(node, node) for node in part)]  # fmt: skip
    return sorted(found, key=lambda part: position[part[0]])


def _play(
    graph: nx.DiGraph[Node],
    free: set[Node],
    never: set[Node],
    outside: Callable[[Node], bool],
    cost: Callable[[Node], float],
) -> tuple[dict[Node, float], dict[Node, Node]]:
    """Returns when each event is over, and the event that it waited for last. What never happens is in neither."""
    position = {node: number for number, node in enumerate(graph)}
    waits = {node: 1 if _is_any(node) else graph.in_degree(node) + (node in never) for node in graph}
    at: dict[Node, float] = {}
    cause: dict[Node, Node] = {}
    first = [node for node in graph if (not graph.in_degree(node) and node not in never) or node in free]
    # Nobody knows when a job that the file does not define ends: it decides only where nothing else can.
    for wave in ([n for n in first if not outside(n)], [n for n in first if outside(n)]):
        coming = [(cost(node), position[node], node) for node in wave]
        heapify(coming)
        while coming:
            now, _position, node = heappop(coming)
            if node in at:
                continue
            at[node] = now
            for after in graph.successors(node):
                waits[after] -= 1
                if after in at or after in free or waits[after] < 0:
                    continue
                if after not in cause or at[cause[after]] < now:
                    cause[after] = node
                if waits[after] == 0:
                    heappush(coming, (at[cause[after]] + cost(after), position[after], after))
    return at, cause


def _is_outside(network: Network, node: Node) -> bool:
    return isinstance(node, str) and node not in network.jobs and node not in network.members


def _is_any(node: Node) -> bool:
    return isinstance(node, tuple) and node[0] == "any"


def _cycles(network: Network, circle: dict[Node, int], started: set[Node]) -> list[Cycle]:
    inside: dict[int, list[Node]] = {}
    for node, number in circle.items():
        inside.setdefault(number, []).append(node)
    made: list[Cycle] = []
    for nodes in inside.values():
        graph = network.graph.subgraph(nodes)
        jobs = sorted(names(nodes))
        first = next((node for node in nodes if node == jobs[0]), nodes[0])
        made.append({"path": names(_round(graph, first)), "jobs": jobs, "can_start": all(n in started for n in nodes)})
    return made


def _round(graph: nx.DiGraph[Node], first: Node) -> list[Node]:
    """Returns the shortest way from an event back to itself."""
    if graph.has_edge(first, first):
        return [first]
    came: dict[Node, Node] = {}
    for before, node in nx.bfs_edges(graph, first):
        came[node] = before
        if graph.has_edge(node, first):
            way = [node]
            while way[-1] != first:
                way.append(came[way[-1]])
            return way[::-1]
    return [first]


def names(nodes: Iterable[Node]) -> list[str]:
    """Returns the jobs that events belong to, each once, in the order of their first event."""
    found: dict[str, None] = {}
    for node in nodes:
        if isinstance(node, str):
            found[node] = None
        elif node[0] == "start":
            found[str(node[1])] = None
    return list(found)


def _chain(network: Network, flow: nx.DiGraph[Node]) -> Chain:
    """Returns the chain that takes longest among the events of `flow`, which are those that can happen."""
    timed = any(minutes(network, name) is not None for name in flow if _is_work(network, name))

    def cost(node: Node) -> float:
        if not _is_work(network, node):
            return 0.0
        return (minutes(network, node) or 0.0) if timed else 1.0

    at, cause = _play(flow, network.free, network.never, partial(_is_outside, network), cost)
    alive = [name for name in network.jobs if name in at]
    if not alive:
        return {"by": "jobs", "total": 0, "jobs": [], "unknown": 0}
    # Of those that end last, the one that happens last: jobs that give no runtime are named too.
    turn = {node: number for number, node in enumerate(at)}
    node = max(alive, key=lambda name: (at[name], turn[name]))
    total, way = at[node], [node]
    last: Node = node
    while last in cause:
        last = cause[last]
        way.append(last)  # type: ignore[arg-type]
    jobs = [name for name in names(reversed(way)) if _is_work(network, name)]
    unknown = sum(minutes(network, name) is None for name in jobs) if timed else 0
    return {"by": "minutes" if timed else "jobs", "total": round(total, 3), "jobs": jobs, "unknown": unknown}
