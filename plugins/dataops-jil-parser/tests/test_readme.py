"""The README names every field, and every form that it promises has a test."""

from __future__ import annotations

import re
from pathlib import Path

from jil_parser import definitions, document, order, related
from jil_parser.airflow import MOST_JOBS
from jil_parser.condition import DEEPEST
from jil_parser.mermaid import MOST_JOBS as MOST_DRAWN
from jil_parser.vocabulary import SUBCOMMANDS

TESTS = Path(__file__).parent
README = (TESTS.parent / "README.md").read_text()


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_form_has_a_test_that_exists() -> None:
    rows = [row for row in section("Forms of JIL").splitlines() if row.startswith("| ")][1:]
    assert len(rows) > 25
    for row in rows:
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", row.rsplit(" | ", 1)[1])
        assert named, row
        for file, test in named:
            assert f"def {test}(" in (TESTS / file).read_text(), f"{file}::{test}"


def test_every_subcommand_for_jobs_is_in_the_table() -> None:
    forms = section("Forms of JIL")
    assert {name for name, (_verb, kind) in SUBCOMMANDS.items() if kind == "job"} <= set(re.findall(r"\w+", forms))


def test_every_field_is_described() -> None:
    described = set(re.findall(r"`([a-z_]+)(?:\[\])?`", section("dependencies.json")))
    parts = (document.Document, document.JobEntry, document.Asked, document.Missing, document.Unexpressed)
    for part in (*parts, document.Airflow, related.Related, related.Reason, order.Cycle, order.Chain):
        assert set(part.__annotations__) <= described, (part, set(part.__annotations__) - described)
    assert set(definitions.Condition.__annotations__) <= described


def test_limits_are_those_of_the_code() -> None:
    assert f"at most {MOST_DRAWN} jobs" in README
    assert f"more than {MOST_JOBS:,}".replace(",", " ") + " jobs" in README
    assert f"{DEEPEST} levels deep" in README and f"at most {definitions.MOST_PROBLEMS:,}".replace(",", " ") in README
