"""What runs before and after a job: through boxes, alternatives kept, exclusion told apart from order."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st
from jil_parser.definitions import Definitions, Job
from jil_parser.network import Network, Node, build, references
from jil_parser.order import put_in_order
from jil_parser.related import after, before, exclusions

Make = Callable[..., Any]
Write = Callable[..., str]


def test_a_chain(batch: Make, job: Write) -> None:
    made = batch(job("A") + job("B", "s(A)") + job("C", "s(B)") + job("D"))
    assert [(name, item["distance"]) for name, item in made.related("C", "upstream").items()] == [("B", 1), ("A", 2)]
    assert [(name, item["distance"]) for name, item in made.related("A", "downstream").items()] == [("B", 1), ("C", 2)]
    assert made.related("D", "both") == {}


def test_a_job_in_a_box_waits_for_what_its_boxes_wait_for(batch: Make, job: Write) -> None:
    made = batch(job("F") + job("OUT", "s(F, 2)", kind="b") + job("IN", box="OUT", kind="b") + job("A", box="IN"))
    (reason,) = made.related("A", "upstream")["F"]["reasons"]
    assert (reason["through"], reason["status"], reason["lookback"], reason["line"]) == ("OUT", "success", "2", 4)
    found = made.related("F", "downstream")
    assert set(found) == {"OUT", "IN", "A"}
    assert found["A"]["reasons"][0]["through"] == "OUT" and found["A"]["distance"] == 1


def test_who_waits_for_a_box_waits_for_its_members(batch: Make, job: Write) -> None:
    made = batch(job("X", kind="b") + job("A", box="X") + job("B", "s(A)", box="X") + job("Z", "s(X)"))
    found = made.related("Z", "upstream")
    assert [(name, item["distance"], item["needed"]) for name, item in found.items()] == [
        ("X", 1, True),
        ("A", 2, True),
        ("B", 2, True),
    ]
    assert found["A"]["reasons"][0]["status"] == "member"
    after_a = made.related("A", "downstream")
    assert after_a["X"]["reasons"][0]["status"] == "member" and after_a["Z"]["distance"] == 2


def test_alternatives_are_kept(batch: Make, job: Write) -> None:
    made = batch("".join(job(name) for name in "ABCD") + job("Z", "s(A) & (s(B) | s(C)) | s(D) & s(A)"))
    # From left to right: ((A & (B | C)) | D) & A.
    found = made.related("Z", "upstream")
    assert {name: item["needed"] for name, item in found.items()} == {"A": True, "B": False, "C": False, "D": False}
    assert [reason["alternative"] for reason in found["A"]["reasons"]] == [True, False]
    assert made.related("B", "downstream")["Z"]["needed"] is False
    assert made.related("A", "downstream")["Z"]["needed"] is True


def test_what_all_alternatives_need_is_needed(batch: Make, job: Write) -> None:
    made = batch(job("A") + job("B", "s(A)") + job("C", "s(A)") + job("Z", "s(B) | s(C)"))
    assert {name: item["needed"] for name, item in made.related("Z", "upstream").items()} == {
        "B": False,
        "C": False,
        "A": True,
    }


def test_a_variable_or_an_exclusion_is_an_alternative_without_a_job(batch: Make, job: Write) -> None:
    made = batch(job("A") + job("B", 's(A) | v(SKIP) = "y"') + job("C", "s(A) | n(B)"))
    assert made.related("B", "upstream")["A"]["needed"] is False
    assert made.related("C", "upstream")["A"]["needed"] is False


def test_mutual_exclusion_is_no_order(batch: Make, job: Write) -> None:
    made = batch(job("A", "n(B)") + job("B") + job("X", "n(C)", kind="b") + job("C") + job("M", box="X"))
    assert made.related("A", "both") == {} and made.related("B", "both") == {}
    own, others = exclusions(made.network, "M")
    assert [(reason["on"], reason["through"]) for reason in own] == [("C", "X")] and others == []
    assert [reason["waits"] for reason in exclusions(made.network, "B")[1]] == ["A"]
    inside = batch(job("X", kind="b") + job("M", box="X") + job("W", "n(X)"))
    assert [(reason["waits"], reason["on"]) for reason in exclusions(inside.network, "M")[1]] == [("W", "X")]
    assert made.order.cycles == []


def test_every_status_but_notrunning_orders(batch: Make, job: Write) -> None:
    written = "f(A) & d(B) & t(C) & e(D) >= 4 & s(E^PRD) & n(F) & v(G) = 1"
    made = batch("".join(job(name) for name in "ABCDEF") + job("Z", written))
    found = made.related("Z", "upstream")
    statuses = ["failure", "done", "terminated", "exitcode", "success"]
    assert [item["reasons"][0]["status"] for item in found.values()] == statuses
    assert list(found) == ["A", "B", "C", "D", "E^PRD"]
    reason = found["D"]["reasons"][0]
    assert (reason["compare"], reason["value"]) == (">=", "4")
    assert found["E^PRD"]["defined"] is False and "E" not in made.network.missing


def test_a_job_of_another_instance_can_be_asked_for(batch: Make, job: Write) -> None:
    made = batch(job("A", "s(B^PRD)") + job("B"))
    assert list(made.related("B^PRD", "downstream")) == ["A"]
    assert made.related("B", "downstream") == {}


def test_missing_jobs(batch: Make, job: Write) -> None:
    made = batch(job("A", "s(GONE) & s(GONE2^PRD)") + job("B", "n(GONE)", box="NOBOX"))
    assert made.network.missing == {"GONE": ["A", "B"], "NOBOX": ["B"]}
    assert list(made.related("GONE", "downstream")) == ["A"]


def test_a_box_that_box_success_can_end(batch: Make, job: Write) -> None:
    made = batch(
        job("X", kind="b", more="box_success: s(A)\nbox_failure: f(C)")
        + job("A", box="X") + job("B", box="X") + job("C") + job("Z", "s(X)")
    )  # fmt: skip
    found = made.related("Z", "upstream")
    assert {name: item["needed"] for name, item in found.items()} == {"X": True, "A": False, "C": False, "B": False}
    assert found["C"]["reasons"][0]["attribute"] == "box_failure"
    assert made.related("C", "downstream")["X"]["needed"] is False


def test_a_cycle_does_not_go_round_for_ever(batch: Make, job: Write) -> None:
    made = batch(job("A", "s(C)") + job("B", "s(A)") + job("C", "s(B)"))
    assert set(made.related("A", "upstream")) == {"B", "C"} == set(made.related("A", "downstream"))
    loop = batch(job("X", box="Y", kind="b") + job("Y", box="X", kind="b") + job("A", "s(X)"))
    assert set(loop.related("A", "upstream")) == {"X", "Y"}


NAMES = "ABCDEFG"


def _job(name: str, kind: str, box: str | None, condition: Any, end: Any) -> Job:
    conditions = {"condition": condition, "box_success": end if kind == "BOX" else None}
    return {
        "name": name, "type": kind, "line": 1, "box": box if box != name else None, "partial": False, "attributes": {},
        "conditions": {k: {"line": 1, "column": 1, "text": "", "tree": t} for k, t in conditions.items() if t},
    }  # fmt: skip


_atoms = st.builds(
    lambda status, name: {"is": status, "job": name},
    st.sampled_from(["success", "failure", "done", "notrunning"]),
    st.sampled_from(NAMES),
)
_trees = st.none() | st.recursive(
    _atoms,
    lambda inner: st.builds(
        lambda word, parts: {word: parts}, st.sampled_from(["all", "any"]), st.lists(inner, min_size=2, max_size=3)
    ),
    max_leaves=4,
)
_batches = st.tuples(*(
    st.builds(_job, st.just(name), st.sampled_from(["CMD", "BOX"]), st.none() | st.sampled_from(NAMES[:index] or "G"),
              _trees, st.none() | _atoms)
    for index, name in enumerate(NAMES[:6])
))  # fmt: skip


def _network(jobs: tuple[Job, ...]) -> Network:
    definitions: Definitions = {
        "file": "x.jil", "size": 1, "statements": 1, "jobs": {job["name"]: job for job in jobs}, "objects": {},
        "overrides": [], "problems": [], "problems_left_out": 0,
    }  # fmt: skip
    return build(definitions)


def _happens(network: Network, graph: Any, without: str) -> set[Node]:
    """Says, by trying again and again, which events can happen when one job never ends."""
    happened: set[Node] = set()
    while True:
        more = set()
        for node in set(graph) - happened - network.never - {without}:
            waits = [before in happened for before in graph.predecessors(node)]
            either = isinstance(node, tuple) and node[0] == "any"
            if node in network.free or (any(waits) or not waits if either else all(waits)):
                more.add(node)
        if not more:
            return happened
        happened |= more


@given(_batches, st.sampled_from(NAMES[:6]))
def test_both_directions_agree_with_the_graph_and_needed_with_trying(jobs: tuple[Job, ...], asked: str) -> None:
    network = _network(jobs)
    order = put_in_order(network)
    entry = network.entry(asked)
    ended = {node for node in nx.ancestors(network.graph, entry) if isinstance(node, str)}
    found = {item["job"]: item for item in before(network, order, asked)}
    assert set(found) == ended - {asked}
    for name, item in found.items():
        assert item["needed"] == (entry not in _happens(network, network.graph, name)), name
    later = {node for node in nx.descendants(network.graph, asked) if isinstance(node, str)}
    follows = {item["job"]: item for item in after(network, order, asked)}
    assert set(follows) == later - {asked}
    blocked = _happens(network, network.graph, asked)
    for name, item in follows.items():
        assert item["needed"] == (name not in blocked), name


def _can_hold(tree: Any, status: dict[str, str]) -> bool:
    """Says whether a condition holds while each job has one status."""
    if "all" in tree or "any" in tree:
        parts = [_can_hold(part, status) for part in tree.get("all") or tree["any"]]
        return all(parts) if "all" in tree else any(parts)
    now = status[tree["job"]]
    return {"done": now != "running", "notrunning": now != "running"}.get(tree["is"], now == tree["is"])


@given(_trees.filter(bool))
def test_what_is_told_to_exclude_itself_holds_under_no_statuses(tree: Any) -> None:
    network = _network((_job("Z", "CMD", None, tree, None),))
    if "Z" in network.never:
        names = sorted({atom["job"] for atom, _either in references(tree)})
        for statuses in product(["success", "failure", "terminated", "running"], repeat=len(names)):
            assert not _can_hold(tree, dict(zip(names, statuses, strict=True)))
