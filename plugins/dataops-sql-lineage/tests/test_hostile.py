"""Nothing crashes, hangs or fills the memory."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sql_lineage import flow, script
from sql_lineage.answer import answer
from sql_lineage.diagram import diagram
from sql_lineage.lineage import deeply, trace
from sql_lineage.script import MOST_CTES, MOST_WRITING, UNEXPECTED

from dataops_core.errors import DataOpsError, InvalidValue

N = 10_000
WORDS = st.sampled_from(
    "SELECT FROM WHERE t u a b * , ( ) AS JOIN ON USING WITH x UNION ALL INSERT INTO CREATE TABLE VIEW MERGE WHEN"
    " MATCHED THEN UPDATE SET = DELETE ; . 1 'x' OVER PARTITION BY LATERAL UNNEST VALUES CASE END BEGIN PIVOT FOR IN"
    " EXISTS RECURSIVE PROCEDURE NATURAL GROUP ORDER EXCEPT DROP ALTER RENAME TO IF ELSE WHILE LOOP DECLARE DO $$"
    " REPLACE RETURNING ARRAY MATCH_RECOGNIZE MEASURES \n".split(" ")
)
SCRIPTS = [
    ("MERGE INTO m USING t ON m.k = t.k WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *", "databricks"),
    ("WITH d AS (DELETE FROM t WHERE x = 1 RETURNING a) INSERT INTO m SELECT a FROM d", "postgres"),
    ("SELECT * EXCEPT (k) REPLACE (a + k AS a) FROM t, UNNEST(t.items) AS item WITH OFFSET o", "bigquery"),
    ("SELECT * RENAME (a AS z) FROM t PIVOT (SUM(n) FOR q IN ('p')), LATERAL FLATTEN(input => t.b) f", "snowflake"),
    ("CREATE PROC p AS BEGIN IF x = 1 UPDATE m SET a = CASE WHEN b = 1 THEN 2 END ELSE EXEC f END", "tsql"),
    ("CREATE FUNCTION f() AS $$ DECLARE x int; BEGIN UPDATE m SET (a, b) = (1, t.c) FROM t; END $$", "postgres"),
    ("WITH 1 AS one, (SELECT max(a) FROM t) AS m SELECT m + b FROM u ARRAY JOIN c AS d PREWHERE e = 1", "clickhouse"),
    ("WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT * FROM r JOIN t USING (n)", "auto"),
    ("INSERT ALL INTO l VALUES (b) INTO m (x) VALUES (a) SELECT a, b FROM t CONNECT BY PRIOR a = b", "oracle"),
]
EDITS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(["drop", "double", "put"]), WORDS), min_size=1, max_size=4
)
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def tried(sql: str, dialect: str = "auto") -> None:
    """Traces what may be no SQL: an answer, or an error of ours in one safe line."""
    try:
        found, asked = trace(sql=sql, dialect=dialect)
        told = answer(found, asked)
        assert diagram(found).startswith("flowchart LR\n")
    except DataOpsError as error:
        told = error.message
    assert all(line.isprintable() for line in told.split("\n"))
    assert UNEXPECTED not in told


@SLOW
@given(st.sampled_from(SCRIPTS), EDITS)
@example(SCRIPTS[0], [(17, "drop", "")])
@example(SCRIPTS[1], [(5, "drop", "")])
def test_sql_with_a_slip(script: tuple[str, str], edits: list[tuple[int, str, str]]) -> None:
    words = script[0].replace("(", " ( ").replace(")", " ) ").replace(",", " , ").split()
    for place, edit, word in edits:
        at = min(place, len(words) - 1)
        words[at : at + 1] = {"drop": [], "double": words[at : at + 1] * 2, "put": [word, *words[at : at + 1]]}[edit]
    tried(" ".join(words), script[1])


@SLOW
@given(st.text(max_size=200), st.sampled_from(["auto", "bigquery", "tsql", "snowflake", "postgres"]))
@example("SELECT \ud800", "auto")
@example("\0", "auto")
def test_any_text(sql: str, dialect: str) -> None:
    tried(sql, dialect)


@SLOW
@given(
    st.lists(WORDS, max_size=40),
    st.sampled_from(["auto", "duckdb", "hive", "mysql", "tsql", "clickhouse"]),
)
@example("MERGE INTO t USING u ON a".split(), "auto")
@example("WITH x AS ( SELECT * FROM x ) SELECT * FROM x".split(), "auto")
@example("WITH RECURSIVE x AS ( SELECT * FROM x UNION SELECT * FROM x ) SELECT * FROM x".split(), "auto")
def test_any_words_of_sql(words: list[str], dialect: str) -> None:
    tried(" ".join(words), dialect)


@pytest.mark.parametrize(
    "deep",
    [
        "SELECT " + "(" * N + "1" + ")" * N,
        "SELECT a FROM " + "(SELECT a FROM " * N + "t" + ")" * N,
        "SELECT " + "f(" * N + "1" + ")" * N,
        "SELECT " + "CASE WHEN " * N + "1",
        "SELECT " + "NOT " * N + "1",
        "SELECT " + "[" * N,
    ],
    ids=["parentheses", "subqueries", "functions", "case", "not", "brackets"],
)
def test_deep_nesting_is_one_clear_line(traced: Any, deep: str) -> None:
    found = traced(f"{deep};\nSELECT a FROM t")
    assert [e["message"] for e in found.found["errors"]] == ["the statement is nested too deeply to be read"]
    assert found.columns == {"a": {"t.a"}}


def test_what_people_nest_is_read(traced: Any) -> None:
    assert traced("SELECT " + "(" * 300 + "a" + ")" * 300 + " AS x FROM t").columns == {"x": {"t.a"}}
    assert traced("SELECT " + "replace(" * 200 + "a" + ", 'x', 'y')" * 200 + " AS x FROM t").columns == {"x": {"t.a"}}


def test_a_long_chain_and_a_long_script(traced: Any) -> None:
    terms = " AND ".join(f"a{i} = {i}" for i in range(3000))
    found = traced(f"SELECT a FROM t WHERE {terms};" + "SELECT b FROM u;" * 500)
    assert len(found.found["statements"]) == 501
    assert len(found.found["statements"][0]["conditions"]) == 3000


def test_too_many_ctes_are_one_clear_line(traced: Any) -> None:
    ctes = ", ".join(f"c{i} AS (SELECT a FROM t)" for i in range(MOST_CTES + 1))
    found = traced(f"WITH {ctes} SELECT a FROM c1; SELECT a FROM t")
    assert [e["message"] for e in found.found["errors"]] == [
        "the statement has 1001 CTEs and table functions; 1000 are the most that are followed"
    ]
    assert found.columns == {"a": {"t.a"}}
    found = traced("SELECT a FROM t" + ", UNNEST(b) AS u" * (MOST_CTES + 1) + "; SELECT a FROM t", "postgres")
    assert len(found.found["errors"]) == 1 and found.columns == {"a": {"t.a"}}


LARGE = {
    "columns": "SELECT " + ", ".join(f"t.a{i} + u.b{i} AS c{i}" for i in range(3000)) + " FROM t JOIN u ON t.k = u.k",
    "joins": "SELECT k, x FROM t " + " ".join(f"JOIN t{i} USING (k)" for i in range(4000)),
    "unknown names": "SELECT "
    + ", ".join(f"x{i}" for i in range(4000))
    + " FROM "
    + ", ".join(f"t{i}" for i in range(4000)),
    "union": " UNION ALL ".join(f"SELECT a{i} AS x FROM t{i}" for i in range(2500)),
    "views": ";".join(f"CREATE VIEW v{i} AS SELECT a FROM v{i - 1}" for i in range(1500)),
    "subqueries": "SELECT " + ", ".join(f"(SELECT max(b) FROM u{i}) AS c{i}" for i in range(1500)) + " FROM t",
    "routine": "CREATE PROCEDURE p() AS BEGIN " + "UPDATE t SET a = b; " * 2500 + "END;",
    "begins": "CREATE PROCEDURE p() AS " + "BEGIN " * 20_000,
    "semicolons": ";" * 100_000 + "SELECT 1",
    "errors": "SELEC a b c;" * 5000,
    "dots": "SELECT a" + ".a" * 20_000 + " FROM t",
}


@pytest.mark.slow
@pytest.mark.parametrize("sql", LARGE.values(), ids=list(LARGE))
def test_what_grows_by_the_square_elsewhere_ends_soon(sql: str) -> None:
    start = time.process_time()
    tried(sql)
    assert time.process_time() - start < 30  # two to four seconds; the square of it would be minutes


@pytest.mark.slow
def test_a_query_of_a_megabyte_needs_little_memory() -> None:
    code = (
        "import resource\n"
        "from sql_lineage.lineage import trace\n"
        "listed = ', '.join(f\"'{i}'\" for i in range(120_000))\n"
        "sql = f'SELECT a FROM t WHERE k IN ({listed})'\n"
        "assert len(sql) > 1_000_000\n"
        "assert trace(sql=sql)[0]['statements'][0]['conditions'] == [{'table': 't', 'column': 'k'}]\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert int(out.stdout) < 500  # MiB


def test_a_statement_that_nobody_expected_spoils_no_other(traced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = script.changes

    def changes(tree: Any, catalog: Any) -> Any:
        if tree.key == "delete":
            raise TypeError("\x1b[31mnot iterable")
        return kept(tree, catalog)

    monkeypatch.setattr(script, "changes", changes)
    found = traced("DELETE FROM u; SELECT a FROM t")
    assert found.found["errors"][0]["message"].startswith(f"{UNEXPECTED} (TypeError: ")
    assert found.columns == {"a": {"t.a"}}


def test_too_many_links_are_refused(traced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MOST_LINKS", 1000)
    with pytest.raises(DataOpsError, match="more than 1000 links"):
        traced(
            "WITH "
            + ", ".join(f"c{i} AS (SELECT a, b FROM {f'c{i - 1}' if i else 't'})" for i in range(999))
            + " SELECT a FROM c9"
        )


def test_names_that_mean_each_other(traced: Any) -> None:
    assert traced("WITH x AS (SELECT a FROM x) SELECT a FROM x").columns == {"a": {"x.a"}}
    found = traced("CREATE VIEW v AS SELECT a FROM w; CREATE VIEW w AS SELECT a FROM v; SELECT a FROM v")
    assert found.columns == {"a": {"w.a"}}
    assert traced("SELECT * FROM (VALUES ((SELECT max(a) FROM t))) AS v (x)").last["columns"]


def test_the_stack_and_its_limit_are_put_back() -> None:
    before = sys.getrecursionlimit(), threading.stack_size()
    with pytest.raises(ValueError, match="no"):
        deeply(lambda: (_ for _ in ()).throw(ValueError("no")))
    assert deeply(sys.getrecursionlimit) > before[0]
    assert (sys.getrecursionlimit(), threading.stack_size()) == before


def test_sqlglot_prints_nothing(traced: Any, capfd: pytest.CaptureFixture[str]) -> None:
    traced("GRANT \x1b[31m ALL ON x; REPLACE INTO t SELECT 1; SELECT a FROM t", "mysql")
    assert capfd.readouterr() == ("", "")


def doubled(first: str, step: str, count: int = 40) -> str:
    """CTEs that each read the one before twice."""
    steps = [f"c{n} AS ({step.format(f'c{n - 1}' if n else first)})" for n in range(count)]
    return f"WITH {', '.join(steps)}\nSELECT * FROM c{count - 1}"


TWICE = "SELECT x.*, y.* FROM {0} x, {0} y"


@pytest.mark.timeout(30)
@pytest.mark.parametrize("first", ["t", "unknown"])
@pytest.mark.parametrize(
    ("step", "name"),
    [
        (TWICE, r"c1\d"),
        ("SELECT * FROM {0} x, {0} y", r"c1\d"),
        ("SELECT * FROM (SELECT * FROM {0}) x, (SELECT * FROM {0}) y", r"c1\d"),
        ("SELECT * FROM {0} AS x CROSS JOIN (SELECT q.*, r.* FROM {0} q, {0} r)", "a subquery|c\\d"),
    ],
    ids=["each", "bare", "nested", "unnamed"],
)
def test_stars_of_stars_end_with_a_line(traced: Any, first: str, step: str, name: str) -> None:
    found = traced(f"CREATE TABLE t (a INT, b INT);\n{doubled(first, step)};\nSELECT a FROM t")
    (error,) = found.found["errors"]
    assert re.match(rf"({name}) gets more than 10000 columns by \*, the most", error["message"])
    assert error["line"] == 2 and error["column"] > 6
    assert found.columns == {"a": {"t.a"}}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("first", ["t", "unknown"])
def test_views_of_doubled_views_end_with_a_line(traced: Any, first: str) -> None:
    views = ";\n".join(f"CREATE VIEW v{n} AS {TWICE.format(f'v{n - 1}' if n else first)}" for n in range(24))
    found = traced(f"CREATE TABLE t (a INT, b INT);\n{views};\nSELECT a FROM t")
    assert [error["line"] for error in found.found["errors"]] == ([14] if first == "t" else [])
    assert found.columns == {"a": {"t.a"}}


@pytest.mark.timeout(30)
def test_many_stars_of_one_query_end_with_a_line(traced: Any) -> None:
    wide = f"CREATE TABLE t ({', '.join(f'a{n} INT' for n in range(9000))})"
    found = traced(f"{wide};\nSELECT\n {', '.join(['t.*'] * 3000)} FROM t;\nSELECT * FROM t")
    assert [(e["line"], e["message"].split(" gets ")[0]) for e in found.found["errors"]] == [(3, "the result")]
    assert len(found.columns) == 9000


@pytest.mark.slow
@pytest.mark.timeout(30)
def test_columns_that_are_named_are_not_limited(traced: Any) -> None:
    assert len(traced(f"SELECT {', '.join(f'a{n}' for n in range(10_500))} FROM t").columns) == 10_500


@pytest.mark.timeout(30)
def test_unions_of_views_whose_columns_are_not_known_do_not_double(traced: Any) -> None:
    views = ";".join(
        f"CREATE VIEW v{n} AS SELECT * FROM v{n - 1} UNION ALL SELECT * FROM v{n - 1}" for n in range(1, 40)
    )
    assert traced(f"{views};SELECT a FROM v39").columns == {"a": {"v0.a"}}


@pytest.mark.slow
@pytest.mark.timeout(30)
def test_columns_by_stars_are_counted_over_the_whole_script(traced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MOST_LINKS", 50_000)
    wide = f"CREATE TABLE t ({', '.join(f'a{n} INT' for n in range(1000))})"
    with pytest.raises(InvalidValue, match="more than 50000 links"):
        traced(f"{wide}; SELECT a FROM u WHERE {' OR '.join(['EXISTS (SELECT * FROM t)'] * 60)}")


def test_a_table_that_is_filled_from_itself(traced: Any) -> None:
    found = traced("INSERT INTO t (a) SELECT a FROM x; INSERT INTO t SELECT * FROM t; SELECT z FROM t")
    assert found.found["errors"] == [] and found.columns == {"z": {"t.z"}}


@pytest.mark.slow
@pytest.mark.timeout(30)
def test_a_chain_that_is_no_chain_of_operators(traced: Any) -> None:
    assert traced("SELECT x FROM t WHERE a" + " BETWEEN b AND c" * 500).conditions == {"t.a", "t.b", "t.c"}
    found = traced("SELECT x FROM t WHERE a" + " BETWEEN b AND c" * 5_000 + "; SELECT a FROM t")
    assert [e["message"] for e in found.found["errors"]] == ["the statement is nested too deeply to be read"]
    found = traced("SELECT x FROM t WHERE a BETWEEN b AND c" + " AND d BETWEEN b AND c" * 2_000)
    assert found.conditions == {"t.a", "t.b", "t.c", "t.d"}


@pytest.mark.timeout(30)
def test_what_is_followed_once_for_each_is_limited(traced: Any) -> None:
    ctes = ", ".join(f"d{n} AS (DELETE FROM t{n} RETURNING a)" for n in range(MOST_WRITING + 1))
    found = traced(f"WITH {ctes} SELECT a FROM d1; SELECT a FROM t", "postgres")
    assert [e["message"] for e in found.found["errors"]] == [
        "the statement has 101 CTEs that write; 100 are the most that are followed"
    ]
    names = [f"a{n}" for n in range(1000)]
    into = " ".join(f"INTO t{name} VALUES ({name})" for name in names)
    found = traced(f"INSERT ALL {into} SELECT {', '.join(names)} FROM s; SELECT a FROM t", "oracle")
    assert found.found["errors"][0]["message"].startswith("the statement writes 1000 tables from a query of 1001 names")
    assert found.columns == {"a": {"t.a"}}
