from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from sql_lineage.diagram import MOST_EDGES, diagram
from sql_lineage.lineage import trace

_LINE = re.compile(r'flowchart LR|  end|  subgraph t\d+\["[^"<>`\n]*"\]|    c\d+\["[^"<>`\n]*"\]|  c\d+ --> c\d+')


def drawn(sql: str, column: str | None = None) -> list[str]:
    return diagram(trace(sql=sql, column=column)[0]).splitlines()


def test_columns_stand_in_their_tables() -> None:
    assert drawn("INSERT INTO m (x) SELECT a + b FROM s.t") == [
        "flowchart LR",
        '  subgraph t0["s.t"]',
        '    c0["a"]',
        '    c2["b"]',
        "  end",
        '  subgraph t1["m"]',
        '    c1["x"]',
        "  end",
        "  c0 --> c1",
        "  c2 --> c1",
    ]


def test_only_what_was_asked_for_is_drawn() -> None:
    assert '    c0["b"]' in drawn("SELECT a AS x, b AS y FROM t", "y")
    assert not any('"a"' in line for line in drawn("SELECT a AS x, b AS y FROM t", "y"))
    assert '    c1["x"]' in drawn("SELECT a AS x, b AS y FROM t", "t.a")


def test_its_size_is_bounded_and_that_is_said() -> None:
    lines = drawn("SELECT " + ", ".join(f"a{i} AS b{i}" for i in range(500)) + " FROM t")
    assert sum("-->" in line for line in lines) == MOST_EDGES
    assert lines[-1] == f'  more["only {MOST_EDGES} of 500 arrows are drawn; lineage.json has all"]'


def test_nothing_to_draw() -> None:
    assert drawn("SELECT 1 AS x") == ["flowchart LR", '  none["no column feeds another"]']


@given(st.text(max_size=30), st.text(max_size=30))
def test_labels_are_escaped(table: str, column: str) -> None:
    found, _ = trace(sql="SELECT a AS b FROM t")
    edge = found["edges"][0]
    edge["source"], edge["target"] = {"table": table, "column": column}, {"table": None, "column": '"]<script>`%%'}
    assert all(_LINE.fullmatch(line) for line in diagram(found).splitlines())
