from __future__ import annotations

import json
from pathlib import Path

import pytest
from sql_lineage import schema_file
from sql_lineage.lineage import trace

from dataops_core.errors import InvalidValue, NotFound


def sources(
    tmp_path: Path, name: str, text: str, sql: str = "SELECT * FROM orders", dialect: str = "auto"
) -> list[str]:
    path = tmp_path / name
    path.write_text(text)
    found, _ = trace(sql=sql, schema_file=str(path), dialect=dialect)
    return [f"{s['table']}.{s['column']}" for c in found["statements"][-1]["columns"] for s in c["sources"]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.json", json.dumps({"sales.orders": ["id", "amount"]})),
        ("s.json", json.dumps({"sales": {"orders": ["id", "amount"]}})),
        ("s.json", json.dumps({"sales": {"orders": {"id": "int", "amount": None}}})),
        ("s.json", json.dumps({"sales": {"orders": [{"name": "id"}, {"name": "amount", "type": "int"}]}})),
        ("s.txt", json.dumps({"sales.orders": ["id", "amount"]})),
        ("s.yaml", "sales:\n  orders:\n    id: int\n    amount: decimal(10, 2)\n"),
        ("s.sql", "CREATE TABLE sales.orders (id INT PRIMARY KEY, amount DECIMAL(10, 2), CHECK (amount > 0));"),
        ("s.sql", "CREATE TABLE IF NOT EXISTS sales.orders (id INT, amount INT); CREATE INDEX i ON sales.orders (id);"),
    ],
)
def test_forms(tmp_path: Path, name: str, text: str) -> None:
    assert sources(tmp_path, name, text) == ["sales.orders.id", "sales.orders.amount"]


def test_views_of_the_schema_are_tables_of_the_script(tmp_path: Path) -> None:
    text = "CREATE TABLE t (id INT, a INT); CREATE VIEW orders AS SELECT id, a AS b FROM t;"
    assert sources(tmp_path, "s.sql", text) == ["orders.id", "orders.b"]


def test_a_name_that_could_be_of_two_tables_is_neither(tmp_path: Path) -> None:
    text = json.dumps({"a.orders": ["id"], "b.orders": ["id", "x"]})
    assert sources(tmp_path, "s.json", text) == []
    assert sources(tmp_path, "s.json", text, "SELECT * FROM b.orders") == ["b.orders.id", "b.orders.x"]


def test_names_are_compared_as_the_dialect_does(tmp_path: Path) -> None:
    assert sources(tmp_path, "s.json", '{"orders": ["Id"]}', "SELECT ID FROM ORDERS", "snowflake") == ["orders.Id"]


def test_an_error_in_the_schema_is_said_and_the_rest_used(tmp_path: Path) -> None:
    path = tmp_path / "s.sql"
    path.write_text("CREATE TABLE orders (id INT);\nCREATE TABLE (;")
    found, _ = trace(sql="SELECT * FROM orders", schema_file=str(path))
    assert found["notes"][0].startswith("schema s.sql, line 2, column ")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.json", "[1, 2]"),
        ("s.json", "{"),
        ("s.json", "{}"),
        ("s.json", '{"t": "x"}'),
        ("s.json", '{"t": [[1]]}'),
        ("s.json", '{"a": {"b": {"c": {"d": {"e": ["x"]}}}}}'),
        ("s.json", "[" * 100_000),
        ("s.yaml", "a: [b"),
        ("s.yaml", "!!python/object/apply:os.system ['true']"),
        ("s.sql", "SELECT 1"),
        ("s.sql", "CREATE TABLE ("),
        ("s.sql", "   "),
    ],
)
def test_what_is_no_schema(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(InvalidValue, match=r"s\.(json|yaml|sql)") as raised:
        sources(tmp_path, name, text)
    assert "\n" not in raised.value.message and raised.value.hint


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        trace(sql="SELECT 1", schema_file=str(tmp_path / "none.json"))


def test_its_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_file, "MOST_COLUMNS", 100)
    large = "".join(f"b{i}: [x, y, z, u, v, w]\n" for i in range(50))
    with pytest.raises(InvalidValue, match="more than 100 columns"):
        sources(tmp_path, "s.yaml", large)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("s.yaml", "a: &a [x]\nb: *a\n", "line 2: aliases are not allowed"),
        ("s.yaml", "a: " + "[" * 100_000, "nested deeper than"),
        ("s.yaml", "orders: [id]\nusers: [id]\norders: [total]\n", "line 3: the key 'orders' is there twice"),
        ("s.json", '{"orders": ["id"], "orders": ["total"]}', r"s\.json: the key 'orders' is there twice"),
        ("s.json", '{"a.orders": ["id"], "a": {"orders": ["x"]}}', r"has the table a\.orders twice"),
        ("s.yaml", "orders: [id]\nORDERS: [x]\n", "has the table ORDERS twice"),
        ("s.yaml", "orders: [no, id]\n", "has a name that is not a text at orders"),
        ("s.yaml", "orders: {on: int}\n", "has a name that is not a text at orders"),
        ("s.yaml", "1: [id]\n", "has a name that is not a text$"),
        ("s.yaml", "orders: [" + "1:" * 20_000 + "1]\n", "has a name that is not a text at orders"),
    ],
)
def test_what_would_be_lost_or_never_end_is_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        sources(tmp_path, name, text)


def test_names_that_yaml_reads_as_other_things_are_put_in_quotes(tmp_path: Path) -> None:
    assert sources(tmp_path, "s.yaml", 'orders: {"no": int, "1": int}\n') == ["orders.no", "orders.1"]
    assert sources(tmp_path, "s.json", '{"orders": ["no", 1]}') == ["orders.no", "orders.1"]


@pytest.mark.timeout(30)
def test_a_key_that_is_said_twice_is_found_soon(tmp_path: Path) -> None:
    keys = ", ".join(f'"t{n}": ["a"]' for n in [*range(50_000), 49_999])
    with pytest.raises(InvalidValue, match="the key 't49999' is there twice"):
        sources(tmp_path, "s.json", f"{{{keys}}}")


def test_yaml_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_file, "MOST_YAML", 100)
    with pytest.raises(InvalidValue, match="101 characters; 100 are the most that are read of YAML") as raised:
        sources(tmp_path, "s.yaml", "orders: [id] #" + "x" * 87)
    assert raised.value.hint == "write it as JSON"
    assert sources(tmp_path, "s.json", '{"orders": ["id"]}' + " " * 100) == ["orders.id"]


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("s.csv", "table,column\norders,id\n", "write CREATE TABLE statements; the end of its name says what it is"),
        ("s.txt", "orders: [id]\n", "write CREATE TABLE statements; the end of its name says what it is"),
        ("s.json", "CREATE TABLE orders (id INT)", "the end of its name says what it is: .json, .yaml or .sql"),
        ("s.yaml", "orders: [id", "the end of its name says what it is: .json, .yaml or .sql"),
        ("s.json", "{{ tables }}", "it is a template"),
        ("s.json", "\x7fELF\0", "name a file of tables: JSON, YAML or CREATE TABLE statements"),
        ("s.yaml", " ", "name a file of tables: JSON, YAML or CREATE TABLE statements"),
    ],
)
def test_what_to_do_about_what_is_no_schema(tmp_path: Path, name: str, text: str, hint: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        sources(tmp_path, name, text)
    assert hint in raised.value.hint
