"""What runs before and after one job, each with the reason why.

A job in a box waits for what the boxes around it wait for, and who waits for a box waits for its members.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import and_, or_
from typing import NotRequired, TypedDict

import networkx as nx

from jil_parser.condition import Tree
from jil_parser.network import Network, Node, reference, references
from jil_parser.order import Order

#: Which jobs are needed in any case is worked out among at most so many events.
MOST_WEIGHED = 20_000

_Use = tuple[str, str, Tree, bool]


class Reason(TypedDict):
    """Why one job waits for another.

    Args:
        waits, on: the job that waits, and the one it waits for.
        status: what the other has to have reached; "member" where a box waits for what is in it.
        through: the box whose condition it is, where it is not the waiting job's own.
        alternative: whether the condition names something else that does as well.
        attribute, line: where the condition stands.
        lookback, compare, value: as in the condition.
    """

    waits: str
    on: str
    status: str
    through: str | None
    alternative: bool
    attribute: NotRequired[str]
    line: NotRequired[int]
    lookback: NotRequired[str]
    compare: NotRequired[str]
    value: NotRequired[str]


class Related(TypedDict):
    """A job that runs before or after the one that was asked for.

    Args:
        distance: over how many waits; 1 is directly.
        needed: before: whether the asked job cannot start without it; after: whether it cannot start, or be over,
            without the asked job. What can never happen at all cannot without any. None where it was not worked out.
        defined: whether the file defines it.
        reasons: why; all of them where it is direct, else the first.
    """

    job: str
    distance: int
    needed: bool | None
    defined: bool
    reasons: list[Reason]


def before(network: Network, order: Order, job: str) -> list[Related]:
    """Returns what runs before a job starts, the nearest first."""
    found: dict[str, Related] = {}
    taken: set[str] = set()
    level, distance = [job], 1
    while level:
        reasons = (reason for name in level for reason in _waits(network, name, distance > 1, taken))
        level = _add(network, found, ((reason["on"], reason) for reason in reasons), distance)
        distance += 1
    found.pop(job, None)
    entry = network.entry(job)
    events = nx.ancestors(network.graph, entry) | {entry} if entry in network.graph else set()
    if len(events) <= MOST_WEIGHED:
        bits = {name: 1 << number for number, name in enumerate(found)}
        mask = _must(network, order, events, bits).get(entry, 0)
        for name, related in found.items():
            related["needed"] = bool(mask & bits[name])
    return list(found.values())


def after(network: Network, order: Order, job: str) -> list[Related]:
    """Returns what can only start, or be over, after a job has ended; the nearest first."""
    users: dict[str, list[_Use]] = {}
    for name, item in network.jobs.items():
        for attribute, condition in item["conditions"].items():
            for atom, alternative in references(condition["tree"]) if condition["tree"] else ():
                if atom["is"] not in ("value", "notrunning"):
                    users.setdefault(reference(atom), []).append((name, attribute, atom, alternative))
    found: dict[str, Related] = {}
    taken: set[str] = set()
    level, distance = [job], 1
    while level:
        reasons = (reason for name in level for reason in _waiting(network, users.get(name, []), name, taken))
        level = _add(network, found, ((reason["waits"], reason) for reason in reasons), distance)
        distance += 1
    found.pop(job, None)
    if job in network.graph:
        must = _must(network, order, nx.descendants(network.graph, job) | {job}, {job: 1})
        for name, related in found.items():
            related["needed"] = bool(must.get(name, 0))
    return list(found.values())


def exclusions(network: Network, job: str) -> tuple[list[Reason], list[Reason]]:
    """Returns the `n()` of a job: what must not run when it starts, and what does not start while it runs."""
    own: list[Reason] = []
    for holder in (job, *network.around(job)):
        own += [r for r in _reasons(network, job, holder, "condition") if r["status"] == "notrunning"]
    others, inside = [], {job, *network.around(job)}
    for holder, named in network.exclusive.items():
        if not inside.isdisjoint(named):
            reasons = _reasons(network, holder, holder, "condition")
            others += [r for r in reasons if r["status"] == "notrunning" and r["on"] in inside]
    return own, others


def _add(
    network: Network, found: dict[str, Related], reasons: Iterable[tuple[str, Reason]], distance: int
) -> list[str]:
    """Takes jobs and why; returns those that were not known."""
    new = []
    for job, reason in reasons:
        if job not in found:
            found[job] = {
                "job": job, "distance": distance, "needed": None, "defined": job in network.jobs, "reasons": [reason]
            }  # fmt: skip
            new.append(job)
        elif found[job]["distance"] == distance == 1:
            found[job]["reasons"].append(reason)
    return new


def _waits(network: Network, name: str, ended: bool, taken: set[str]) -> Iterator[Reason]:
    """Yields what a job waits for before it starts, and if it is to have ended, what a box waits for to end."""
    holder: str | None = name
    while holder is not None and holder not in taken:
        taken.add(holder)
        for reason in _reasons(network, name, holder, "condition"):
            if reason["status"] != "notrunning":
                yield reason
        holder = network.jobs[holder]["box"] if holder in network.jobs else None
    if ended and network.is_box(name):
        early = [r for attribute in ("box_success", "box_failure") for r in _reasons(network, name, name, attribute)]
        for reason in early:
            if reason["status"] != "notrunning":
                yield {**reason, "alternative": True}
        for member in network.members.get(name, ()):
            yield _member(name, member, bool(early))


def _waiting(network: Network, users: list[_Use], name: str, taken: set[str]) -> Iterator[Reason]:
    """Yields what waits for the end of a job."""
    for holder, attribute, atom, alternative in users:
        reason = _reason(network, holder, holder, attribute, atom, alternative or attribute != "condition")
        yield reason
        todo = [holder] if attribute == "condition" else []
        while todo:
            box = todo.pop()
            if box in taken or box not in network.members:
                continue
            taken.add(box)
            for member in network.members[box]:
                yield {**reason, "waits": member, "through": holder}
                todo.append(member)
    around = network.jobs[name]["box"] if name in network.jobs else None
    if around is not None:
        conditions = network.jobs[around]["conditions"] if around in network.jobs else {}
        yield _member(around, name, "box_success" in conditions or "box_failure" in conditions)


def _reasons(network: Network, waits: str, holder: str, attribute: str) -> Iterator[Reason]:
    condition = network.jobs[holder]["conditions"].get(attribute) if holder in network.jobs else None
    for atom, alternative in references(condition["tree"]) if condition and condition["tree"] else ():
        if atom["is"] != "value":
            yield _reason(network, waits, holder, attribute, atom, alternative)


def _reason(network: Network, waits: str, holder: str, attribute: str, atom: Tree, alternative: bool) -> Reason:
    made: Reason = {
        "waits": waits, "on": reference(atom), "status": atom["is"], "through": None if holder == waits else holder,
        "alternative": alternative, "attribute": attribute,
        "line": network.jobs[holder]["conditions"][attribute]["line"],
    }  # fmt: skip
    for key in ("lookback", "compare", "value"):
        if key in atom:
            made[key] = atom[key]
    return made


def _member(box: str, member: str, alternative: bool) -> Reason:
    return {"waits": box, "on": member, "status": "member", "through": None, "alternative": alternative}


def _must(network: Network, order: Order, events: set[Node], bits: dict[str, int]) -> dict[Node, int]:
    """Returns, by event, the jobs without which it cannot be over; all of them for what can never happen.

    The greatest solution of: an event needs what any of those before it needs, an alternative what all of them need.
    """
    # All jobs at first, then less and less: what lies in a circle that an alternative starts is not lost so.
    must = dict.fromkeys((node for node in order.turns if node in events and node not in order.dead), -1)
    changed = True
    while changed:
        changed = False
        for node, old in must.items():
            masks = [-1 if item in order.dead else must.get(item, 0) for item in network.graph.predecessors(node)]
            either = isinstance(node, tuple) and node[0] == "any"
            joined = reduce(and_ if either else or_, masks) if masks and node not in network.free else 0
            joined |= bits.get(node, 0) if isinstance(node, str) else 0
            if joined != old:
                must[node], changed = joined, True
    return must | dict.fromkeys(events & order.dead, -1)
