"""The answer reads well, says why, and is safe to print."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from jil_parser import statements
from jil_parser.boxes import begin, resolve
from jil_parser.report import report

Make = Callable[..., Any]
Write = Callable[..., str]


def answered(made: Any, job: str = "", direction: Any = "both") -> str:
    nesting = begin(made.jobs)
    while not nesting["done"]:
        nesting = resolve(nesting)
    told: str = report(made.definitions, nesting, job, direction, "", lambda _share, _message: None)["answer"]
    assert all(char.isprintable() or char == "\n" for char in told)
    return told


def test_the_answer_for_a_job(batch: Make, job: Write) -> None:
    made = batch(
        job("NIGHTLY", "s(FEED, 12.30)", kind="b", more='date_conditions: 1\nstart_times: "20\\:00"')
        + job("EXTRACT", box="NIGHTLY") + job("LOAD", "s(EXTRACT, 0) & (s(PARTS) | d(SKIP)) & n(BACKUP)", box="NIGHTLY")
        + job("PARTS") + job("BACKUP", "n(LOAD)") + job("FEED", kind="f") + job("CHECK", "e(LOAD) > 4")
        + job("MAIL", "s(NIGHTLY) | f(NIGHTLY)")
    )  # fmt: skip
    text = answered(made, "LOAD")
    assert text.startswith(
        """\
LOAD is a CMD job, in box NIGHTLY, line 9.
It starts when (line 11): s(EXTRACT, 0) & (s(PARTS) | d(SKIP)) & n(BACKUP)
Box NIGHTLY starts when (line 2): s(FEED, 12.30)
Box NIGHTLY starts by the clock: start_times 20:00

Before LOAD: 4 jobs, 2 of them in any case.
  directly:
    EXTRACT: LOAD starts when it has succeeded since the last run of LOAD
    PARTS: LOAD starts when it has succeeded, one of alternatives
    SKIP [not defined in this file]: LOAD starts when it is done, one of alternatives
    FEED: LOAD starts when it has succeeded within the last 12 h 30 min (through box NIGHTLY)

After LOAD: 3 jobs.
  directly:
    CHECK: starts when LOAD has ended with exit code > 4
    NIGHTLY: the box ends only when LOAD has
  over 2 waits:
    MAIL: starts when NIGHTLY has succeeded, or by an alternative

Never at the same time; this is no order:
  does not start while BACKUP runs
  while it runs, BACKUP does not start

