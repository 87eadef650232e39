"""Whether a message answers an open question."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataops_core.contracts.manifest import parse_manifest
from dataops_core.errors import InvalidValue
from dataops_core.execution.questions import for_parameters
from dataops_core.routing.answers import Answer, is_cancel, understand
from dataops_core.routing.router import Router

HEAD = {"version": "1.0.0", "description": "x"}
ASKING = parse_manifest(
    {
        **HEAD,
        "name": "asking",
        "example_queries": ["ask me something"],
        "parameters": [
            {"name": "file_path", "type": "file_path", "required": True},
            {"name": "rows", "type": "integer", "required": True, "min": 1},
            {"name": "share", "type": "number", "required": True},
            {"name": "header", "type": "boolean", "required": True},
            {"name": "day", "type": "date", "required": True},
            {"name": "color", "type": "enum", "choices": ["red", "light blue"], "required": True},
            {"name": "label", "type": "string", "required": True},
            {"name": "columns", "type": "list", "items": "string", "required": True},
            {"name": "source", "type": "uri", "required": True},
        ],
    }
)
OTHER = parse_manifest(
    {
        **HEAD,
        "name": "lineage",
        "description": "Column lineage of SQL",
        "example_queries": ["which columns feed revenue in report.sql?", "trace the lineage of a query"],
        "parameters": [{"name": "sql", "type": "file_path", "required": True}],
    }
)
ROUTER = Router([ASKING, OTHER])


FILES = ("orders.csv", "my orders.csv", "data/orders.csv")


@pytest.fixture(autouse=True)
def cwd(tmp_path, monkeypatch):
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(text, name, **more):
    question = for_parameters([ASKING.parameter(name)])
    return understand(text, question | more.pop("question", {}), ASKING, ROUTER.route(text), cwd=Path.cwd(), **more)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("file_path", "orders.csv", "./orders.csv"),
        ("file_path", " 'my orders.csv' ", "./my orders.csv"),
        ("file_path", "it is data/orders.csv", "./data/orders.csv"),
        ("rows", "12", 12),
        ("rows", "rows=12", 12),
        ("rows", "12 rows", 12),
        ("share", "0.5", 0.5),
        ("header", "yes", True),
        ("header", "no", False),
        ("day", "2026-01-31", "2026-01-31"),
        ("color", "Light blue", "light blue"),
        ("label", "quarterly figures", "quarterly figures"),
        ("label", '"which columns feed revenue in report.sql?"', "which columns feed revenue in report.sql?"),
        ("columns", "a, b", ["a", "b"]),
        ("source", "s3://bucket/key", "s3://bucket/key"),
    ],
)
def test_values_are_understood(name, text, value, cwd):
    value = value.replace("./", f"{cwd}/") if name == "file_path" else value
    assert answer(text, name) == Answer(value, {})


def test_a_message_may_give_other_values_too(cwd):
    assert answer("orders.csv rows=3", "file_path") == Answer(f"{cwd}/orders.csv", {"rows": 3})


def test_what_is_asked_for_together_is_answered_together(cwd):
    both = answer("orders.csv, 12", "file_path", lacking=["file_path", "rows"])
    assert both == Answer(f"{cwd}/orders.csv", {"rows": 12})


def test_a_suggestion_is_taken_by_yes():
    assert answer("yes please", "rows", question={"suggestion": 7}) == Answer(7)
    assert answer("yes", "header", question={"suggestion": False}) == Answer(True)
    assert answer("8", "rows", question={"suggestion": 7}) == Answer(8)


def test_a_file_that_is_not_there_is_asked_for_again(cwd):
    with pytest.raises(InvalidValue, match=r"there is no file '.*/ordrs\.csv'") as wrong:
        answer("ordrs.csv", "file_path")
    assert wrong.value.hint == "did you mean 'orders.csv'?"
    assert answer("file_path=ordrs.csv", "file_path") == Answer(f"{cwd}/ordrs.csv", {})


@pytest.mark.parametrize(
    ("text", "value"), [("yes", True), ("Go ahead!", True), ("no, thanks", False), ("nope", False)]
)
def test_a_confirmation_is_yes_or_no(text, value):
    question = {"id": "q1", "parameter": None, "prompt": "Run it?", "suggestion": None, "schema": {"type": "boolean"},
                "confirms": True}  # fmt: skip
    assert understand(text, question, ASKING, ROUTER.route(text)) == Answer(value)
    assert understand("perhaps", question, ASKING, ROUTER.route("perhaps")) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("file_path", "which columns feed revenue in report.sql?"),
        ("file_path", "what can you do?"),
        ("rows", "which columns feed revenue in report.sql?"),
        ("rows", "I do not know"),
        ("label", "what can you do?"),
        ("label", "/lineage report.sql"),
        ("label", "trace the lineage of a query"),
    ],
)
def test_other_messages_are_no_answer(name, text):
    assert answer(text, name) is None


def test_a_file_that_is_there_is_an_answer_whatever_its_name(cwd):
    (cwd / "clear").touch()
    assert answer("clear", "file_path").value == str(cwd / "clear")


@pytest.mark.parametrize(("name", "text"), [("rows", "0"), ("rows", "many"), ("header", "perhaps"), ("day", "31.1.")])
def test_what_is_meant_and_wrong_is_told(name, text):
    with pytest.raises(InvalidValue, match=name):
        answer(text, name)


AGE = {"type": "object", "properties": {"age": {"type": "integer", "maximum": 150}}, "required": ["age"]}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (None, " Ann ", "Ann"),
        ({"type": "string"}, "42", "42"),
        ({"type": "integer"}, "42", 42),
        ({"type": "boolean"}, "Yes.", True),
        ({"enum": ["Red", "Blue"]}, "blue", "Blue"),
        ({"const": True}, "ok", True),
        (AGE, "41", {"age": 41}),
        (AGE, "age=41", {"age": 41}),
        (AGE, '{"age": 41}', {"age": 41}),
        ({"type": "array"}, "[1]", [1]),
    ],
)
def test_a_node_s_question_is_answered_by_its_schema(schema, text, value):
    question = {"id": "q", "parameter": None, "prompt": "?", "schema": schema, "suggestion": None}
    assert understand(text, question, ASKING, ROUTER.route(text)) == Answer(value)


def test_a_query_for_something_else_is_no_answer_to_a_node():
    text = "trace the lineage of a query"
    for schema in (None, AGE):
        question = {"id": "q", "parameter": None, "prompt": "?", "schema": schema, "suggestion": None}
        assert understand(text, question, ASKING, ROUTER.route(text)) is None


@pytest.mark.parametrize("text", ["cancel", "Cancel it.", "/cancel", "never mind", "please abort the run!"])
def test_cancelling_words(text):
    assert is_cancel(text)


@pytest.mark.parametrize("text", ["cancelled_orders.csv", "cancel my order of 3", "", "who may cancel?"])
def test_words_that_do_not_cancel(text):
    assert not is_cancel(text)
