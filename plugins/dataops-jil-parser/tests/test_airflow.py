"""The Airflow DAG compiles, waits as the JIL says, and says what it cannot do."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jil_parser import airflow
from jil_parser.boxes import begin, resolve

Make = Callable[..., Any]
Write = Callable[..., str]


class Task:
    """Stands for every operator and group: it notes its arguments and what it is put before."""

    def __init__(self, group_id: str = "", **given: Any) -> None:
        self.given = {"id": group_id or given.get("task_id", ""), **given}
        self.then: list[Task] = []

    def __rshift__(self, other: Task) -> Task:
        self.then.append(other)
        return other


def dag_of(made: Any, job: str = "") -> tuple[str, list[Any]]:
    nesting = begin(made.jobs)
    while not nesting["done"]:
        nesting = resolve(nesting)
    code, told = airflow.dag(made.network, made.order, nesting, made.document(job)["asked"])
    return code, told["not_expressed"]


def run(code: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Executes the code with classes in the places that Airflow 3 has them in."""
    for module, names in {
        "airflow": [],
        "airflow.sdk": ["DAG", "TaskGroup"],
        "airflow.providers.standard.operators.bash": ["BashOperator"],
        "airflow.providers.standard.operators.empty": ["EmptyOperator"],
        "airflow.providers.standard.sensors.filesystem": ["FileSensor"],
    }.items():
        made = ModuleType(module)
        for name in names:
            setattr(made, name, type(name, (Task,), {}))
        monkeypatch.setitem(sys.modules, module, made)
    space: dict[str, Any] = {"__name__": "dag"}
    exec(compile(code, "airflow_dag.py", "exec"), space)
    return space


