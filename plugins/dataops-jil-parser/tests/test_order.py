"""Cycles, levels and the critical chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]
Write = Callable[..., str]


def test_levels(batch: Make, job: Write) -> None:
    made = batch(job("A") + job("B", "s(A)") + job("C", "s(A)") + job("D", "s(B) & s(C)") + job("E"))
    assert made.order.levels == {"A": 1, "B": 2, "C": 2, "D": 3, "E": 1}


def test_levels_through_boxes(batch: Make, job: Write) -> None:
    made = batch(
        job("A") + job("X", "s(A)", kind="b") + job("B", box="X") + job("C", "s(B)", box="X") + job("D", "s(X)")
    )
    assert made.order.levels == {"A": 1, "X": 2, "B": 2, "C": 3, "D": 4}


def test_an_alternative_counts_with_its_first(batch: Make, job: Write) -> None:
    made = batch(
        job("A") + job("B", "s(A)") + job("C", "s(A) | s(B)") + job("D", "s(B) | s(GONE)") + job("E", "s(GONE)")
    )
    assert made.order.levels == {"A": 1, "B": 2, "C": 2, "D": 3, "E": 1}


def test_an_empty_box(batch: Make, job: Write) -> None:
    made = batch(job("X", kind="b") + job("A", "s(X)"))
    assert made.order.levels == {"X": 1, "A": 1}


@pytest.mark.parametrize("attribute", ["avg_runtime", "term_run_time"])
def test_the_critical_chain_by_minutes(batch: Make, job: Write, attribute: str) -> None:
    made = batch(
        job("A", more=f"{attribute}: 10") + job("B", more=f"{attribute}: 30")
        + job("C", "s(A) & s(B)", more=f"{attribute}: 5")
        + job("D", "s(A)") + job("E", "s(D)") + job("F", "s(E)")
    )  # fmt: skip
    assert made.order.chain == {"by": "minutes", "total": 35, "jobs": ["B", "C"], "unknown": 0}


def test_the_average_counts_before_the_limit(batch: Make, job: Write) -> None:
    made = batch(
        job("A", more="avg_runtime: 10\nterm_run_time: 90") + job("B", more="avg_runtime: x\nterm_run_time: 5")
    )
    assert (made.order.chain["jobs"], made.order.chain["total"]) == (["A"], 10)


def test_the_critical_chain_by_number(batch: Make, job: Write) -> None:
    made = batch(job("A") + job("B", "s(A)") + job("C", "s(A) | s(B)") + job("X", "s(B)", kind="b") + job("D", box="X"))
    assert made.order.chain == {"by": "jobs", "total": 3, "jobs": ["A", "B", "D"], "unknown": 0}


def test_a_boxs_own_runtime_is_not_added_to_its_members(batch: Make, job: Write) -> None:
    box = job("X", kind="b", more="avg_runtime: 99") + job("A", box="X", more="avg_runtime: 3")
    made = batch(box + job("B", "s(X)") + job("C", "s(B)", more="avg_runtime: 1"))
    assert made.order.chain == {"by": "minutes", "total": 4, "jobs": ["A", "B", "C"], "unknown": 1}


def test_a_cycle_is_named(batch: Make, job: Write) -> None:
    made = batch(job("A", "s(C)") + job("B", "s(A)") + job("C", "s(B)") + job("D", "s(C)") + job("E", "s(E)"))
    assert made.order.cycles == [
        {"path": ["A", "B", "C"], "jobs": ["A", "B", "C"], "can_start": False},
        {"path": ["E"], "jobs": ["E"], "can_start": False},
    ]
    assert made.order.circle["B"] == 0 and "D" not in made.order.circle
    assert made.order.levels["D"] > made.order.levels["C"]


def test_a_job_that_waits_for_its_own_box(batch: Make, job: Write) -> None:
    made = batch(job("X", kind="b") + job("A", "s(X)", box="X"))
    (cycle,) = made.order.cycles
    assert set(cycle["jobs"]) == {"A", "X"} and not cycle["can_start"]


def test_a_cycle_that_an_alternative_can_start(batch: Make, job: Write) -> None:
    made = batch(job("A", "s(C) | s(START)") + job("B", "s(A)") + job("C", "s(B)") + job("START"))
    (cycle,) = made.order.cycles
    assert cycle["can_start"] and cycle["jobs"] == ["A", "B", "C"]


def test_exclusion_makes_no_cycle(batch: Make, job: Write) -> None:
    assert batch(job("A", "n(B)") + job("B", "n(A)")).order.cycles == []


def test_boxes_in_one_another(batch: Make, job: Write) -> None:
    made = batch(job("X", box="Y", kind="b") + job("Y", box="X", kind="b") + job("A", box="X") + job("B"))
    document = made.document()
    assert set(document["box_loops"]) >= {"X", "Y"} and "B" not in document["box_loops"]
    assert made.order.cycles[0]["jobs"] == ["X", "Y"]


def test_a_box_in_itself_is_one_cycle(batch: Make, job: Write) -> None:
    made = batch(job("G", box="G", kind="b") + job("H", "s(H)"))
    assert [cycle["jobs"] for cycle in made.order.cycles] == [["G"], ["H"]]
    assert (made.order.circle["G"], made.order.circle["H"]) == (0, 1)


def test_what_can_never_run_is_in_no_chain(batch: Make, job: Write) -> None:
    made = batch(job("A", "s(A)", more="avg_runtime: 90") + job("B", more="avg_runtime: 5"))
    assert made.order.chain["jobs"] == ["B"]
    assert batch(job("A", "s(A)")).order.chain["jobs"] == []


@pytest.mark.parametrize(
    "condition",
    [
        "s(B) & f(B)", "s(B) & (t(B) & s(C))", "e(B) = 0 & e(B) = 4", 'v(X) = "1" & v(X) = "2"',
        "(s(B) & f(B)) | (f(C) & s(C))",
    ],
)  # fmt: skip
def test_what_excludes_itself_never_starts(batch: Make, job: Write, condition: str) -> None:
    more = "avg_runtime: 90"
    made = batch(job("B") + job("C") + job("A", condition, more=more) + job("D", "s(A)", more=more))
    assert {"A", "D"} <= made.order.dead
    assert (made.order.chain["by"], made.order.chain["total"]) == ("jobs", 1)
    assert made.order.levels["D"] == made.order.levels["A"] + 1 and made.order.cycles == []


@pytest.mark.parametrize(
    "condition",
    [
        "s(B) & d(B)", "s(B) | f(B)", "s(B) & f(B, 12)", "s(B) & f(B^PRD)", "e(B) = 4 & e(B) = 04",
        "e(B) > 0 & e(B) > 4", "(s(B) & f(B)) | s(C)", 'v(X) = "1" & v(X^PRD) = "2"', "s(B) & n(B)", "s(B) & e(B) = 0",
    ],
)  # fmt: skip
def test_what_only_looks_as_if_it_excludes_itself_can_start(batch: Make, job: Write, condition: str) -> None:
    assert batch(job("B") + job("C") + job("A", condition)).order.dead.isdisjoint({"A"})