batch.jil: 8 jobs, 1 of them a box, 4 levels of execution."""
    )
    assert "1 missing job:\n  SKIP, named by LOAD" in text and "No cycles." in text


def test_one_direction_only(batch: Make, job: Write) -> None:
    made = batch(job("A") + job("B", "s(A)") + job("C", "s(B)"))
    up, down = answered(made, "B", "upstream"), answered(made, "B", "downstream")
    assert "Before B: 1 job." in up and "After B" not in up
    assert "After B: 1 job." in down and "Before B" not in down
    assert "Before A: nothing has to run." in answered(made, "A") and "After C: nothing waits" in answered(made, "C")


def test_the_answer_for_a_file(batch: Make, job: Write) -> None:
    made = batch(
        job("A", more="avg_runtime: 10")
        + job("B", "s(A)")
        + job("C", "s(D)")
        + job("D", "s(C)")
        + "insert_machine: m\n"
    )
    assert answered(made) == (
        "batch.jil: 4 jobs, 0 of them boxes, 2 levels of execution. It also defines: 1 machine.\n"
        "Critical chain, 10 minutes (by the runtimes that the jobs give; 1 of its jobs gives none): A → B\n\n"
        "What can run at the same time, level by level:\n  1: A, C, D\n  2: B\n\n"
        "1 cycle:\n  C → D → C\n\nNo missing jobs.\n\n"
        "airflow_dag.py is a skeleton for 4 jobs; it leaves out or does otherwise: no command (4), cycle (2)."
    )


def test_what_concerns_the_asked_job_comes_first(batch: Make, job: Write) -> None:
    made = batch("".join(job(f"J{i}", f"s(J{i}) & s(GONE{i})") for i in range(60)))
    text = answered(made, "J50")
    assert "60 cycles:\n  J50 → J50\n" in text and "60 missing jobs:\n  GONE50, named by J50\n" in text


def test_problems_are_told_with_their_place(batch: Make, job: Write) -> None:
    text = answered(batch(job("A", "s(B) &")))
    assert "1 problem in the file:\n  line 2, column 18: error: condition of A: ends too early" in text


def test_only_what_a_person_reads_is_told(batch: Make, job: Write) -> None:
    made = batch(job("A") + "".join(job(f"J{i}", "s(A) & s(GONE)", more="oops: x" * 50) for i in range(3000)))
    text = answered(made, "A")
    assert "… and 2975 more, all in dependencies.json" in text and len(text) < 10_000


def test_missing_and_foreign_jobs_can_be_asked_for(batch: Make, job: Write) -> None:
    made = batch(job("A", "s(GONE) & s(X^PRD)"))
    assert answered(made, "GONE").startswith("GONE: the file does not define it; it is named by A.\n\nBefore GONE: ")
    assert "X^PRD: it belongs to another instance." in answered(made, "X^PRD")


def test_hostile_names_are_printable(batch: Make, job: Write) -> None:
    made = batch(
        job("A\x1b[31m\u202e", 'v(X) = "\x07"', more="start_times: \x1b]0;x\x07") + job("B", "s(A\x1b[31m\u202e)")
    )
    assert r"A\x1b[31m\u202e" in answered(made, "B") and r"\u202e" in answered(made)


def test_a_partial_job_and_an_unread_condition_are_said(batch: Make) -> None:
    text = answered(batch("update_job: A\ncondition: s(\n"), "A")
    assert "Before A: no other job is known.\nWhat runs before may be more, since this is not known:" in text
    assert "  A (line 1): not all of its definition is here" in text and "  A (line 2): its condition cannot be" in text


def test_what_is_not_known_further_up_is_said(batch: Make, job: Write) -> None:
    made = batch(job("A", "s(X) & & s(Y)") + job("B", "s(A)") + job("C", "s(B)"))
    assert "  A (line 2): its condition cannot be read" in answered(made, "C")
    assert "nothing has to run" in answered(batch(job("A")), "A")


def test_a_statement_that_was_cut_is_no_job_without_a_condition(
    batch: Make, job: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "LONGEST", 200)
    long = job("A", more=f"description: {'x' * 90}\nstd_out_file: {'y' * 90}\ncondition: s(B)") + job("B")
    text = answered(batch(long), "A")
    assert "Before A: no other job is known." in text and "its statement was cut" in text


@pytest.mark.parametrize(
    ("jobs", "why"),
    [
        ("insert_job: A job_type: c\nbox_name: B\n", "its box B is not defined in this file"),
        (
            "insert_job: A job_type: c\nbox_name: B\ninsert_job: B job_type: c\n",
            "its box B is no box but a CMD job",
        ),
    ],
)
def test_a_box_that_is_none_is_said(batch: Make, jobs: str, why: str) -> None:
    text = answered(batch(jobs), "A")
    assert f"  A (line 1): {why}" in text and "nothing has to run" not in text


def test_what_can_never_start_is_said(batch: Make, job: Write) -> None:
    made = batch(job("A", "s(A)", more="avg_runtime: 90") + job("B", "s(A)") + job("C", "s(A) | s(D)") + job("D"))
    for name in "AB":
        assert "By this file it can never start" in answered(made, name)
    text = answered(made, "C")
    assert "can never start" not in text and "Before C: 2 jobs, 1 of them in any case." in text
    assert "A" not in made.order.chain["jobs"]


def test_two_ends_of_one_job_never_start_anything(batch: Make, job: Write) -> None:
    made = batch(job("A") + job("X", "s(A) & f(A)", kind="b") + job("M", box="X") + job("D", "s(M)"))
    for name in ("X", "M", "D"):
        assert "or for two things that exclude each other" in answered(made, name)
        assert made.document(name)["asked"]["never_starts"] is True
    assert "can never start" not in answered(made, "A")


def test_of_a_job_that_is_not_defined_nothing_is_known(batch: Make, job: Write) -> None:
    made = batch(job("A", "s(GONE) & s(X^PRD)"))
    for name in ("GONE", "X^PRD"):
        text = answered(made, name)
        assert "nothing has to run" not in text and f"  {name}: this file does not define it" in text
    (gap,) = made.document("GONE")["asked"]["unknown"]
    assert (gap["job"], gap["line"]) == ("GONE", None)


def test_who_may_wait_as_well_is_said(batch: Make, job: Write) -> None:
    made = batch(job("A") + job("B", "s(A) & & s(C)") + job("C", "s(A)") + job("D", box="GONE"))
    text = answered(made, "A")
    assert "After A: 1 job." in text
    assert "There may be more, since it is not known what these wait for: B (line 4), D (line 9).\n" in text
    assert "After C: no job is known to wait for it.\nThere may be more" in answered(made, "C")
    assert [gap["job"] for gap in made.document("A")["asked"]["unknown_after"]] == ["B", "D"]
    assert made.document("A", "upstream")["asked"]["unknown_after"] == []


def test_one_of_something_is_one(batch: Make, job: Write) -> None:
    made = batch(job("A", more="avg_runtime: 1") + job("B", kind="b") + "insert_machine: m\ninsert_machine: n\n")
    text = answered(made)
    assert "2 jobs, 1 of them a box, 1 level of execution. It also defines: 2 machines." in text
    assert "Critical chain, 1 minute (" in text
