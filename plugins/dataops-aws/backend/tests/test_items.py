"""Records as items: readable, and exactly what was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dataops_aws.items import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from dataops_core.contracts.records import EXPIRES_AT, MAX_RECORD_BYTES, Index, Record, Stored, Table, encode_record
from dataops_core.errors import CorruptData
from dataops_core.storage.schema import ARTIFACTS, SESSIONS

TABLE = Table("t", "id", "sort", indexes=(Index("group-rank", "group", "rank"), Index("open-rank", "open", "rank")))
NAMES = ("group", "rank", "open", "ttl", "_token", "_more", "expires_at", "status", "", "x" * 300, "[x]", "é")
ROOM = 400 * 1024

_texts = st.text(st.characters(exclude_categories=["Cs"]))
_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts
_values = st.recursive(_scalars, lambda inner: st.lists(inner) | st.dictionaries(_texts, inner), max_leaves=5)


def through(table: Table, record: Record) -> Record:
    """Returns a record after its way through an item."""
    item = encode(table, encode_record(table, record), "token")
    for typed in item.values():
        ((kind, value),) = typed.items()
        assert kind in ("S", "N", "BOOL", "NULL")
        assert value != "", "empty text is avoided"
    assert "" not in item
    stored = decode(table, json.loads(json.dumps(item)))
    assert stored.token == "token"
    return stored.record


def exactly(value: Any) -> str:
    """Returns JSON, which tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)


@given(st.dictionaries(st.sampled_from(NAMES) | _texts, _values, max_size=6))
def test_every_record_comes_back_exactly(fields: Record) -> None:
    fields = {name: value for name, value in fields.items() if name not in ("group", "rank", "open", "expires_at")}
    record = {**fields, "id": "[1]", "sort": '"x"'}
    assert exactly(through(TABLE, record)) == exactly(record)


@given(
    st.sampled_from([None, 7, "", "g", "x" * 1500, [1]]),
    st.sampled_from([None, "r", "[r", 1.0]),
    st.sampled_from([None, 1e9, 1_000_000_000, 1.5e9, 0.0, 5e-324, -1e11]),
)
def test_fields_of_an_index_and_expiry(group: Any, rank: Any, at: Any) -> None:
    entry = isinstance(group, str) and 0 < len(group) < 1000 and isinstance(rank, str)
    record = {"id": "a", "sort": "b", "group": group, EXPIRES_AT: at} | ({"rank": rank} if entry else {})
    assert exactly(through(TABLE, record)) == exactly(record)
    item = encode(TABLE, encode_record(TABLE, record), "t")
    assert ("group" in item) == entry, "what an index would refuse is no attribute"
    if at is not None:
        assert int(item["ttl"]["N"]) - 1 < at <= int(item["ttl"]["N"])
        assert float(item[EXPIRES_AT]["N"]) == pytest.approx(at)
    else:
        assert EXPIRES_AT not in item, "a condition takes the attribute for a time"


def test_a_session_looks_in_the_console_as_the_reference_has_it() -> None:
    record = {
        "session_id": "s1", "user_id": "u", "created_at": "2026-01-01T00:00:00Z", "status": "active",
        "conversation_history": [{"role": "user", "content": "é"}], "global_context": {}, "metadata": {"a": 1},
    }  # fmt: skip
    item = encode(SESSIONS, encode_record(SESSIONS, record), "t")
    assert item == {
        "session_id": {"S": "s1"}, "user_id": {"S": "u"}, "created_at": {"S": "2026-01-01T00:00:00Z"},
        "status": {"S": "active"}, "conversation_history": {"S": '[{"role":"user","content":"é"}]'},
        "global_context": {"S": "{}"}, "metadata": {"S": '{"a":1}'}, "_token": {"S": "t"},
    }  # fmt: skip
    artifact = {"artifact_id": "s1.a", "size_bytes": 12, "ttl": 1_900_000_000, EXPIRES_AT: 1_900_000_000.25}
    item = encode(ARTIFACTS, encode_record(ARTIFACTS, artifact), "t")
    assert item["size_bytes"] == {"N": "12"}
    assert item["ttl"] == {"N": "1900000001"}, "the second in which it is over"


@pytest.mark.parametrize("filling", ["x", "é", "😀", "\x01", '"', "\\"])
@pytest.mark.parametrize("shape", ["text", "list", "names", "numbers"])
def test_the_largest_record_fits_an_item(filling: str, shape: str) -> None:
    record: Record = {"id": "a", "sort": "b"}
    room = MAX_RECORD_BYTES - len(encode_record(TABLE, record)) - 40
    cost = len(json.dumps(filling, ensure_ascii=False).encode()) - 2
    if shape == "text":
        record["text"] = "[" + filling * (room // cost)
    elif shape == "list":
        record["list"] = [filling] * (room // (cost + 3))
    elif shape == "names":
        record |= {f"{n}{filling}": True for n in range(room // (cost + 14))}
    else:
        record |= {f"{n:06}": n + 0.5 for n in range(room // 18)}
    body = encode_record(TABLE, record)
    size = sum(
        len(name.encode()) + (len(value.encode()) if isinstance(value, str) else 1)
        for name, typed in encode(TABLE, body, "t" * 16).items()
        for value in typed.values()
    )
    assert size < ROOM, "DynamoDB's limit is 400 kB, names included"
    assert exactly(through(TABLE, record)) == exactly(record)


def test_what_somebody_else_wrote_is_read_without_a_version() -> None:
    item = {"id": {"S": "a"}, "sort": {"S": "b"}, "n": {"N": "1"}, "ttl": {"N": "5"}, "x": {"N": "2.50"}}
    assert decode(TABLE, item) == Stored({"id": "a", "sort": "b", "n": 1, "ttl": 5, "x": 2.5}, "")


@pytest.mark.parametrize("typed", [{"B": b"x"}, {"SS": ["a"]}, {"M": {}}, {"S": "[broken"}, {}])
def test_what_is_none_of_ours_is_named(typed: dict[str, Any]) -> None:
    with pytest.raises(CorruptData, match="'a/b' of t"):
        decode(TABLE, {"id": {"S": "a"}, "sort": {"S": "b"}, "field": typed})
