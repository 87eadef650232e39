"""Errors are told with their place, and spoil no other statement."""

from __future__ import annotations

from typing import Any

import pytest
from sql_lineage.lineage import dialect_of, trace
from sql_lineage.statements import parse_script

from dataops_core.errors import InvalidValue


def errors(sql: str, dialect: str = "auto") -> list[tuple[int, int, str]]:
    found = parse_script(sql, dialect_of(dialect))
    return [(s.problem.line, s.problem.column, s.problem.message) for s in found if s.problem]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM t;\nSELECT (b\n  FROM u;\nSELECT c FROM v", (3, 3, "Expecting ) at 'FROM'")),
        ("SELECT a FROM t;\nfoo bar  baz;\nSELECT c FROM v", (2, 10, "unexpected 'baz'")),
        ("SELECT a FROM t;\nSELECT 'b FROM u", (2, 8, "this ' is opened and never closed")),
        ("SELECT a FROM t;\n\n SELECT b /* FROM u", (3, 11, "this comment is opened and never closed")),
        ('SELECT a FROM t;\nSELECT "b FROM u', (2, 8, 'this " is opened and never closed')),
    ],
)
def test_line_and_column(sql: str, expected: tuple[int, int, str]) -> None:
    assert errors(sql) == [expected]
    found, _ = trace(sql=sql)
    assert (found["errors"][0]["line"], found["errors"][0]["column"]) == expected[:2]
    assert found["statements"][0]["columns"][0]["sources"] == [{"table": "t", "column": "a", "path": []}]


def test_a_script_that_cannot_be_read_at_all_is_one_line(traced: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^the SQL text, line 1, column 12: Expecting \) at 'FROM'$") as raised:
        traced("SELECT ( a FROM t")
    assert "dialect" in raised.value.hint


@pytest.mark.parametrize("sql", ["-- nothing\n", "/* nothing */", ";;;", " \n; -- x\n;"])
def test_no_statement(sql: str) -> None:
    with pytest.raises(InvalidValue, match="no statement"):
        trace(sql=sql)


def test_statements_are_found_where_they_begin() -> None:
    sql = "-- a\nSELECT 1;\n\nSELECT ';' AS x; SELECT\n2;\n"
    assert [s.line for s in parse_script(sql, dialect_of("auto"))] == [2, 4, 4]


def test_an_open_bracket_is_named_as_it_was_written() -> None:
    assert errors("SELECT [a FROM t", "tsql") == [(1, 8, "this [ is opened and never closed")]


def test_a_template_is_told_what_it_is() -> None:
    with pytest.raises(InvalidValue, match=r"line 1, column 15: Expected table name but got '\{'$") as raised:
        trace(sql="SELECT a FROM {{ ref('orders') }}")
    assert "template" in raised.value.hint


@pytest.mark.parametrize("dialect", ["mysql", "sqlite", "starrocks"])
def test_replace_into_is_an_insert(traced: Any, dialect: str) -> None:
    assert traced("REPLACE INTO m (x)\nSELECT a FROM t;\nSELECT 1 AS one", dialect).of(0) == {"x": {"t.a"}}


def test_control_characters_of_the_script_are_not_repeated() -> None:
    (_, _, message), *_ = errors("SELECT a FROM t WHERE \x1b[31mboo\x07 \u202e)")
    assert message.isprintable()


@pytest.mark.parametrize(
    ("name", "hint"),
    [("snoflake", "snowflake"), ("postgresq", "postgres"), ("orakel", "oracle"), ("zzz", "one of auto")],
)
def test_unknown_dialect(name: str, hint: str) -> None:
    with pytest.raises(InvalidValue, match=name) as raised:
        trace(sql="SELECT 1", dialect=name)
    assert hint in raised.value.hint


@pytest.mark.parametrize("name", ["auto", "ANSI", "PostgreSQL", "mssql", "sqlserver", "mariadb", "bigquery"])
def test_names_that_people_use(name: str) -> None:
    assert trace(sql="SELECT a FROM t", dialect=name)[0]["source"]["dialect"] == name


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("<a/>", "something is missing at '>'"),
        ("SELECT round() FROM t", "something is missing at ')'"),
        ("SELECT a AND FROM t", "something is missing at 'FROM'"),
        ("SELECT a FROM t WHERE a BETWEEN", "something is missing at 'BETWEEN'"),
        ("SELECT * FROM t JOIN", "Expected table name but the statement ends at 'JOIN'"),
        ("WITH a AS (SELECT 1) GRANT x TO y", "this does not go with WITH at 'y'"),
    ],
)
def test_errors_are_in_words_of_sql(sql: str, message: str) -> None:
    assert [told for _, _, told in errors(sql)] == [message]


def test_what_the_parser_trips_over_is_told_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    dialect = dialect_of("auto")

    def trip(*_: Any) -> Any:
        raise AttributeError("'NoneType' object has no attribute 'this'")

    monkeypatch.setattr(type(dialect.parser()), "parse", trip)
    assert [s.problem.message for s in parse_script("SELECT 1", dialect) if s.problem] == [
        "this statement cannot be read"
    ]
