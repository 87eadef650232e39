"""Names lead back to what they are for, whatever a key holds."""

from __future__ import annotations

import pytest
from dataops_redis.keys import Names, entry_name, entry_of, unpacked
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from dataops_core.contracts.records import Table, scope_of
from dataops_core.errors import CorruptData
from dataops_core.testing.record_case import ITEMS, RECORDS

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
NAMES = Names("p")


@given(TEXT | st.sampled_from(["}:suite_items:r:1:a:", "{}", "}x{", "a.b.c", "."]), TEXT)
def test_names_lead_back(partition: str, sort: str) -> None:
    assert NAMES.key_in(ITEMS, NAMES.record(ITEMS, partition, sort)) == (partition, sort)
    assert NAMES.key_in(RECORDS, NAMES.record(RECORDS, partition, None)) == (partition, None)
    assert NAMES.key_in(RECORDS, NAMES.record(ITEMS, partition, sort)) is None
    assert NAMES.partition_in(ITEMS, NAMES.listed(ITEMS, partition)) == partition
    entry = entry_of(ITEMS, entry_name("2026", (partition, sort)) + b"0123")
    assert entry == ("2026", (partition, sort), "0123")


@given(TEXT, TEXT, TEXT)
def test_a_scope_lies_on_one_slot(scope: str, one: str, other: str) -> None:
    scope = scope_of(scope) or "s"
    slots = {
        key_slot(key)
        for own in (scope, f"{scope}.{one}", f"{scope}.{other}")
        for key in (NAMES.record(ITEMS, own, other), NAMES.listed(ITEMS, own), NAMES.record(RECORDS, own, None))
    }
    assert len(slots) == 1


@given(TEXT, TEXT, TEXT, TEXT)
def test_no_two_records_share_a_name(a: str, b: str, c: str, d: str) -> None:
    assert (NAMES.record(ITEMS, a, b) == NAMES.record(ITEMS, c, d)) == ((a, b) == (c, d))


@pytest.mark.parametrize("value", [b"", b"x", b"t\0", b"t\0\0{", b"t\0[\0{}", b"\xff\0\0{}"])
def test_what_somebody_else_wrote_is_damage(value: bytes) -> None:
    with pytest.raises(CorruptData, match="a record in here is damaged"):
        unpacked(value, "here")


def test_a_table_without_sort_keys() -> None:
    table = Table("t", "id")
    assert NAMES.key_in(table, NAMES.record(table, "a:b", None)) == ("a:b", None)
    assert NAMES.key_in(table, b"p:{a}:t:r:x:a:") is None