@pytest.fixture
def executed(batch: Make, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    def make(content: str) -> Any:
        code, flags = dag_of(batch(content))
        space = run(code, monkeypatch)
        return space["jobs"], space["boxes"], {flag["what"] for flag in flags}, code

    return make


def test_commands_boxes_and_watchers(executed: Any, job: Write) -> None:
    jobs, boxes, flags, _code = executed(
        job("X", kind="b") + job("Y", box="X", kind="b") + job("A", box="Y", more="command: echo hi\nmachine: m1")
        + job("F", kind="f", more="watch_file: /data/in") + job("Q", kind="sql")
    )  # fmt: skip
    assert type(jobs["A"]).__name__ == "Command" and jobs["A"].given["bash_command"] == "echo hi"
    assert jobs["A"].given["task_group"] is boxes["Y"] and boxes["Y"].given["parent_group"] is boxes["X"]
    assert type(jobs["F"]).__name__ == "Watch" and jobs["F"].given["filepath"] == "/data/in"
    assert type(jobs["Q"]).__name__ == "EmptyOperator" and flags == {"job type SQL"}


def test_waits_and_rules(executed: Any, job: Write) -> None:
    parts = [job(name, more="command: x") for name in "ABCD"]
    jobs, _boxes, flags, _code = executed("".join(parts) + job("Z", "s(A) & f(B) & (s(C) | d(D))", more="command: x"))
    assert jobs["Z"] in jobs["A"].then
    (failed,) = jobs["B"].then
    assert failed.given["trigger_rule"] == "all_failed" and failed.then == [jobs["Z"]]
    (join,) = jobs["C"].then
    assert join.given["trigger_rule"] == "one_success" and join.then == [jobs["Z"]]
    (done,) = jobs["D"].then
    assert done.given["trigger_rule"] == "all_done" and done.then == [join]
    assert flags == set()


def test_groups_within_alternatives(executed: Any, job: Write) -> None:
    jobs, boxes, _flags, _code = executed(
        "".join(job(name) for name in "ABC") + job("X", "s(A) | (s(B) & s(C))", kind="b") + job("M", box="X")
    )
    (both,) = jobs["B"].then
    assert both.given["trigger_rule"] == "all_success" and jobs["C"].then == [both]
    (either,) = both.then
    assert jobs["A"].then == [either] and either.then == [boxes["X"]]


def test_what_cannot_be_expressed_is_flagged(batch: Make, job: Write) -> None:
    made = batch(
        job("A", "s(B, 12) & n(C) & s(D^PRD) & v(E) = 1 & e(F) = 4 & t(G) & s(GONE)",
              more="run_calendar: cal\nn_retrys: 3")
        + "".join(job(name) for name in "BCFG") + job("X", kind="b", more="box_success: s(B)\nstart_times: 10:00")
        + job("H", "s(I)") + job("I", "s(H)") + job("J", "s(K) |") + job("L", "s(B) | s(GONE)")
    )  # fmt: skip
    code, flags = dag_of(made)
    told = {flag["what"]: flag for flag in flags}
    assert set(told) == {
        "look-back", "mutual exclusion", "cross-instance", "global variable", "exit code", "terminated", "missing job",
        "calendar", "n_retrys", "box_success", "schedule", "cycle", "no command", "condition that cannot be read",
        "alternative without a task",
    }  # fmt: skip
    assert told["look-back"] == {"job": "A", "line": 2, "what": "look-back", "detail": "s(B, 12)"}
    for what in told:
        assert f"# not expressed: {what}:" in code
        assert f"# {what}:" in code
    ast.parse(code)


def test_no_wait_closes_a_cycle(executed: Any, job: Write) -> None:
    jobs, boxes, flags, _code = executed(
        job("A", "s(B)") + job("B", "s(A)") + job("X", kind="b") + job("M", "s(X)", box="X") + job("N", "s(A)")
    )
    assert jobs["A"].then == [jobs["N"]] and jobs["B"].then == [] and boxes["X"].then == []
    assert "cycle" in flags


def test_ids_are_unique_and_braces_are_no_template(executed: Any, job: Write) -> None:
    jobs, _boxes, _flags, code = executed(
        job("a:b", more="command: echo {{ 1 + 1 }}") + job("a#b") + job("a_b") + job("ünï") + job("z" * 400)
    )
    ids = [task.given["task_id"] for task in jobs.values()]
    assert len(set(ids)) == 5 and all(len(made) <= 250 and made.isascii() for made in ids)
    assert "template_fields = ()" in code and jobs["a:b"].given["bash_command"] == "echo {{ 1 + 1 }}"


HOSTILE = [
    '"""',
    "'''",
    "\\",
    '\\"""',
    "# c",
    "\u202eevil",
    "{}",
    "%s",
    "\u2028import os",
    "a'b\"c",
    "\x1b[31m",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_stay_values(batch: Make, job: Write, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    name = text.replace(" ", "_")
    made = batch(
        job(name, kind="b", more=f"start_times: {text}")
        + job("A", "s(B) & x(", box=name, more=f"command: c {text} d\nmachine: {text}")
        + job("B", f'v(C) = "{text}"', more=f"n_retrys: {text}")
    )  # fmt: skip
    code, _flags = dag_of(made)
    space = run(code, monkeypatch)
    assert space["jobs"]["A"].given["bash_command"] == made.jobs["A"]["attributes"]["command"]
    assert all(char.isprintable() or char == "\n" for char in code)
    assert {type(node) for node in ast.parse(code).body} <= {
        ast.Expr, ast.ImportFrom, ast.ClassDef, ast.Assign,
    }  # fmt: skip


def test_a_hostile_file_name(batch: Make, job: Write) -> None:
    made = batch(job("A"))
    made.definitions["file"] = '"""\nimport os  # \\.jil'
    code, _flags = dag_of(made)
    assert isinstance(ast.parse(code).body[1], ast.ImportFrom)
    assert "\nimport os" not in code


@given(st.text(max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_as_a_name_and_a_command(batch: Make, text: str) -> None:
    made = batch("insert_job: A\ncommand: x\n\ninsert_job: X job_type: b\n")
    made.jobs["A"]["attributes"] = {"command": text, "machine": text, "start_times": text}
    made.jobs[text] = {**made.jobs.pop("X"), "name": text}
    made.jobs["A"]["box"] = text
    made._network = made._order = None
    compile(dag_of(made)[0], "dag", "exec")


def test_of_a_large_file_only_the_asked_job_and_its_surroundings(
    batch: Make, job: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow, "MOST_JOBS", 3)
    made = batch("".join(job(f"J{i}", f"s(J{i - 1})" if i else "") for i in range(10)))
    code, flags = dag_of(made)
    assert "jobs['" not in code and flags[0]["detail"] == "0 of 10 jobs are in the DAG"
    code, flags = dag_of(made, "J5")
    assert all(f"jobs['J{i}']" in code for i in (4, 5, 6)) and "jobs['J1']" not in code
    assert {flag["what"] for flag in flags} == {"jobs left out", "job left out", "no command"}


def test_deeply_nested_conditions_and_boxes_compile(batch: Make, job: Write) -> None:
    text = "s(A)"
    for number in range(150):
        text = f"s(A) {'&|'[number % 2]} ({text})"
    boxes = "".join(job(f"B{i}", box=f"B{i - 1}" if i else "", kind="b") for i in range(2000))
    compile(dag_of(batch(job("A") + job("Z", text, box="B1999") + boxes))[0], "dag", "exec")
