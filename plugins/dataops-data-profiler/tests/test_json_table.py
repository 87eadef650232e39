from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from dataops_core.errors import InvalidValue

RECORDS = [{"id": 1, "name": "Ada"}, {"id": 2, "name": None}, {"id": 3}]
LAYOUTS = {
    "lines": "\n".join(map(json.dumps, RECORDS)),
    "array": json.dumps(RECORDS),
    "indented": json.dumps(RECORDS, indent=2),
    "one after the other": "\n".join(json.dumps(r, indent=1) for r in RECORDS),
    "wrapped": json.dumps({"made": "today", "rows": RECORDS}),
    "utf-16": json.dumps(RECORDS).encode("utf-16"),
    "with a mark": json.dumps(RECORDS).encode("utf-8-sig"),
    "blank lines": "\n\n" + "\n\n".join(map(json.dumps, RECORDS)) + "\n\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_give_the_same_table(profiled: Callable[..., Any], layout: str) -> None:
    made = profiled(LAYOUTS[layout], "data.json")
    assert made.names == ["id", "name"]
    assert made.profile["rows"]["total"] == 3
    assert made.column("name")["value_types"] == {"string": 1, "null": 1, "missing": 1}
    assert made.column("id")["numbers"]["sum"] == 6
    if layout == "wrapped":
        assert made.decided("records") == "the list under 'rows'"


@pytest.mark.parametrize("key", ['a"b', "a/b", "a~1b", "", "$.x", "*", "0", "'; DROP TABLE records", "a\nb", "<b>"])
def test_any_key_is_a_column(profiled: Callable[..., Any], key: str) -> None:
    made = profiled(json.dumps({key: 7, "z": "x"}) + "\n" + json.dumps({key: 8, "z": "y"}), "data.jsonl")
    assert made.profile["columns"][0]["numbers"]["sum"] == 15
    assert made.column("z")["count"] == 2


def test_broken_lines_are_named(profiled: Callable[..., Any]) -> None:
    made = profiled('{"a": 1}\n{"a": \n[1]\n{"a": 2}\n', "data.jsonl")
    assert made.found("unreadable_record")[0]["examples"] == [{"row": 2, "value": '{"a": '}, {"row": 3, "value": "[1]"}]
    assert made.column("a")["count"] == 2


def test_a_key_that_stands_twice_is_named(profiled: Callable[..., Any]) -> None:
    made = profiled('{"a": 1, "b": 1}\n{"a": 2, "a": 3}\n', "data.jsonl")
    found = made.found("duplicate_key", "a")[0]
    assert (found["severity"], found["examples"]) == ("high", [{"row": 2, "value": "a"}])


def test_types_that_change_are_named(profiled: Callable[..., Any]) -> None:
    made = profiled('{"a": 1}\n{"a": "2"}\n{"a": 3.5}\n{"a": {"b": 1}}\n{"a": null}\n', "data.jsonl")
    found = made.found("mixed_types", "a")[0]
    assert found["examples"] == [{"row": 2, "value": "2"}, {"row": 4, "value": '{"b":1}'}]


@pytest.mark.parametrize(("text", "total"), [("[1, 2, 3]", 6), ("[4]\n[5]\n", None)])
def test_values_without_keys_are_one_column(profiled: Callable[..., Any], text: str, total: int | None) -> None:
    made = profiled(text, "data.json")
    assert made.names == ["value"]
    assert total is None or made.column("value")["numbers"]["sum"] == total


@pytest.mark.parametrize("text", ['[{"a": 1}, {"a": ', '{"a": 1,\n "b": [}', '[\n{"a" 1}\n]'])
def test_broken_documents_are_refused(profiled: Callable[..., Any], text: str) -> None:
    with pytest.raises(InvalidValue, match=r"data\.json"):
        profiled(text, "data.json")


def test_a_document_may_be_one_long_line(profiled: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from data_profiler import encoding

    monkeypatch.setattr(encoding, "LONGEST_LINE", 1000)
    made = profiled(json.dumps([{"a": i} for i in range(2000)]), "data.json")
    assert made.column("a")["numbers"]["max"] == 1999


def test_deep_nesting_is_no_crash(profiled: Callable[..., Any]) -> None:
    text = '{"a": ' + "[" * 900 + "1" + "]" * 900 + "}\n"
    assert profiled(text * 2, "data.jsonl").column("a")["type"] == "nested"


def test_more_keys_than_columns_are_said(profiled: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from data_profiler import json_table

    monkeypatch.setattr(json_table, "MOST_KEYS", 3)
    made = profiled(json.dumps({f"k{i}": i for i in range(10)}) * 2, "data.json")
    assert made.names == ["k0", "k1", "k2"]
    assert made.decided("columns") == "the first 3 of 10 keys"


def test_numbers_as_texts_are_named(profiled: Callable[..., Any]) -> None:
    made = profiled('{"a": "1"}\n{"a": "2"}\n', "data.jsonl")
    assert made.found("stored_as_text", "a")
