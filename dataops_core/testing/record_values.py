"""Clauses about what a record may hold: hostile values, names that a backend uses itself, the size limit's edges."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dataops_core.contracts.records import (
    MAX_PARTITION_BYTES,
    MAX_RECORD_BYTES,
    MAX_SORT_BYTES,
    Record,
    RecordStore,
    Stored,
)
from dataops_core.errors import InvalidValue
from dataops_core.testing.record_case import HOSTILE, ITEMS, RECORDS, RecordCase, item, put, queried, scanned

#: Texts that keys may not hold, and those that some layer may take for its own.
TEXTS = (
    *HOSTILE, "", "\0", "a\0b", *map(chr, range(1, 32)), "\u2028\u2029", "\ufeff", "\u202e", "\ufffd", "\\u0000", "\\",
    "</script><!--", "{{7*7}}", "${HOME}", "$1", ":a", "#a", "?", "NaN", "true", "[]", "{}", '"',
    "\U0001f468\u200d\U0001f469",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2**31, 2**53 + 1, -(2**63), 2**64, 10**37, 0.1, 1.5e-7, 1e300, -1e-300, 1e15, 123456789.125)
#: Names of fields that backends use for themselves.
NAMES = (
    "_token", "token", "body", "data", "record", "value", "key", "pk", "sk", "ttl", "expires", "version", "rowid",
    "type", "_id", "name", "size", "count", "table", "select", "index", "e", "t", "v", "b", "", "a.b", "#a", ":a", "$a",
    "a[0]",
    "é",
)  # fmt: skip


def exactly(record: Record) -> str:
    """Returns a text that also tells True from 1."""
    return json.dumps(record, sort_keys=True)


class Values(RecordCase):
    """What a record may hold."""

    def test_hostile_values(self, store: RecordStore) -> None:
        record = item("s1", "a", tag="t", texts=list(TEXTS), nested={text: {"in": text} for text in TEXTS})
        stored = put(store, record)
        read = store.get(ITEMS, "s1", "a")
        assert read is not None and exactly(read.record) == exactly(record)
        assert store.range(ITEMS, "s1") == [stored] == store.get_many(ITEMS, [("s1", "a")])
        self.sees(store, lambda: queried(store, ITEMS, "tag-item", "t"), [record])
        assert scanned(store, ITEMS) == [record]
        for number, text in enumerate(TEXTS):
            whole: Record = {"id": f"r{number}", "text": text, f"n{text}": 1}
            assert store.get(RECORDS, f"r{number}") != put(store, whole) == store.get(RECORDS, f"r{number}")

    def test_numbers_and_truth(self, store: RecordStore) -> None:
        record: Record = {"id": "r1", "numbers": list(NUMBERS), "truth": [True, False, None, 1, 0, "1", ""]}
        for number, value in enumerate(NUMBERS):
            record[f"n{number}"] = value
        put(store, record)
        read = store.get(RECORDS, "r1")
        assert read is not None and read.record == record
        assert exactly({"truth": read.record["truth"]}) == exactly({"truth": record["truth"]})

    def test_fields_may_have_any_name(self, store: RecordStore) -> None:
        """Also one that the backend uses for itself."""
        for value in ("text", 7, None, ["x"], {"a": 1}, True):
            record: Record = {**dict.fromkeys(NAMES, value), **item("s1", "a", tag="t")}
            stored = put(store, record)
            assert store.get(ITEMS, "s1", "a") == stored == Stored(record, stored.token)
            self.sees(store, lambda r=record: queried(store, ITEMS, "tag-item", "t"), [record])  # type: ignore[misc]

    def test_deep_and_wide_records(self, store: RecordStore) -> None:
        deep: Any = "leaf"
        for level in range(100):
            deep = [deep] if level % 2 else {"in": deep}
        for record in ({"id": "deep", "value": deep}, {"id": "wide", **{f"field{n}": n for n in range(2_000)}}):
            stored = put(store, record)
            assert store.get(RECORDS, str(record["id"])) == stored

    @pytest.mark.parametrize("text", ["\0", '"', "\n", "\x7f", "\u2028"], ids=ascii)
    def test_the_size_limit_counts_bytes_of_json(self, store: RecordStore, text: str) -> None:
        """The largest record of characters that JSON writes longer than they are."""
        each = len(json.dumps(text, ensure_ascii=False).encode()) - 2
        room = MAX_RECORD_BYTES - len('{"id":"r1","text":""}')
        record = {"id": "r1", "text": text * (room // each) + "x" * (room % each)}
        stored = put(store, record)
        assert store.get(RECORDS, "r1") == stored
        with pytest.raises(InvalidValue):
            put(store, {**record, "text": str(record["text"]) + "x"})
        assert store.get(RECORDS, "r1") == stored

    def test_the_largest_record_with_the_longest_keys(self, store: RecordStore) -> None:
        record = item("o" * MAX_PARTITION_BYTES, "s" * MAX_SORT_BYTES, tag="t" * MAX_PARTITION_BYTES, text="")
        room = MAX_RECORD_BYTES - len(json.dumps(record, separators=(",", ":")))
        record["text"] = "x" * room
        stored = put(store, record)
        assert store.get(ITEMS, record["owner"], record["item"]) == stored
        self.sees(store, lambda: queried(store, ITEMS, "tag-item", record["tag"]), [record])
