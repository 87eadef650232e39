"""Every form of a statement that writes, and scripts of several."""

from __future__ import annotations

from typing import Any

import pytest

MERGE = (
    "MERGE INTO m USING t ON m.k = t.k WHEN MATCHED THEN UPDATE SET m.x = t.a"
    " WHEN NOT MATCHED THEN INSERT (k, x)"
)  # fmt: skip
RETURNING = (
    "WITH c AS (SELECT a FROM t), i AS (INSERT INTO n (x) SELECT a FROM c RETURNING x) INSERT INTO m SELECT x FROM i"
)


@pytest.mark.parametrize(
    ("sql", "dialect", "schema", "target", "columns"),
    [
        ("INSERT INTO m SELECT a, b AS c FROM t", "", None, "m", {"a": {"t.a"}, "c": {"t.b"}}),
        ("INSERT INTO m (x, y) SELECT a, b FROM t", "", None, "m", {"x": {"t.a"}, "y": {"t.b"}}),
        ("INSERT INTO m SELECT a, b FROM t", "", {"m": ["x", "y"]}, "m", {"x": {"t.a"}, "y": {"t.b"}}),
        ("INSERT INTO m BY NAME SELECT y, x FROM t", "duckdb", {"m": ["x", "y"]}, "m", {"x": {"t.x"}, "y": {"t.y"}}),
        ("WITH w AS (SELECT a FROM t) INSERT INTO m SELECT a FROM w", "", None, "m", {"a": {"t.a"}}),
        ("INSERT INTO m WITH w AS (SELECT a FROM t) SELECT a FROM w", "", None, "m", {"a": {"t.a"}}),
        ("INSERT INTO m (x) ((SELECT a FROM t))", "", None, "m", {"x": {"t.a"}}),
        ("INSERT INTO m (x) VALUES ((SELECT max(a) FROM t))", "", None, "m", {"x": {"t.a"}}),
        ("INSERT OVERWRITE TABLE m PARTITION (dt=1) SELECT a FROM t", "hive", {"m": ["x", "dt"]}, "m", {"x": {"t.a"}}),
        ("CREATE TABLE m AS SELECT a FROM t", "", None, "m", {"a": {"t.a"}}),
        ("CREATE OR REPLACE VIEW d.m (x) AS ((SELECT a FROM t))", "", None, "d.m", {"x": {"t.a"}}),
        ("CREATE TABLE m LIKE t", "", {"t": ["a"]}, "m", {"a": {"t.a"}}),
        ("CREATE TABLE m CLONE t", "snowflake", {"t": ["a"]}, "m", {"a": {"t.a"}}),
        ("SELECT a INTO #m FROM t", "tsql", None, "#m", {"a": {"t.a"}}),
        ("SELECT x = a FROM t", "tsql", None, None, {"x": {"t.a"}}),
        ("UPDATE m SET x = t.a FROM t WHERE m.k = t.k", "postgres", None, "m", {"x": {"t.a"}}),
        ("UPDATE q SET x = t.a FROM mart.m q JOIN t ON q.k = t.k", "tsql", None, "mart.m", {"x": {"t.a"}}),
        ("UPDATE t JOIN m ON t.k = m.k SET m.x = t.a, m.y = m.y + 1", "mysql", None, "m", {"x": {"t.a"}, "y": {"m.y"}}),
        ("UPDATE m SET x = (SELECT max(a) FROM t WHERE t.k = m.k)", "", None, "m", {"x": {"t.a"}}),
        (MERGE + " VALUES (t.k, t.b)", "", None, "m", {"x": {"t.a", "t.b"}, "k": {"t.k"}}),
        ("MERGE INTO m USING (SELECT k, a FROM t) s ON m.k = s.k WHEN MATCHED THEN UPDATE SET x = s.a",
         "", None, "m", {"x": {"t.a"}}),
        ("MERGE INTO m USING t ON m.k = t.k WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
         "databricks", {"t": ["k", "a"]}, "m", {"k": {"t.k"}, "a": {"t.a"}}),
        ("INSERT ALL INTO l VALUES (b) INTO m (x) VALUES (a) SELECT a, b FROM t", "oracle", None, "m", {"x": {"t.a"}}),
        ("UPDATE m SET (x, y) = (t.a, t.b), z = 1 FROM t", "postgres", None, "m",
         {"x": {"t.a"}, "y": {"t.b"}, "z": set()}),
        ("UPDATE m SET (x, y) = (SELECT t.a, t.b FROM t WHERE t.k = m.k)", "postgres", None, "m",
         {"x": {"t.a"}, "y": {"t.b"}}),
        ("CACHE TABLE m AS SELECT a FROM t", "spark", None, "m", {"a": {"t.a"}}),
        ("COPY (SELECT a FROM t) TO '/tmp/x'", "postgres", None, None, {"a": {"t.a"}}),
        ("WITH d AS (DELETE FROM t WHERE x = 1 RETURNING a, k) INSERT INTO m SELECT a FROM d", "postgres", None, "m",
         {"a": {"t.a"}}),
        (RETURNING, "postgres", None, "m", {"x": {"t.a"}}),
        ("FROM t INSERT OVERWRITE TABLE l SELECT b INSERT INTO m SELECT a", "hive", None, "m", {"a": {"t.a"}}),
    ],
)  # fmt: skip
def test_what_is_written(
    traced: Any, sql: str, dialect: str, schema: Any, target: str | None, columns: dict[str, set[str]]
) -> None:
    found = traced(sql, dialect or "auto", schema)
    assert found.last["target"] == target
    by_name: dict[str, set[str]] = {}
    for column in found.last["columns"]:
        by_name.setdefault(column["name"], set()).update(f"{s['table']}.{s['column']}" for s in column["sources"])
    assert by_name == columns
    assert "t" in found.found["tables"]["read"] or dialect == "snowflake"
    assert found.found["tables"]["written"][-1:] == ([target] if target else [])


