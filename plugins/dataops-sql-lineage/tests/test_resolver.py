"""Every form of a query."""

from __future__ import annotations

from typing import Any

import pytest

AB = {"t": ["k", "a"], "u": ["k", "b"]}
RECURSIVE = (
    "WITH RECURSIVE r (id, x) AS (SELECT id, n FROM e WHERE up IS NULL"
    " UNION ALL SELECT e.id, r.x FROM e JOIN r ON e.up = r.id)"
)


@pytest.mark.parametrize(
    ("sql", "dialect", "schema", "columns"),
    [
        ("SELECT a, t.b AS c, 1 AS d FROM t", "", None, {"a": {"t.a"}, "c": {"t.b"}, "d": set()}),
        ("SELECT count(*) AS n FROM t", "", None, {"n": set()}),
        ("SELECT max(a) FROM t", "", None, {"MAX(a)": {"t.a"}}),
        ("SELECT CAST(a AS int) FROM t", "postgres", None, {"a": {"t.a"}}),
        ("SELECT CAST(a AS int) FROM t", "", None, {"CAST(a AS INT)": {"t.a"}}),
        ("SELECT CASE WHEN a > 1 THEN b ELSE c END AS x FROM t", "", None, {"x": {"t.a", "t.b", "t.c"}}),
        ("SELECT X.A FROM sales.T AS x", "", None, {"A": {"sales.T.A"}}),
        # CTEs
        ("WITH x AS (SELECT a FROM t), y AS (SELECT a AS b FROM x) SELECT b FROM y", "", None, {"b": {"t.a"}}),
        ("WITH x (p, q) AS (SELECT a, b FROM t) SELECT q, p FROM x", "", None, {"q": {"t.b"}, "p": {"t.a"}}),
        ("WITH x AS (SELECT a FROM t) (SELECT a FROM x)", "", None, {"a": {"t.a"}}),
        ("WITH x AS (SELECT a, b FROM t) SELECT p FROM x AS y (p, q)", "postgres", None, {"p": {"t.a"}}),
        (RECURSIVE + " SELECT id, x FROM r", "postgres", None, {"id": {"e.id"}, "x": {"e.n"}}),
        # Subqueries
        ("SELECT s.a FROM (SELECT a FROM (SELECT a FROM t) q) s", "", None, {"a": {"t.a"}}),
        ("SELECT (SELECT max(x) FROM u WHERE u.k = t.k) AS m FROM t", "", None, {"m": {"u.x"}}),
        ("SELECT (SELECT t.a + u.b FROM u) AS m FROM t", "", None, {"m": {"t.a", "u.b"}}),
        ("SELECT (SELECT max(a) FROM u) AS m FROM t", "", AB, {"m": {"t.a"}}),
        ("SELECT a IN (SELECT b FROM u) AS m FROM t", "", None, {"m": {"t.a", "u.b"}}),
        ("SELECT EXISTS (SELECT b FROM u) AS m FROM t", "", None, {"m": set()}),
        ("SELECT x FROM t, LATERAL (SELECT t.a + u.b AS x FROM u) l", "postgres", None, {"x": {"t.a", "u.b"}}),
        # Set operations
        ("SELECT a FROM t UNION ALL SELECT b FROM u UNION SELECT c FROM v", "", None, {"a": {"t.a", "u.b", "v.c"}}),
        ("SELECT a FROM t EXCEPT SELECT b FROM u", "", None, {"a": {"t.a"}}),
        ("SELECT a, b FROM t UNION ALL BY NAME SELECT b, a FROM u", "duckdb", None,
         {"a": {"t.a", "u.a"}, "b": {"t.b", "u.b"}}),
        ("SELECT a FROM (SELECT * FROM t UNION ALL SELECT * FROM u) x", "", None, {"a": {"t.a", "u.a"}}),
        # Window functions
        ("SELECT row_number() OVER (PARTITION BY a ORDER BY b) AS n FROM t", "", None, {"n": {"t.a", "t.b"}}),
        ("SELECT sum(a) OVER w AS s FROM t WINDOW w AS (PARTITION BY b)", "", None, {"s": {"t.a", "t.b"}}),
        # Joins of equal names
        ("SELECT k, a FROM t JOIN u USING (k)", "", AB, {"k": {"t.k", "u.k"}, "a": {"t.a"}}),
        ("SELECT * FROM t JOIN u USING (k)", "", AB, {"k": {"t.k", "u.k"}, "a": {"t.a"}, "b": {"u.b"}}),
        ("SELECT * FROM t JOIN u USING (k)", "", None,
         {"k": {"t.k", "u.k"}, "*": {"?u.*: its columns are not known"}}),
        ("SELECT k, z FROM (SELECT * FROM t JOIN u USING (k)) x", "", None,
         {"k": {"t.k", "u.k"}, "z": {"?z: one of t.z, u.z"}}),
        ("SELECT * FROM t NATURAL JOIN u", "", AB, {"k": {"t.k", "u.k"}, "a": {"t.a"}, "b": {"u.b"}}),
        ("SELECT a FROM t LEFT SEMI JOIN u ON t.k = u.k", "spark", None, {"a": {"t.a"}}),
        # Stars
        ("SELECT * FROM t", "", AB, {"k": {"t.k"}, "a": {"t.a"}}),
        ("SELECT u.*, t.a FROM t, u", "", AB, {"k": {"u.k"}, "b": {"u.b"}, "a": {"t.a"}}),
        ("SELECT * EXCEPT (k) FROM t", "bigquery", AB, {"a": {"t.a"}}),
        ("SELECT * REPLACE (a + k AS a) FROM t", "bigquery", AB, {"k": {"t.k"}, "a": {"t.a", "t.k"}}),
        ("SELECT * RENAME (a AS z) FROM t", "snowflake", AB, {"k": {"t.k"}, "z": {"t.a"}}),
        ("SELECT a FROM (SELECT * FROM t) x", "", None, {"a": {"t.a"}}),
        ("SELECT * FROM t", "", None, {"*": {"?t.*: its columns are not known"}}),
        # Functions in the place of tables
        ("SELECT x.c FROM t LATERAL VIEW explode(t.items) x AS c", "spark", None, {"c": {"t.items"}}),
        ("SELECT item.price FROM t, UNNEST(t.items) AS item", "bigquery", None, {"price": {"t.items"}}),
        ("SELECT f.value AS v FROM t, LATERAL FLATTEN(input => t.items) f", "snowflake", None, {"v": {"t.items"}}),
        ("SELECT x FROM (VALUES (1, 2)) AS v (x, y)", "", None, {"x": set()}),
        ("SELECT p FROM (SELECT q, n FROM s) PIVOT (SUM(n) FOR q IN ('p'))", "duckdb", None, {"p": {"s.q", "s.n"}}),
        # Aliases of the same SELECT
        ("SELECT k AS x, x || a AS y FROM t", "", AB, {"x": {"t.k"}, "y": {"t.k", "t.a"}}),
        ("SELECT k AS x, x + 1 AS y FROM t", "postgres", None, {"x": {"t.k"}, "y": {"t.x"}}),
        # Spelling
        ('SELECT Revenue FROM Orders', "snowflake", {"orders": ["revenue"]}, {"revenue": {"orders.revenue"}}),
        ("SELECT ID FROM t JOIN u ON t.a = u.b", "mysql", {"t": ["id", "a"], "u": ["b"]}, {"id": {"t.id"}}),
    ],
)  # fmt: skip
def test_sources_of_columns(traced: Any, sql: str, dialect: str, schema: Any, columns: dict[str, set[str]]) -> None:
    assert traced(sql, dialect or "auto", schema).columns == columns


