"""dynalite models some things better than moto: tables that are being created, the size of items, batches of 25.

It knows neither transactions nor TTL, so only what does without them runs here. DATAOPS_DYNALITE names its command.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from aws_standins.processes import free_port, server
from dataops_aws import service
from dataops_aws.dynamodb import dataops_record_store
from dataops_aws.tables import _active, _create

from dataops_core.contracts.records import ABSENT, MAX_RECORD_BYTES, Delete, Put, RecordStore, Stored
from dataops_core.errors import ConfigError, Conflict
from dataops_core.testing.record_case import ITEMS, RECORDS, TABLES, item, queried, scanned


@pytest.fixture(scope="module")
def dynalite() -> Iterator[str]:
    port = free_port()
    command = os.environ.get("DATAOPS_DYNALITE", "dynalite")
    with server([command, "--port", str(port), "--createTableMs", "300", "--deleteTableMs", "0"], port) as endpoint:
        yield endpoint


@pytest.fixture
def store(dynalite: str, aws: str, records_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", dynalite)
    service._sessions.clear()
    store = dataops_record_store(url=records_url, tables=TABLES)
    for table in TABLES:
        _create(store.service, store.names[table.name], table)
        _active(store.service, store.names[table.name])
    yield store
    store.close()


def one(store: RecordStore, record: dict[str, Any], when: Any = ABSENT) -> Stored:
    """Commits one record."""
    (token,) = store.commit([Put(ITEMS if "item" in record else RECORDS, record, when)])
    return Stored(record, token)


def test_a_table_is_waited_for(store: Any) -> None:
    name = store.names["suite_records"] + "_late"
    _create(store.service, name, RECORDS)
    assert boto3.client("dynamodb").describe_table(TableName=name)["Table"]["TableStatus"] == "CREATING"
    assert _active(store.service, name)["TableStatus"] == "ACTIVE"


def test_without_ttl_and_transactions_it_says_so(store: Any) -> None:
    with pytest.raises(ConfigError, match="does not know UpdateTimeToLive"):
        store.prepare()
    with pytest.raises(ConfigError, match="does not know TransactWriteItems"):
        store.commit([Put(RECORDS, {"id": "s"}), Put(ITEMS, item("s", "a"))])


def test_one_record_at_a_time(store: RecordStore) -> None:
    first = one(store, {"id": "s1", "status": "x", "n": 1.5, "empty": "", "group": "g", "rank": "1"})
    assert store.get(RECORDS, "s1") == first
    with pytest.raises(Conflict):
        one(store, {"id": "s1"})
    second = one(store, {"id": "s1", "group": "g", "rank": "2"}, first)
    with pytest.raises(Conflict):
        one(store, {"id": "s1"}, first)
    assert queried(store, RECORDS, "group-rank", "g") == [second.record]
    store.commit([Delete(RECORDS, "s1", when=second)])
    assert store.get(RECORDS, "s1") is None


def test_an_unfit_field_of_an_index_is_kept_out_of_it(store: RecordStore) -> None:
    """DynamoDB refuses an item whose attribute is no key of an index that it would be in; moto does not."""
    for number, value in enumerate([7, {"a": 1}, [1], True, "", "x" * 3_000, None]):
        stored = one(store, {"id": f"r{number}", "group": value})
        assert store.get(RECORDS, f"r{number}") == stored
    assert queried(store, RECORDS, "group-rank", "x") == []


def test_the_largest_record_fits(store: RecordStore) -> None:
    stored = one(store, {"id": "r1", "text": "x" * (MAX_RECORD_BYTES - len('{"id":"r1","text":""}'))})
    assert store.get(RECORDS, "r1") == stored


def test_listings_go_on_over_pages_of_a_megabyte(store: RecordStore) -> None:
    rows = [one(store, item("s1", f"{n:03}", tag="t", text="x" * 30_000)) for n in range(110)]
    assert store.range(ITEMS, "s1") == rows
    assert store.range(ITEMS, "s1", "010", "099", newest_first=True, limit=80) == rows[20:100][::-1]
    assert store.get_many(ITEMS, [("s1", f"{n:03}") for n in range(110)]) == rows
    assert [r["item"] for r in queried(store, ITEMS, "tag-item", "t", limit=100)] == [f"{n:03}" for n in range(110)]
    assert len(scanned(store, ITEMS)) == 110
