"""`ask`: what it explains, what it asks which of, what it confirms."""

from __future__ import annotations

import json

import pytest

from tests.cli.program import STEPS
from tests.toys import install_workflow

NEAR = """
example_queries: [three steps with word=hi, walk the three steps]
parameters:
  - {name: word, type: string, required: true, prompt: "Which word?"}
"""
COSTLY = """
example_queries: [burn the money, spend everything at once]
confirm: true
parameters:
  - {name: word, type: string, default: all}
  - {name: times, type: integer, default: 1}
"""


@pytest.fixture
def others(site, monkeypatch):
    install_workflow(site, "costly", STEPS, COSTLY)
    install_workflow(site, "two_steps", STEPS, NEAR)
    from tests.conftest import forget

    forget()
    return site


def told(result):
    return json.loads(result.stdout)


def test_explaining_says_why_and_leaves_nothing(dataops, home):
    result = dataops("ask", "--explain", "three steps with word=hi times=2")
    assert result.exit_code == 0
    first, why, *values = result.stdout.splitlines()
    assert first.startswith(("runs three_steps (confidence 0.9", "runs three_steps (confidence 1.0"))
    assert why.startswith("  because three_steps knows 'three', 'steps'")
    assert "  word=\"hi\"  from 'word=hi' (key=value)" in values
    assert not (home / "dataops.db").exists()


def test_explaining_as_json(dataops):
    asked = told(dataops("ask", "--explain", "three steps", "--json"))
    assert (asked["schema_version"], asked["outcome"], asked["workflow"]) == (1, "run", "three_steps")
    assert asked["missing"] == ["word"]
    assert asked["candidates"][0]["example"]
    assert told(dataops("ask", "--explain", "order me a pizza", "--json"))["workflow"] is None


def test_in_doubt_the_choice_is_an_error_that_the_next_message_answers(dataops, others):
    asked = dataops("ask", "walk three steps")
    assert asked.exit_code == 2
    assert asked.stderr.startswith("error: do you mean ")
    assert "dataops ask --session" in asked.stderr
    done = dataops("ask", "-c", "three_steps, word=hi")
    assert (done.exit_code, done.stdout) == (0, "hi 123 x1\n")
    assert "times=1 by default" in done.stderr


def test_the_choice_as_json_names_what_can_be_chosen(dataops, others):
    asked = told(dataops("ask", "walk three steps", "--json"))
    assert (asked["status"], asked["run_id"], asked["error"]["code"]) == ("undecided", None, "question")
    assert {"three_steps", "two_steps", "none"} <= set(asked["question"]["schema"]["enum"])
    assert dataops("ask", "-c", "none").exit_code == 0


def test_what_is_costly_waits_for_a_yes(dataops, others):
    asked = dataops("run", "costly")
    assert asked.exit_code == 2
    assert 'Run costly with word="all", times=1? (yes or no)' in asked.stderr
    assert told(dataops("runs", "list", "--open", "--json"))["runs"][0]["status"] == "interrupted"
    assert dataops("ask", "-c", "yes").stdout == "all 123 x1\n"
    assert dataops("run", "costly", "--yes").stdout == "all 123 x1\n"
    refused = dataops("ask", "burn the money")
    assert refused.exit_code == 2
    no = dataops("ask", "-c", "no")
    assert (no.exit_code, "was cancelled" in no.stderr) == (1, True)