@pytest.mark.parametrize(
    ("sql", "dialect", "reads", "writes"),
    [
        ("DELETE FROM m USING t WHERE m.k = t.k", "postgres", ["t"], ["m"]),
        ("DELETE FROM m WHERE k IN (SELECT k FROM t)", "", ["t"], ["m"]),
        ("TRUNCATE TABLE m", "", [], ["m"]),
        ("ALTER TABLE m ADD COLUMN x INT", "", [], ["m"]),
        ("COPY INTO m FROM '@stage'", "snowflake", [], ["m"]),
        ("UPDATE m SET x = 1 WHERE y = 2", "", [], ["m"]),
        ("SELECT 1", "", [], []),
        ("SET x = (SELECT max(a) FROM t)", "snowflake", ["t"], []),
        ("CREATE FUNCTION f() RETURNS INT AS (SELECT max(a) FROM t)", "bigquery", ["t"], []),
        ("CREATE MATERIALIZED VIEW v TO m AS SELECT a FROM t", "clickhouse", ["t"], ["v", "m"]),
    ],
)
def test_tables(traced: Any, sql: str, dialect: str, reads: list[str], writes: list[str]) -> None:
    last = traced(sql, dialect or "auto").last
    assert [name.lower() for name in last["reads"]] == reads
    assert [name.lower() for name in last["writes"]] == writes


def test_what_was_made_before_is_followed_to_its_origin(traced: Any) -> None:
    found = traced(
        "CREATE TEMP TABLE x AS SELECT * FROM raw;\nCREATE VIEW v AS SELECT a + b AS c FROM x;\n"
        "INSERT INTO m (rev) SELECT sum(c) FROM v;",
        "postgres",
    )
    assert found.columns == {"rev": {"raw.a", "raw.b"}}
    assert found.path("rev", "raw.b") == ["view v.c", "temporary table x.b"]
    assert found.found["tables"] == {"read": ["raw", "x", "v"], "written": ["x", "v", "m"], "made": ["x", "v"]}
    assert [s["line"] for s in found.found["statements"]] == [1, 2, 3]


def test_create_table_in_the_script_says_which_columns_there_are(traced: Any) -> None:
    found = traced("CREATE TABLE raw (a INT, b TEXT); CREATE TABLE y AS SELECT * FROM raw; SELECT z, b FROM y")
    assert found.of(1) == {"a": {"raw.a"}, "b": {"raw.b"}}
    assert found.columns == {"z": {"?z: no table has such a column"}, "b": {"raw.b"}}


def test_what_is_written_twice_has_the_sources_of_both(traced: Any) -> None:
    found = traced("INSERT INTO m (x) SELECT a FROM t; INSERT INTO m (x) SELECT b FROM u; SELECT x, y FROM m")
    assert found.columns == {"x": {"t.a", "u.b"}, "y": {"m.y"}}


def test_a_table_that_is_made_again_or_dropped_forgets(traced: Any) -> None:
    found = traced(
        "CREATE TABLE m AS SELECT a AS x FROM t; CREATE OR REPLACE TABLE m AS SELECT b AS x FROM u;SELECT x FROM m"
    )
    assert found.columns == {"x": {"u.b"}}
    assert traced("CREATE TABLE m AS SELECT a AS x FROM t; DROP TABLE m; SELECT x FROM m").columns == {"x": {"m.x"}}


