"""Routines whose body stands in the script as a text."""

from __future__ import annotations

from typing import Any

import pytest

SNOWFLAKE = """CREATE OR REPLACE PROCEDURE p() RETURNS INT LANGUAGE SQL AS
$$
DECLARE x INT;
BEGIN
  INSERT INTO m SELECT a FROM t;
  SELECT max(a) INTO x FROM t;
  IF (x > 1) THEN DELETE FROM n; END IF;
  RETURN 1;
END;
$$;
SELECT a FROM m
"""
PLPGSQL = """CREATE FUNCTION f() RETURNS void AS $body$
DECLARE x int;
BEGIN
  INSERT INTO m SELECT a FROM t;
  UPDATE m SET b = (SELECT (1 FROM u);
END
$body$ LANGUAGE plpgsql;
SELECT a FROM m
"""


def test_a_procedure_of_snowflake(traced: Any) -> None:
    found = traced(SNOWFLAKE, "snowflake")
    assert [(s["line"], s["kind"]) for s in found.found["statements"]] == [
        (5, "INSERT"), (6, "SELECT"), (7, "DELETE"), (11, "SELECT")
    ]  # fmt: skip
    assert found.found["tables"]["written"] == ["m", "n"]


def test_an_error_in_a_body_is_told_where_it_stands(traced: Any) -> None:
    found = traced(PLPGSQL, "postgres")
    assert [(s["line"], s["kind"]) for s in found.found["statements"]] == [(4, "INSERT"), (5, ""), (8, "SELECT")]
    (error,) = found.found["errors"]
    assert (error["line"], error["column"]) == (5, 31)
    assert found.columns == {"a": {"t.a"}}


@pytest.mark.parametrize("dialect", ["postgres", "materialize"])
def test_a_block_of_do(traced: Any, dialect: str) -> None:
    found = traced("DO $$\nBEGIN\nINSERT INTO m SELECT a FROM t;\nEND\n$$;\nSELECT 1 AS one", dialect)
    assert [(s["line"], s["kind"]) for s in found.found["statements"]] == [(3, "INSERT"), (6, "SELECT")]


def test_other_languages_are_not_read_as_sql(traced: Any) -> None:
    found = traced("CREATE FUNCTION f() RETURNS INT LANGUAGE JAVASCRIPT AS $$ BEGIN DELETE FROM t; $$", "snowflake")
    assert found.found["tables"]["written"] == []
    assert found.last["notes"] == ["what it does is not followed"]


def test_a_body_with_an_open_quote_is_no_crash(traced: Any) -> None:
    traced(
        "CREATE FUNCTION f() RETURNS void AS $$ BEGIN DELETE FROM t WHERE a = 'x; END $$ LANGUAGE plpgsql", "postgres"
    )
