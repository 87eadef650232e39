"""Whether a message answers an open question."""

from __future__ import annotations

import pytest

from dataops_core.contracts.manifest import parse_manifest
from dataops_core.errors import InvalidValue
from dataops_core.execution.questions import for_parameter
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


def answer(text, name, cwd=None):
    question = for_parameter(ASKING.parameter(name))
    return understand(text, question, ASKING, ROUTER.route(text), cwd=cwd or "/somewhere")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("file_path", "orders.csv", "/somewhere/orders.csv"),
        ("file_path", " 'my orders.csv' ", "/somewhere/my orders.csv"),
        ("file_path", "it is data/orders.csv", "/somewhere/data/orders.csv"),
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
def test_values_are_understood(name, text, value):
    assert answer(text, name) == Answer(value, {})


def test_a_message_may_give_other_values_too():
    assert answer("orders.csv rows=3", "file_path") == Answer("/somewhere/orders.csv", {"rows": 3})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("file_path", "which columns feed revenue in report.sql?"),
        ("file_path", "clear"),
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


def test_a_file_that_is_there_is_an_answer_whatever_its_name(tmp_path):
    (tmp_path / "clear").touch()
    assert answer("clear", "file_path", cwd=tmp_path).value == str(tmp_path / "clear")


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
