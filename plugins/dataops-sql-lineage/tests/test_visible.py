from __future__ import annotations

import sqlglot
from sql_lineage.flow import Columns, Flow, Links, Opening, Origin
from sql_lineage.visible import Visible


def of(table: str, column: str) -> Flow:
    return {Origin((table,), column): None}


def seen(sql: str) -> Visible:
    """t has k and a, u has k, anything is in x, and anything but k in y."""
    made = Visible(sqlglot.parse_one(sql))
    made.add("t", Columns([("k", of("t", "k")), ("a", of("t", "a"))]))
    made.add("u", Columns([("k", of("u", "k"))]))
    made.add("x", Columns([], [Opening("x", lambda name: of("x", name))]))
    made.add("y", Columns([], [Opening("y", lambda name: of("y", name), frozenset({"k"}))]))
    return made


def test_who_has_a_column_and_who_may_have_it() -> None:
    plain = seen("SELECT 1 FROM t, u, x, y")
    assert plain.having == {"k": ["t", "u"], "a": ["t"]}
    assert plain.opens("k") == ["x"] and plain.opens("z") == ["x", "y"]
    assert plain.merged("k", Links()) is None


def test_a_join_makes_one_column_of_several() -> None:
    using = seen("SELECT 1 FROM t JOIN u USING (k) JOIN x ON true")
    assert using.joined("k") == {"t", "u"} and using.joined("a") == set()
    assert using.merged("k", Links()) == {**of("t", "k"), **of("u", "k")}
    assert seen("SELECT 1 FROM t NATURAL JOIN u").joined("k") == {"t", "u"}
    assert seen("SELECT 1 FROM t JOIN u USING (k) JOIN x USING (k)").merged("k", Links()) == {
        **of("t", "k"), **of("u", "k"), **of("x", "k")
    }  # fmt: skip


def test_what_is_hidden_is_not_seen() -> None:
    rest = seen("SELECT 1 FROM t JOIN u USING (k)").without(["u", "x"])
    assert set(rest.tables) == {"t", "y"} and rest.having["k"] == ["t"] and rest.joined("k") == {"t", "u"}
    assert rest.without([]) is rest
