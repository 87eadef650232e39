"""What a name means where it stands."""

from __future__ import annotations

from typing import Any

import pytest

MATCHED = (
    "SELECT mr.fp AS p, k FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES FIRST(x.price) AS fp"
    " PATTERN (x y) DEFINE x AS price > 1) mr"
)


@pytest.mark.parametrize(
    ("sql", "dialect", "columns"),
    [
        # Fields of structured columns
        ("SELECT payload.id, t.payload.who.id AS i FROM t", "bigquery", {"id": {"t.payload"}, "i": {"t.payload"}}),
        ("SELECT a.b.c.d.e.f FROM ds.t AS a", "bigquery", {"f": {"ds.t.b"}}),
        ("SELECT s.x.y FROM t", "spark", {"y": {"t.s"}}),
        ("SELECT s.x FROM t, u", "spark", {"x": {"?s: one of t.s, u.s"}}),
        ("SELECT s.x FROM t", "postgres", {"x": {"?s.x: no table or alias is called s"}}),
        # Functions in the place of tables
        ("SELECT x FROM t, unnest(t.items) AS x", "postgres", {"x": {"t.items"}}),
        ("SELECT (SELECT max(x) FROM unnest(t.items) x) AS m FROM t", "postgres", {"m": {"t.items"}}),
        ("SELECT j.value FROM t, jsonb_each(t.doc) AS j", "postgres", {"value": {"t.doc"}}),
        ("SELECT x.id FROM t, jsonb_to_recordset(t.doc) AS x (id int)", "postgres", {"id": {"t.doc"}}),
        ("SELECT j.a FROM t, JSON_TABLE(t.doc, '$[*]' COLUMNS (a INT PATH '$.a')) j", "mysql", {"a": {"t.doc"}}),
        ("SELECT l.index FROM t, TABLE(FLATTEN(t.items)) f, LATERAL FLATTEN(f.value) l", "snowflake",
         {"index": {"t.items"}}),
        ("SELECT g FROM generate_series(1, 10) AS g", "postgres", {"g": set()}),
        ("SELECT a FROM read_csv('x.csv')", "duckdb", {"a": {"READ_CSV('x.csv').a"}}),
        ("SELECT a FROM TABLE(f(1))", "snowflake", {"a": {"F(1).a"}}),
        # Rows
        ("SELECT to_jsonb(s) AS j FROM (SELECT a, b FROM t) AS s", "postgres", {"j": {"t.a", "t.b"}}),
        ("SELECT row_to_json(o) AS j FROM orders AS o", "postgres", {"j": {"?orders.*: its columns are not known"}}),
        ("SELECT status FROM status", "postgres", {"status": {"status.status"}}),
        ("SELECT COLUMNS('a.*') FROM t", "duckdb",
         {"COLUMNS('a.*')": {"?COLUMNS('a.*'): which columns it stands for is not known"}}),
        # Names that the query itself gives
        ("WITH 1 AS one, (SELECT max(a) FROM t) AS m, one + z AS w SELECT m + b AS x, w FROM u", "clickhouse",
         {"x": {"t.a", "u.b"}, "w": {"u.z"}}),
        ("WITH a + 1 AS a SELECT a FROM u", "clickhouse", {"a": {"u.a"}}),
        ("SELECT item FROM t ARRAY JOIN items AS item", "clickhouse", {"item": {"t.items"}}),
        (MATCHED, "snowflake", {"p": {"t.price"}, "k": {"t.k"}}),
    ],
)  # fmt: skip
def test_names(traced: Any, sql: str, dialect: str, columns: dict[str, set[str]]) -> None:
    assert {name.lower(): sources for name, sources in traced(sql, dialect).columns.items()} == {
        name.lower(): sources for name, sources in columns.items()
    }


def test_a_column_of_the_table_comes_before_a_row(traced: Any) -> None:
    schema = {"orders": ["o", "id"]}
    assert traced("SELECT o FROM orders AS o", "postgres", schema).columns == {"o": {"orders.o"}}
    assert traced("SELECT p FROM orders AS p", "postgres", schema).columns == {"p": {"orders.o", "orders.id"}}


def test_a_function_reads_no_table_of_its_own(traced: Any) -> None:
    assert traced("SELECT j.value FROM t, jsonb_each(t.doc) AS j", "postgres").last["reads"] == ["t"]
    assert traced("SELECT a FROM TABLE(f(1))", "snowflake").last["reads"] == ["F(1)"]


def test_conditions_of_clickhouse(traced: Any) -> None:
    assert traced("SELECT a FROM t PREWHERE b = 1 WHERE c = 2", "clickhouse").conditions == {"t.b", "t.c"}
