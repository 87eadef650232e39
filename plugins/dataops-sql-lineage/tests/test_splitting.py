"""Scripts with routines, blocks and batches: what they do is found statement by statement, where it stands."""

from __future__ import annotations

from typing import Any

import pytest
from sql_lineage.lineage import dialect_of
from sql_lineage.statements import parse_script


def found(sql: str, dialect: str) -> list[tuple[int, str]]:
    """Line and kind of each statement; an error is a kind of its own."""
    statements = parse_script(sql, dialect_of(dialect))
    return [
        (s.line, s.tree.key if s.tree is not None else f"error: {s.problem and s.problem.message}") for s in statements
    ]


ORACLE = """CREATE OR REPLACE PROCEDURE p IS
  v NUMBER;
  CURSOR c IS SELECT a FROM t;
BEGIN
  SELECT max(a) INTO v FROM t;
  v := CASE WHEN v > 1 THEN 2 END;
  IF v > 1 THEN
    INSERT INTO m (x) SELECT a FROM t;
  ELSIF v > 2 THEN
    DELETE FROM m;
  ELSE
    NULL;
  END IF;
  FOR r IN (SELECT b FROM u) LOOP
    UPDATE m SET x = r.b;
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  INSERT INTO log (x) SELECT 1 FROM dual;
END p;
/
SELECT 1 AS one FROM dual
"""
TSQL = """DECLARE @d DATE = GETDATE()
SELECT a
INTO #x
FROM t
IF OBJECT_ID('m') IS NOT NULL DROP TABLE m
UPDATE m
SET a = 1
FROM t
DELETE FROM u
SELECT CASE WHEN a = 1 THEN 2
ELSE 3 END AS q
FROM z
UNION ALL
SELECT 1
MERGE m USING t ON m.k = t.k WHEN MATCHED THEN
UPDATE SET x = t.a
WHEN NOT MATCHED THEN
INSERT (k) VALUES (t.k);
WITH c AS (SELECT 1 AS o)
INSERT INTO m (a)
SELECT o FROM c
WHILE @i < 10 BEGIN
INSERT INTO n SELECT a FROM m
SET @i = @i + 1
END
BEGIN TRAN
TRUNCATE TABLE n
COMMIT TRAN
IF @x = 1
  UPDATE m SET a = (CASE WHEN b = 1 THEN 2 END)
ELSE
  EXEC foo
ALTER TABLE m
ALTER COLUMN a INT
"""


def test_a_routine_of_oracle() -> None:
    assert found(ORACLE, "oracle") == [
        (5, "select"), (8, "insert"), (10, "delete"), (15, "update"), (18, "insert"), (21, "select")
    ]  # fmt: skip


def test_a_value_is_selected_into_a_variable_there(traced: Any) -> None:
    assert traced(ORACLE, "oracle").found["tables"]["made"] == []


def test_tsql_needs_no_semicolons() -> None:
    assert found(TSQL, "tsql") == [
        (2, "select"), (5, "drop"), (6, "update"), (9, "delete"), (10, "union"), (15, "merge"), (19, "insert"),
        (23, "insert"), (24, "set"), (26, "transaction"), (27, "truncatetable"), (28, "commit"),
        (30, "update"), (32, "execute"), (33, "alter"),
    ]  # fmt: skip


def test_a_procedure_of_tsql_without_a_block() -> None:
    sql = "CREATE PROC p AS\nSET NOCOUNT ON\nINSERT INTO m\nSELECT a FROM t\nSELECT b FROM m\nGO\nSELECT 2 AS two"
    assert found(sql, "tsql") == [(3, "insert"), (5, "select"), (7, "select")]


def test_branches_and_handlers_of_tsql() -> None:
    sql = (
        "IF EXISTS (SELECT 1 FROM t) BEGIN INSERT INTO m SELECT a FROM u; UPDATE m SET a = 1 END"
        " ELSE INSERT INTO m SELECT b FROM v\nBEGIN TRY\nDELETE FROM m\nEND TRY\nBEGIN CATCH\nROLLBACK\nEND CATCH"
    )
    assert found(sql, "tsql") == [(1, "insert"), (1, "update"), (1, "insert"), (3, "delete"), (6, "rollback")]


def test_a_view_with_ctes_of_tsql() -> None:
    sql = "CREATE VIEW v\nAS\nWITH c AS (SELECT a FROM t)\nSELECT a\nFROM c\nGO\nSELECT a FROM v WITH (NOLOCK)"
    assert found(sql, "tsql") == [(1, "create"), (7, "select")]


def test_go_ends_a_batch() -> None:
    assert found("SELECT a FROM t\nGO\nSELECT b FROM u\ngo\n", "tsql") == [(1, "select"), (3, "select")]
    assert found("SELECT go FROM t", "tsql") == [(1, "select")]


def test_what_a_routine_does_is_found_where_it_stands() -> None:
    sql = (
        "CREATE PROCEDURE p() AS BEGIN\nUPDATE t SET a = CASE WHEN 1 THEN 2 END;\nDELETE FROM u;\nEND;\nSELECT 1 AS x;"
    )
    assert found(sql, "tsql") == [(2, "update"), (3, "delete"), (5, "select")]


def test_a_block_without_a_routine() -> None:
    sql = "BEGIN\n INSERT INTO m SELECT a FROM t;\n IF x THEN UPDATE m SET a = 1 WHERE b; END IF;\nEND;\nSELECT 1"
    assert found(sql, "bigquery") == [(2, "insert"), (3, "update"), (5, "select")]


def test_a_transaction_is_no_block() -> None:
    sql = "BEGIN;\nSELECT a FROM t;\nCOMMIT;\nBEGIN TRANSACTION;\nDELETE FROM t;\nEND;\nSELECT 1"
    assert [kind for _, kind in found(sql, "postgres")] == [
        "transaction", "select", "commit", "transaction", "delete", "select"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sql", ["END", "BEGIN", "IF", "ELSE", "CREATE PROCEDURE", "BEGIN END", "CREATE PROCEDURE p AS"]
)
@pytest.mark.parametrize("dialect", ["auto", "tsql", "postgres", "oracle"])
def test_half_of_a_block_is_no_crash(sql: str, dialect: str) -> None:
    found(sql, dialect)
