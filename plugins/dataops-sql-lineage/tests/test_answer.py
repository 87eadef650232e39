from __future__ import annotations

from pathlib import Path

import pytest
from sql_lineage.answer import answer
from sql_lineage.lineage import trace

from dataops_core.errors import DataOpsError, NotFound

SCRIPT = """CREATE TEMP TABLE paid AS SELECT customer_id, amount - discount AS net FROM sales.orders;
SELEC oops FROM x y z;
INSERT INTO mart.report (customer, revenue)
WITH totals AS (SELECT customer_id, sum(net) AS revenue FROM paid GROUP BY 1)
SELECT c.name, t.revenue FROM totals t JOIN crm.customers c ON c.id = t.customer_id;
"""


def told(sql: str = SCRIPT, column: str | None = None, name: str = "report.sql", dialect: str = "postgres") -> str:
    return answer(*trace(sql=sql, file_path=name, column=column, dialect=dialect))


def test_without_a_column() -> None:
    assert told().splitlines() == [
        "report.sql: 3 statements, 4 columns",
        "reads sales.orders, crm.customers",
        "writes mart.report",
        "writes and reads again paid",
        "columns of mart.report (report.sql, line 3):",
        "  customer ← crm.customers.name",
        "  revenue ← sales.orders.amount, sales.orders.discount",
        "could not be read: 1 statement",
        "  line 2, column 12: unexpected 'FROM'",
    ]


@pytest.mark.parametrize("column", ["revenue", "Report.Revenue", 'mart.report."revenue"'])
def test_with_a_column(column: str) -> None:
    assert told(column=column).splitlines()[:3] == [
        "revenue of mart.report (report.sql, line 3) comes from:",
        "  sales.orders.amount, through CTE totals.revenue, temporary table paid.net",
        "  sales.orders.discount, through CTE totals.revenue, temporary table paid.net",
    ]


def test_a_source_tells_what_it_feeds() -> None:
    expected = "sales.orders.amount is not made here, only read. It feeds: paid.net, mart.report.revenue"
    assert told(column="sales.orders.amount").splitlines()[0] == expected


def test_a_column_behind_a_star() -> None:
    assert told("SELECT * FROM (SELECT * FROM t) s", "x").splitlines()[1] == "  t.x, through subquery s.x"


def test_constants_and_what_is_unresolved() -> None:
    assert "no source column: it is made of constants" in told("SELECT 1 AS x", "x")
    assert "  unresolved: x: one of t.x, u.x" in told("SELECT x FROM t, u", "x")
    assert "schema_file" in told("SELECT x FROM t, u")


def test_reasons_are_in_the_spelling_of_the_script() -> None:
    sql = "SELECT Amount AS total, total * 2 AS dbl FROM Orders o JOIN Items i ON i.k = o.k"
    text = told(sql, dialect="snowflake")
    assert "  line 1, Amount: one of o.Amount, i.Amount" in text
    assert "  line 1, total: one of o.total, i.total or the alias total of the same SELECT" in text
    assert "100%: no table has such a column" in told('SELECT "100%" FROM (SELECT a FROM t) s')


def test_no_such_column() -> None:
    with pytest.raises(NotFound, match=r"report\.sql gives no column 'reveneu'") as raised:
        told(column="reveneu")
    assert "'revenue'" in raised.value.hint
    with pytest.raises(NotFound) as raised:
        told(column="other.revenue")
    with pytest.raises(NotFound) as raised:
        told(column="zzzz")
    assert "customer" in raised.value.hint


def test_it_stays_short() -> None:
    columns = ", ".join(f"{'+'.join(f'a{j}' for j in range(100))} AS c{i}, z{i}" for i in range(100))
    assert len(told(f"SELECT {columns} FROM t, u")) < 8000
    views = ";".join(f"CREATE VIEW v{i} AS SELECT a FROM {f'v{i - 1}' if i else 't'}" for i in range(60))
    assert len(told(views, "a").splitlines()) < 15


def test_no_control_character_reaches_the_terminal() -> None:
    evil = "\x1b]0;own\x07\u202e\r\n"
    sql = f'SELECT "{evil}a" AS "{evil}b", "{evil}q"."x" FROM "{evil}t" JOIN "{evil}u" ON true; SELECT ({evil} "'
    for column in (None, f"{evil}b", f"{evil}b".strip()):
        try:
            text = told(sql, column, f"/tmp/{evil}.sql", "auto")
        except DataOpsError as error:
            text = error.message + error.hint
        assert all(line.isprintable() for line in text.splitlines())
        assert "\r" not in text


def test_the_file_is_named_without_its_folder(tmp_path: Path) -> None:
    assert told("SELECT a FROM t", name=str(tmp_path / "q.sql")).startswith("q.sql: 1 statement, 1 column")