def test_a_renamed_table_keeps_its_sources(traced: Any) -> None:
    found = traced("CREATE TABLE m AS SELECT a FROM t; ALTER TABLE m RENAME TO n; SELECT a FROM n")
    assert found.columns == {"a": {"t.a"}}


def test_a_statement_may_read_what_it_writes(traced: Any) -> None:
    found = traced("INSERT INTO t SELECT a + 1 AS a FROM t; SELECT a FROM t")
    assert found.columns == {"a": {"t.a"}}


def test_a_wrong_number_of_columns_is_said(traced: Any) -> None:
    found = traced("INSERT INTO m SELECT a, b FROM t", schema={"m": ["x"]})
    assert found.last["notes"] == ["2 columns are written into a table of 1"]
    assert found.columns == {"a": {"t.a"}, "b": {"t.b"}}


@pytest.mark.parametrize("dialect", ["bigquery", "oracle", "tsql"])
def test_the_body_of_a_procedure_is_followed(traced: Any, dialect: str) -> None:
    head = "CREATE PROCEDURE p()\n" + ("" if dialect == "bigquery" else "AS\n")
    body = (
        "BEGIN\nINSERT INTO m (x) SELECT CASE WHEN a = 1 THEN b END FROM t;\nINSERT INTO n (y) SELECT x FROM m;\nEND;\n"
    )
    found = traced(f"{head}{body}SELECT 1 AS one", dialect)
    assert [s["target"] and s["target"].lower() for s in found.found["statements"]] == ["m", "n", None]
    lowered = {name.lower(): {s.lower() for s in sources} for name, sources in found.of(1).items()}
    assert lowered == {"y": {"t.a", "t.b"}}


def test_what_is_not_followed_has_a_note(traced: Any) -> None:
    found = traced("CREATE FUNCTION f(x INT) RETURNS INT AS 'SELECT 1'; SELECT a FROM t", "postgres")
    assert found.found["statements"][0]["notes"] == ["what it does is not followed"]


def test_a_table_that_may_exist_keeps_what_was_written_before(traced: Any) -> None:
    script = "CREATE TABLE m AS SELECT a FROM t; CREATE TABLE IF NOT EXISTS m AS SELECT b FROM u; SELECT * FROM m"
    assert traced(script).columns == {"a": {"t.a", "u.b"}}


def test_what_returns_rows_of_a_cte_is_a_statement_of_its_own(traced: Any) -> None:
    found = traced("WITH d AS (DELETE FROM t WHERE x = 1 RETURNING *) INSERT INTO m SELECT d.k FROM d", "postgres")
    assert [(s["kind"], s["writes"]) for s in found.found["statements"]] == [("DELETE", ["t"]), ("INSERT", ["m"])]
    assert found.path("k", "t.k") == ["CTE d.k"]


def test_an_insert_into_unknown_columns_has_a_note(traced: Any) -> None:
    merge = "MERGE INTO m USING t ON m.k = t.k WHEN NOT MATCHED THEN INSERT VALUES (t.a, t.b)"
    assert "columns are not known" in traced(merge, "snowflake").last["notes"][0]
    assert traced(merge, "snowflake", {"m": ["x", "y"]}).columns == {"x": {"t.a"}, "y": {"t.b"}}


def test_a_view_of_two_unknown_tables_tells_which(traced: Any) -> None:
    found = traced("CREATE VIEW v AS SELECT * FROM t, u; SELECT z FROM v")
    assert found.columns == {"z": {"?z: one of t.z, u.z"}}


@pytest.mark.parametrize(
    ("sql", "dialect", "written"),
    [
        ("TRUNCATE TABLE a", "auto", ["a"]),
        ("TRUNCATE a, b.c RESTART IDENTITY CASCADE", "postgres", ["a", "b.c"]),
        ("TRUNCATE TABLE a DROP STORAGE", "oracle", ["a"]),
        ("TRUNCATE TABLE a PRESERVE MATERIALIZED VIEW LOG REUSE STORAGE", "oracle", ["a"]),
        ("TRUNCATE TABLE purge", "oracle", ["purge"]),
        ("TRUNCATE DATABASE d", "clickhouse", []),
        ("CREATE PROCEDURE p() AS BEGIN TRUNCATE TABLE a; END", "snowflake", ["a"]),
    ],
)
def test_what_is_truncated_is_written(traced: Any, sql: str, dialect: str, written: list[str]) -> None:
    found = traced(sql, dialect)
    assert found.found["tables"] == {"read": [], "written": written, "made": []}
    assert found.last["kind"] == "TRUNCATE" and found.last["writes"] == written