@pytest.mark.parametrize(
    ("sql", "schema", "unresolved"),
    [
        ("SELECT a FROM t JOIN u ON t.k = u.k", None, "?a: one of t.a, u.a"),
        ("SELECT k FROM t JOIN u ON t.k = u.k", AB, "?k: one of t.k, u.k"),
        ("SELECT t.nope FROM t", AB, "?nope: t has no such column"),
        ("SELECT nope FROM t", AB, "?nope: no table has such a column"),
        ("SELECT q.a FROM t", None, "?q.a: no table or alias is called q"),
        ("SELECT q.* FROM t", None, "?q.*: no table or alias is called q"),
        ("SELECT (SELECT max(a) FROM v) FROM t", AB, "?a: one of v.a, t.a"),
        ("SELECT a FROM (SELECT * FROM t JOIN u ON true) x", None, "?a: one of t.a, u.a"),
    ],
)
def test_what_cannot_be_resolved_is_said(traced: Any, sql: str, schema: Any, unresolved: str) -> None:
    found = traced(sql, schema=schema)
    assert unresolved in set().union(*found.columns.values())
    assert found.found["unresolved"][0]["line"] == 1


def test_an_alias_that_may_be_a_column_is_unresolved(traced: Any) -> None:
    assert traced("SELECT k AS x, x + 1 AS y FROM t").columns["y"] == {
        "?x: one of t.x or the alias x of the same SELECT"
    }
    # The alias is made of a column of its own name, so the table has one.
    assert traced("SELECT a || b AS a, a AS c FROM t").columns["c"] == {"t.a"}


def test_a_known_column_settles_one_that_could_be_of_an_unknown_table(traced: Any) -> None:
    found = traced("SELECT a, z FROM t JOIN other ON t.k = other.k", schema=AB)
    assert found.columns == {"a": {"t.a"}, "z": {"other.z"}}


def test_the_way_is_told_from_the_output_to_the_source(traced: Any) -> None:
    found = traced("WITH x AS (SELECT a FROM t) SELECT s.b FROM (SELECT a AS b FROM x) s")
    assert found.path("b", "t.a") == ["subquery s.b", "CTE x.a"]


def test_conditions_are_no_sources(traced: Any) -> None:
    found = traced(
        "SELECT t.a AS x FROM t JOIN u ON t.k = u.k WHERE u.d > 1 AND EXISTS (SELECT 1 FROM v WHERE v.i = t.i)"
        " GROUP BY t.g HAVING max(t.h) > 1 ORDER BY x, t.o"
    )
    assert found.columns == {"x": {"t.a"}}
    assert found.conditions == {"t.k", "u.k", "u.d", "v.i", "t.i", "t.g", "t.h", "t.o"}
    assert set(found.last["reads"]) == {"t", "u", "v"}


def test_what_joins_and_subqueries_compare_are_conditions(traced: Any) -> None:
    found = traced("SELECT a FROM t JOIN u USING (k) WHERE t.x IN (SELECT y FROM v) ORDER BY (SELECT max(z) FROM w)")
    assert found.conditions == {"t.k", "u.k", "t.x", "v.y", "w.z"}


def test_names_that_differ_in_case_only_stay_apart_where_the_dialect_says_so(traced: Any) -> None:
    found = traced('SELECT "a" AS x, a AS y FROM t', "snowflake")
    assert len(set(map(frozenset, found.columns.values()))) == 2
