"""Clauses about what a record store takes: hostile keys, and the same limits on every backend."""

from __future__ import annotations

from typing import Any

import pytest

from dataops_core.contracts.records import (
    MAX_COMMIT_WRITES,
    MAX_PARTITION_BYTES,
    MAX_RECORD_BYTES,
    MAX_SORT_BYTES,
    Check,
    Delete,
    Put,
    RecordStore,
    Write,
)
from dataops_core.errors import InvalidValue
from dataops_core.testing.record_case import HOSTILE, ITEMS, RECORDS, RecordCase, item, put, queried


class Limits(RecordCase):
    """What is taken and what is refused."""

    def test_hostile_keys(self, store: RecordStore) -> None:
        for text in HOSTILE:
            stored = put(store, {"id": text, "me": text})
            assert store.get(RECORDS, text) == stored
        for text in HOSTILE:
            read = store.get(RECORDS, text)
            assert read is not None and read.record["me"] == text, f"{text!r} was mixed up with another key"
            store.commit([Put(ITEMS, item(text, sort, me=text)) for sort in HOSTILE])
        for text in HOSTILE:
            assert [s.record["item"] for s in store.range(ITEMS, text)] == sorted(HOSTILE)
            assert all(s.record["me"] == text for s in store.range(ITEMS, text))
            store.commit([Delete(RECORDS, text)])
            assert store.get(RECORDS, text) is None

    def test_hostile_index_values(self, store: RecordStore) -> None:
        for number, text in enumerate(HOSTILE):
            put(store, {"id": f"r{number}", "group": text, "rank": text})
            put(store, {"id": f"t{number}", "group": "all", "rank": text})
        for number, text in enumerate(HOSTILE):
            expected = [{"id": f"r{number}", "group": text, "rank": text}]
            self.sees(store, lambda t=text: queried(store, RECORDS, "group-rank", t), expected)  # type: ignore[misc]
        ranks = [r["rank"] for r in queried(store, RECORDS, "group-rank", "all", limit=4)]
        assert ranks == sorted(HOSTILE), "an index is ordered by code points"

    def test_the_longest_keys(self, store: RecordStore) -> None:
        for letter in ("x", "é", "😀"):
            size = len(letter.encode())
            owner, name = letter * (MAX_PARTITION_BYTES // size), letter * (MAX_SORT_BYTES // size)
            stored = put(store, item(owner, name, tag=owner))
            assert store.get(ITEMS, owner, name) == stored
            assert store.range(ITEMS, owner, name, name) == [stored]
            self.sees(
                store,
                lambda o=owner, n=name: queried(store, ITEMS, "tag-item", o),  # type: ignore[misc]
                [item(owner, name, tag=owner)],
            )
            for record in (item(owner + letter, name), item(owner, name + letter)):
                with pytest.raises(InvalidValue):
                    put(store, record)

    @pytest.mark.parametrize("key", ["", "\0", "a\0b", "\ud800", None, 7, b"a", ["a"]])
    def test_impossible_keys(self, store: RecordStore, key: Any) -> None:
        writes: list[Write] = [
            Put(RECORDS, {"id": key}),
            Put(ITEMS, item("s1", key)),
            Put(ITEMS, item(key, "i")),
            Delete(RECORDS, key),
            Check(ITEMS, "s1", key),
            Put(ITEMS, {"owner": "s1"}),
            Check(RECORDS, "s1", "a sort key that the table does not have"),
        ]
        for write in writes:
            with pytest.raises(InvalidValue):
                store.commit([write])
        with pytest.raises(InvalidValue):
            store.get(RECORDS, key)

    @pytest.mark.parametrize("letter", ["x", "é", "😀"])
    def test_the_largest_record(self, store: RecordStore, letter: str) -> None:
        size = len(letter.encode())
        room = MAX_RECORD_BYTES - len('{"id":"r1","text":""}')
        stored = put(store, {"id": "r1", "text": letter * (room // size) + "x" * (room % size)})
        assert store.get(RECORDS, "r1") == stored
        with pytest.raises(InvalidValue):
            put(store, {"id": "r1", "text": letter * (room // size) + "x" * (room % size + 1)})
        assert store.get(RECORDS, "r1") == stored

    def test_the_largest_commit(self, store: RecordStore) -> None:
        many = [Put(ITEMS, item("s1", f"{n:03}")) for n in range(MAX_COMMIT_WRITES)]
        assert len(store.commit(many)) == MAX_COMMIT_WRITES
        assert len(store.range(ITEMS, "s1")) == MAX_COMMIT_WRITES
        with pytest.raises(InvalidValue):
            store.commit([*many, Check(RECORDS, "s1")])
        large = [Put(ITEMS, item("s2", f"{n}", text="x" * 340_000)) for n in range(10)]
        store.commit(large)
        assert sum(len(s.record["text"]) for s in store.range(ITEMS, "s2")) == 3_400_000
        with pytest.raises(InvalidValue):
            store.commit([*large, Put(ITEMS, item("s2", "more", text="x" * 120_000))])
        assert store.get(ITEMS, "s2", "more") is None

    @pytest.mark.parametrize(
        "fields",
        [
            {"n": float("nan")},
            {"n": float("inf")},
            {"n": {1, 2}},
            {"n": b"bytes"},
            {"n": "\ud800"},
            {"expires_at": "tomorrow"},
            {"expires_at": True},
            {"expires_at": 10**400},
            {"group": 7, "rank": "1"},
            {"group": "g", "rank": ""},
            {"group": "g", "rank": "\0"},
            {"group": "x" * (MAX_PARTITION_BYTES + 1), "rank": "1"},
            {"group": "g", "rank": "x" * (MAX_SORT_BYTES + 1)},
        ],
        ids=str,
    )
    def test_impossible_records(self, store: RecordStore, fields: dict[str, Any]) -> None:
        with pytest.raises(InvalidValue):
            store.commit([Put(RECORDS, {"id": "s1.a"}), Put(RECORDS, {"id": "s1.b", **fields})])
        assert store.get(RECORDS, "s1.a") is None, "a refused commit wrote something"

    def test_a_commit_stays_in_one_scope(self, store: RecordStore) -> None:
        store.commit([Put(RECORDS, {"id": "s1"}), Put(RECORDS, {"id": "s1.a"}), Put(ITEMS, item("s1.a.b", "i"))])
        for stranger in ("s2", "s", "s11", "s1 .a"):
            with pytest.raises(InvalidValue):
                store.commit([Put(RECORDS, {"id": "s1.x"}), Check(RECORDS, stranger)])
        assert store.get(RECORDS, "s1.x") is None

    def test_a_commit_is_neither_empty_nor_ambiguous(self, store: RecordStore) -> None:
        with pytest.raises(InvalidValue):
            store.commit([])
        with pytest.raises(InvalidValue):
            store.commit([Put(ITEMS, item("s1", "a")), Check(ITEMS, "s1", "a")])
        assert store.get(ITEMS, "s1", "a") is None

    def test_fields_outside_an_index_hold_anything(self, store: RecordStore) -> None:
        """A record that lacks one field of an index is not in it, so the other field is free."""
        for number, value in enumerate([7, {"a": 1}, [1], True, "", "x" * 2_000, None]):
            stored = put(store, {"id": f"r{number}", "group": value})
            assert store.get(RECORDS, f"r{number}") == stored
