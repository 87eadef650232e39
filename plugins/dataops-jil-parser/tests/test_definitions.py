"""What statements leave behind: inserts, updates, deletes, renames, overrides, and everything that is no job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]
Write = Callable[..., str]


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("c", "CMD"),
        ("CMD", "CMD"),
        ("b", "BOX"),
        ("box", "BOX"),
        ("f", "FW"),
        ("fw", "FW"),
        ("ft", "FT"),
        ("SQL", "SQL"),
    ],
)
def test_job_types(batch: Make, written: str, kind: str) -> None:
    assert batch(f"insert_job: A job_type: {written}").jobs["A"]["type"] == kind


def test_a_job_without_a_type_is_a_command(batch: Make) -> None:
    assert batch("insert_job: A\nmachine: m").jobs["A"]["type"] == "CMD"


def test_boxes_in_boxes(batch: Make, job: Write) -> None:
    made = batch(job("OUT", kind="b") + job("IN", box="OUT", kind="box") + job("A", box="IN"))
    assert [made.jobs[name]["box"] for name in ("OUT", "IN", "A")] == [None, "OUT", "IN"]
    assert made.network.around("A") == ["IN", "OUT"]


def test_update_changes_only_what_it_names(batch: Make, job: Write) -> None:
    made = batch(job("A", "s(B)", more="machine: m\nowner: o") + "update_job: A\nmachine: n\ncondition: f(C)\n")
    assert made.jobs["A"]["attributes"] == {"machine": "n", "owner": "o"}
    assert made.tree("A") == {"is": "failure", "job": "C"}
    assert not made.problems


def test_update_takes_away_what_it_names_empty(batch: Make, job: Write) -> None:
    made = batch(
        job("X", kind="b")
        + job("A", "s(B)", box="X", more="owner: o")
        + "update_job: A\ncondition:\nbox_name: \nowner:\n"
    )
    assert made.jobs["A"]["attributes"] == {} and made.jobs["A"]["conditions"] == {} and made.jobs["A"]["box"] is None
    assert made.network.members == {}


def test_update_without_insert_is_told(batch: Make) -> None:
    made = batch("update_job: A\ncondition: s(B)\n")
    assert made.jobs["A"]["partial"]
    assert made.problems == ["warning 1:1 A is updated but not inserted in this file"]


def test_a_second_insert_is_told_and_the_first_counts(batch: Make, job: Write) -> None:
    made = batch(job("A", more="owner: first") + job("A", more="owner: second"))
    assert made.jobs["A"]["attributes"]["owner"] == "first"
    assert made.problems == ["error 4:1 A is inserted twice, first in line 1; the first one counts"]


def test_delete_and_insert_again(batch: Make, job: Write) -> None:
    made = batch(job("A", more="owner: first") + "delete_job: A\n" + job("A", more="owner: second"))
    assert made.jobs["A"]["attributes"]["owner"] == "second" and not made.problems


def test_delete_job_of_a_box_leaves_its_members(batch: Make, job: Write) -> None:
    made = batch(job("X", kind="b") + job("A", box="X") + "delete_job: X\n")
    assert list(made.jobs) == ["A"] and made.jobs["A"]["box"] is None


def test_delete_box_takes_everything_in_it(batch: Make, job: Write) -> None:
    inner = job("X", kind="b") + job("Y", box="X", kind="b") + job("A", box="Y") + job("B", box="X") + job("C")
    made = batch(inner + "delete_box: X\n")
    assert list(made.jobs) == ["C"] and not made.problems


def test_a_box_that_lies_in_itself_can_be_deleted(batch: Make, job: Write) -> None:
    assert batch(job("X", box="Y", kind="b") + job("Y", box="X", kind="b") + "delete_box: X\n").jobs == {}


def test_delete_of_what_is_not_there(batch: Make) -> None:
    assert batch("delete_job: A\n").problems == [
        "warning 1:1 delete of A, which is not defined at this point of the file"
    ]


def test_rename(batch: Make, job: Write) -> None:
    made = batch(job("X", kind="b") + job("A", box="X") + job("B", "s(A)") + "rename_job: X\nnew_name: Z\n")
    assert made.jobs["A"]["box"] == "Z" and made.jobs["Z"]["name"] == "Z" and "X" not in made.jobs
    wrong = batch(job("A") + job("B") + "rename_job: A\nnew_name: B\nrename_job: A\n")
    assert set(wrong.jobs) == {"A", "B"}
    assert [problem.split(": ")[1] for problem in wrong.problems] == ["B exists already", "it gives no new_name"]


def test_override_is_listed_and_not_applied(batch: Make, job: Write) -> None:
    made = batch(job("A", more="command: ls") + "override_job: A\ncommand: rm\noverride_job: A delete\n")
    assert made.jobs["A"]["attributes"]["command"] == "ls"
    assert [(o["job"], o["cancelled"], o["attributes"]) for o in made.definitions["overrides"]] == [
        ("A", False, {"command": "rm"}),
        ("A", True, {}),
    ]
    assert all(problem.startswith("info") for problem in made.problems)


def test_machines(batch: Make) -> None:
    made = batch(
        "insert_machine: lowgate\ntype: a\nmax_load: 20\n\ninsert_machine: farm type: v\nmachine: lowgate\n"
        "update_machine: lowgate\nmax_load: 30\ninsert_machine: old type: a\ndelete_machine: old\n"
    )
    machines = made.definitions["objects"]["machine"]
    assert machines["lowgate"]["attributes"] == {"type": "a", "max_load": "30"}
    assert set(machines) == {"lowgate", "farm"} and not made.problems


def test_external_instances(batch: Make) -> None:
    made = batch("insert_xinst: PRD\nxtype: a\nxmachine: prod.host\nxport: 9000\nxcrypt_type: DEFAULT\n")
    assert made.definitions["objects"]["xinst"]["PRD"]["attributes"]["xmachine"] == "prod.host"


def test_calendars_globals_and_other_things(batch: Make) -> None:
    made = batch(
        "calendar: HOLIDAYS\n01/01/2026\n12/25/2026\n\ninsert_global: MODE\nvalue: full\n\n"
        "insert_resource: TAPE\nres_type: R\namount: 2\n"
    )
    objects = made.definitions["objects"]
    assert objects["calendar"]["HOLIDAYS"]["attributes"]["dates"] == "01/01/2026, 12/25/2026"
    assert objects["global"]["MODE"]["attributes"] == {"value": "full"}
    assert objects["resource"]["TAPE"]["attributes"]["amount"] == "2"
    assert not made.problems


@pytest.mark.parametrize(
    "written",
    ["condition: s(A) & s(B)", 'condition: "s(A) & s(B)"', "condition: s(A) &\n  s(B)", 'condition: "s(A) &\n  s(B)"'],
)
def test_conditions_in_quotes_and_wrapped(batch: Make, written: str) -> None:
    tree = batch(f"insert_job: X\n{written}\n").tree("X")
    assert [atom["job"] for atom in tree["all"]] == ["A", "B"]


def test_box_success_and_box_failure(batch: Make, job: Write) -> None:
    made = batch(job("X", kind="b", more="box_success: s(A)\nbox_failure: f(A) | f(B)"))
    assert made.tree("X", "box_success") == {"is": "success", "job": "A"}
    assert len(made.tree("X", "box_failure")["any"]) == 2


def test_a_wrong_condition_is_told_with_line_and_column_and_costs_nothing_else(batch: Make, job: Write) -> None:
    made = batch(job("A", "s(B) &&  s(C)", more="owner: o") + job("D", "s(A)"))
    assert made.tree("A") is None and made.jobs["A"]["attributes"] == {"owner": "o"}
    assert made.tree("D") is not None
    (problem,) = made.problems
    assert problem.startswith("error 2:18 condition of A: expected a status such as s(JOB)")
    wrapped = batch("insert_job: A\ncondition: s(B) &\n   s(C) &\n   s(D\nowner: o\n")
    assert wrapped.problems[0].startswith("error 4:7 condition of A: ends too early")
    quoted = batch('insert_job: A\ncondition: "s(B) ? s(C)"\n')
    assert quoted.problems[0].startswith("error 2:18 ")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("oops\ninsert_job: A\n", "error 1:1 'oops' stands above the first statement"),
        ("insert_job: A\ninsert_jab: B\n", "error 2:1 unknown subcommand 'insert_jab', did you mean insert_job?"),
        ("insert_job: A\nmachin: m\n", "warning 2:1 unknown attribute 'machin', did you mean 'machine'?"),
        ("insert_job: A\nmachine: m\nmachine: n\n", "warning 3:10 machine is given twice; the last one counts"),
        ('insert_job: A\ndescription: "x\n', "error 2:14 a quote begins here and is never closed"),
        ("insert_job: A\nmachine: m\n\n  loose words\n", "error 4:3 'loose words' belongs to no attribute"),
        ("insert_job: A B\n", "warning 1:1 the name 'A B' holds blanks"),
        ("insert_job: A\ndelete_job:\n", "error 2:1 delete_job names nothing"),
    ],
)
def test_problems_have_a_place(batch: Make, content: str, problem: str) -> None:
    made = batch(content)
    assert [found for found in made.problems if found.startswith(problem)], made.problems
    assert "A" in made.jobs or "A B" in made.jobs


def test_many_problems_are_counted(batch: Make) -> None:
    made = batch("insert_job: A\ncondition: ?\n" * 1200)
    assert len(made.definitions["problems"]) == 1000
    assert made.definitions["problems_left_out"] > 0
