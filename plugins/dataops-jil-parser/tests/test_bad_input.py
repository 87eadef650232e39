"""What is large, deep or circular ends in bounded time and memory, without a recursion error."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jil_parser.boxes import begin, resolve
from jil_parser.report import report

from dataops_core.errors import DataOpsError

Make = Callable[..., Any]
Write = Callable[..., str]


def reported(made: Any, job: str = "") -> Any:
    nesting = begin(made.jobs)
    while not nesting["done"]:
        nesting = resolve(nesting)
    return report(made.definitions, nesting, job, "both", "", lambda _share, _message: None)


@pytest.fixture
def quick() -> Any:
    """Fails a test that takes much longer than it should; the limit is far above what was measured."""
    started = time.process_time()
    yield
    assert time.process_time() - started < 60


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_cycle_of_ten_thousand_jobs(batch: Make, job: Write) -> None:
    made = batch("".join(job(f"J{i}", f"s(J{(i - 1) % 10_000})") for i in range(10_000)))
    found = reported(made, "J5000")
    (cycle,) = found["dependencies"]["cycles"]
    assert len(cycle["jobs"]) == len(cycle["path"]) == 10_000 and not cycle["can_start"]
    assert "J0 → J1 → J2" in found["answer"] and "… 9990 more … → J0" in found["answer"]
    assert len(found["dependencies"]["asked"]["before"]) == 9_999
    assert len(found["answer"]) < 10_000 and len(found["diagram"]) < 20_000


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_chain_of_ten_thousand_jobs(batch: Make, job: Write) -> None:
    made = batch("".join(job(f"J{i}", f"s(J{i - 1})" if i else "") for i in range(10_000)))
    found = reported(made, "J9999")["dependencies"]
    assert found["levels"] == 10_000 and len(found["critical_chain"]["jobs"]) == 10_000
    assert all(item["needed"] for item in found["asked"]["before"])


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("closed", [False, True])
def test_ten_thousand_boxes_in_boxes(batch: Make, job: Write, closed: bool) -> None:
    first = "B9999" if closed else ""
    made = batch(
        job("FEED") + job("B0", box=first, kind="b") + job("A", box="B9999") + job("Z", "s(B0)")
        + "".join(job(f"B{i}", "s(FEED)" if i == 5 else "", f"B{i - 1}", "b") for i in range(1, 10_000))
    )  # fmt: skip
    found = reported(made, "A")["dependencies"]
    nearest = found["asked"]["before"][0]
    assert (nearest["job"], nearest["reasons"][0]["through"]) == ("FEED", "B5")
    assert bool(found["box_loops"]) == bool(found["cycles"]) == closed
    assert "B9999" in {item["job"] for item in reported(made, "Z")["dependencies"]["asked"]["before"]}


@pytest.mark.usefixtures("quick")
def test_ten_thousand_parentheses_in_a_file(batch: Make, job: Write) -> None:
    made = batch(
        job("A", "(" * 10_000 + "s(B)" + ")" * 10_000) + job("C", "(" * 10_000) + job("D", "s(A) & (" * 10_000 + "s(B)")
        + job("B")
    )  # fmt: skip
    assert made.tree("A") == {"is": "success", "job": "B"}
    assert [problem.split(": ")[1] for problem in made.problems] == ["ends too early"] * 2
    reported(made, "A")


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_job_that_everything_waits_for(batch: Make, job: Write) -> None:
    names = " & ".join(f"s(J{i})" for i in range(5_000))
    made = batch("".join(job(f"J{i}", "s(A)") for i in range(5_000)) + job("A") + job("Z", names) + job("Y", names))
    found = reported(made, "A")
    assert len(found["dependencies"]["asked"]["after"]) == 5_002 and len(found["answer"]) < 10_000
    assert len(reported(made, "Z")["dependencies"]["asked"]["before"]) == 5_001


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "text",
    [
        '"' * 300_000,
        "\\" * 300_000,
        " " * 300_000,
        "a:" * 100_000,
        "machine:" * 50_000,
        '"\\' * 100_000,
        "/*" * 100_000,
        "x " * 200_000,
        "<auto_blobt>" * 20_000,
        "s(A) & " * 50_000,
        "\n" * 300_000 + "x",
        "owner: x\n" * 50_000,
        ' "a" ' * 50_000,
        "\t\r\n" * 50_000,
        "a\\:" * 100_000,
    ],
)
def test_lines_that_make_a_poor_grammar_go_back_and_forth(batch: Make, text: str) -> None:
    made = batch(f"insert_job: A\ncommand: {text}\ncondition: {text}\ninsert_job: B\nmachine: m\n")
    assert made.jobs["B"]["attributes"] == {"machine": "m"}


@given(
    st.binary(max_size=300) | st.text('insert_job: A\n\t"\\/*#:()&|^=,machinecondition', max_size=200).map(str.encode)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_any_bytes_are_read_or_refused_in_words(batch: Make, content: bytes) -> None:
    try:
        made = batch(b"insert_job: FIRST\n" + content)
    except DataOpsError as error:
        assert error.message.isprintable() and error.hint  # noqa: PT017 - most bytes raise nothing
        return
    found = reported(made)
    compile(found["dag"], "dag", "exec")
    assert all(char.isprintable() or char == "\n" for char in found["answer"] + found["diagram"] + found["dag"])
    assert all(problem["line"] >= 1 and problem["column"] >= 1 for problem in found["dependencies"]["problems"])


@pytest.mark.slow
def test_memory_stays_bounded(tmp_path: Path) -> None:
    path = tmp_path / "big.jil"
    statement = (
        "insert_job: JOB_{0}   job_type: c\nbox_name: BOX_{1}\ncommand: /opt/run --job {0}\nmachine: host\n"
        "owner: batch@host\npermission: gx,wx\ncondition: s(JOB_{2}) & d(JOB_{3}, 12.00)\navg_runtime: 5\n"
        'description: "job number {0} of the nightly batch that loads everything"\n\n'
    )
    with path.open("w") as out:
        out.writelines(statement.format(i, i // 50, i - 1, i // 2) for i in range(5_000))
    code = (
        "import resource, sys\n"
        "from jil_parser.workflow import JilParser\n"
        "graph = JilParser().get_compiled_graph()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "made = graph.invoke({'file_path': sys.argv[1]})\n"
        "assert len(made['dependencies']['jobs']) == 5_000\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    out = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    # The statement of this file is as long as a tenth of a kilobyte a line: 50 MiB of it stay below 1 GiB.
    assert int(out.stdout) / (path.stat().st_size / 2**20) < 18
