from __future__ import annotations

import pytest
import sqlglot
from sql_lineage.chains import LONG, balance
from sqlglot import exp


@pytest.mark.parametrize("operator", ["AND", "OR", "+", "||", "-"])
@pytest.mark.parametrize("count", [2, LONG - 1, LONG + 1, 1000, 1023])
def test_a_long_chain_becomes_flat_and_keeps_its_columns(operator: str, count: int) -> None:
    tree = sqlglot.parse_one("SELECT " + f" {operator} ".join(f"a{i}" for i in range(count)) + " AS x FROM t")
    balance(tree)
    assert [column.name for column in tree.find_all(exp.Column, bfs=False)] == [f"a{i}" for i in range(count)]
    if count > LONG:
        assert max(column.depth for column in tree.find_all(exp.Column)) < 20


def test_a_long_union_becomes_flat_and_keeps_its_order() -> None:
    tree = sqlglot.parse_one(" UNION ALL ".join(f"SELECT a{i} FROM t" for i in range(1000)))
    balance(tree)
    assert [column.name for column in tree.find_all(exp.Column, bfs=False)] == [f"a{i}" for i in range(1000)]
    assert max(column.depth for column in tree.find_all(exp.Column)) < 20


@pytest.mark.parametrize("clause", ["LIMIT 1", "ORDER BY 1"])
def test_a_union_with_clauses_of_its_own_stays_whole(clause: str) -> None:
    inner = f"(SELECT a FROM t UNION SELECT b FROM t {clause})"
    tree = sqlglot.parse_one(" UNION ".join([inner, *(f"SELECT a{i} FROM t" for i in range(LONG + 1))]))
    balance(tree)
    assert inner in tree.sql()
