"""Tables: made as declared, accepted as the reference makes them, and looked at."""

from __future__ import annotations

import shlex
from typing import Any

import boto3
import pytest
from aws_standins.proxy import Proxy
from dataops_aws.dynamodb import dataops_record_store

from dataops_core.contracts.records import ABSENT, Delete, Put, Stored
from dataops_core.errors import ConfigError
from dataops_core.storage.schema import RUNS, SESSIONS, TABLES

#: The reference's line, word by word.
CREATE_TABLE = """aws dynamodb create-table
  --table-name dataops_sessions
  --key-schema AttributeName=session_id,KeyType=HASH
  --attribute-definitions AttributeName=session_id,AttributeType=S
  --billing-mode PAY_PER_REQUEST"""


def run_aws_line(line: str, name: str) -> None:
    """Does what an `aws dynamodb create-table` line does, to a table of another name."""
    words = shlex.split(line)[3:]
    given = dict(zip(words[::2], words[1::2], strict=True))

    def pairs(text: str) -> list[dict[str, str]]:
        return [dict(pair.split("=") for pair in text.split(","))]

    boto3.client("dynamodb").create_table(
        TableName=name,
        KeySchema=pairs(given["--key-schema"]),
        AttributeDefinitions=pairs(given["--attribute-definitions"]),
        BillingMode=given["--billing-mode"],
    )


def prefix_of(url: str) -> str:
    return url.rpartition("/")[2]


def described(name: str) -> Any:
    return boto3.client("dynamodb").describe_table(TableName=name)["Table"]


def test_every_table_is_made_as_declared(records_url: str) -> None:
    store = dataops_record_store(url=records_url, tables=TABLES)
    lines = store.prepare()
    prefix = prefix_of(records_url)
    assert len(lines) == 2 * len(TABLES)
    assert lines[0] == f"created table {prefix}sessions with index user_id-created_at"
    for table in TABLES:
        found = described(prefix + table.name.removeprefix("dataops_"))
        assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert [k["AttributeName"] for k in found["KeySchema"]] == [
            table.partition,
            *([table.sort] if table.sort else []),
        ]
        indexes = {i["IndexName"]: i for i in found.get("GlobalSecondaryIndexes", [])}
        assert set(indexes) == {index.name for index in table.indexes}
        assert all(i["Projection"] == {"ProjectionType": "KEYS_ONLY"} for i in indexes.values())
    ttl = boto3.client("dynamodb").describe_time_to_live(TableName=prefix + "artifacts")["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    assert store.prepare() == []


def test_the_reference_s_own_table_is_accepted_and_completed(records_url: str) -> None:
    name = prefix_of(records_url) + "sessions"
    run_aws_line(CREATE_TABLE, name)
    store = dataops_record_store(url=records_url, tables=(SESSIONS,))
    session = {"session_id": "s1", "user_id": "u", "created_at": "2026-01-01"}
    put = Put(SESSIONS, session, ABSENT)
    store.commit([put])
    assert store.get(SESSIONS, "s1") == Stored(session, put.token)
    with pytest.raises(ConfigError, match=f"table {name} has no index user_id-created_at") as told:
        store.query(SESSIONS, "user_id-created_at", "u")
    assert "storage init" in told.value.hint
    said = {finding.what: finding for finding in store.check()}
    assert said[f"table {name} has no index user_id-created_at: what lists by user_id fails"].level == "error"
    assert said[f"TTL of table {name} is off"].level == "warn"
    assert store.prepare() == [
        f"created index user_id-created_at of table {name}",
        f"switched on TTL of table {name} by its attribute ttl",
    ]
    assert store.prepare() == []
    assert [s.record for s in store.query(SESSIONS, "user_id-created_at", "u").items] == [session]
    assert not [finding for finding in store.check() if finding.level == "error"]


def test_several_indexes_are_added_one_by_one(records_url: str) -> None:
    name = prefix_of(records_url) + "runs"
    run_aws_line(CREATE_TABLE.replace("session_id", "run_id"), name)
    store = dataops_record_store(url=records_url, tables=(RUNS,))
    assert [line for line in store.prepare() if "index" in line] == [
        f"created index session_id-created_at of table {name}",
        f"created index open-created_at of table {name}",
    ]


def test_an_item_of_somebody_else_can_be_read_changed_and_deleted(records_url: str) -> None:
    store = dataops_record_store(url=records_url, tables=(SESSIONS,))
    store.prepare()
    table = prefix_of(records_url) + "sessions"
    client = boto3.client("dynamodb")
    for name in ("s1", "s2"):
        client.put_item(TableName=table, Item={"session_id": {"S": name}, "status": {"S": "active"}})
    first, second = store.get(SESSIONS, "s1"), store.get(SESSIONS, "s2")
    assert first == Stored({"session_id": "s1", "status": "active"}, "")
    assert second is not None
    put = Put(SESSIONS, {"session_id": "s1"}, first)
    store.commit([put])
    assert store.get(SESSIONS, "s1") == Stored({"session_id": "s1"}, put.token)
    store.commit([Delete(SESSIONS, "s2", when=second)])
    assert store.get(SESSIONS, "s2") is None


def test_a_table_with_other_keys_is_refused(records_url: str) -> None:
    name = prefix_of(records_url) + "sessions"
    run_aws_line(CREATE_TABLE.replace("session_id", "id"), name)
    store = dataops_record_store(url=records_url, tables=(SESSIONS,))
    with pytest.raises(ConfigError, match=f"table {name} has the keys id"):
        store.prepare()
    assert [f.level for f in store.check() if "keys" in f.what] == ["error"]
    with pytest.raises(ConfigError):
        store.get(SESSIONS, "s1")


def test_a_check_says_what_could_be_better(records_url: str) -> None:
    store = dataops_record_store(url=records_url, tables=(SESSIONS,))
    assert [f.level for f in store.check()] == ["ok", "ok", "error"]
    store.prepare()
    name = prefix_of(records_url) + "sessions"
    findings = {finding.what: finding for finding in store.check()}
    backups = findings[f"table {name} cannot be restored to a point in time"]
    assert backups.level == "warn"
    assert backups.hint.startswith(f"aws dynamodb update-continuous-backups --table-name {name} ")
    assert f"table {name} may be read and written" in findings
    assert f"table {name} is active, paid by request, encrypted with a key of AWS" in findings
    assert "this machine's clock agrees with that of AWS" in findings
    boto3.client("dynamodb").update_continuous_backups(
        TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    assert {finding.level for finding in store.check()} == {"ok"}


def test_a_check_writes_nothing(proxy: Proxy, records_url: str) -> None:
    store = dataops_record_store(url=records_url, tables=TABLES)
    store.prepare()
    store.check()
    assert all(store.scan(table).items == [] for table in TABLES)


@pytest.mark.parametrize(("operation", "named"), [("PutItem", "PutItem"), ("Query", "Query"), ("Scan", "Scan")])
def test_a_check_names_a_missing_permission(proxy: Proxy, records_url: str, operation: str, named: str) -> None:
    store = dataops_record_store(url=records_url, tables=(SESSIONS,))
    store.prepare()
    proxy.decide = lambda request: "denied" if request.operation == operation else None
    (finding,) = [f for f in store.check() if f.level == "error"]
    assert f"AWS does not permit {named} on" in finding.what
    assert "policy" in finding.hint


def test_a_check_compares_clocks(proxy: Proxy, records_url: str) -> None:
    store = dataops_record_store(url=records_url, tables=(SESSIONS,))
    store.prepare()
    proxy.date = "Thu, 01 Jan 2026 00:00:00 GMT"
    (finding,) = [f for f in store.check() if "clock" in f.what]
    assert finding.level == "error"
    assert "ahead of that of AWS" in finding.what
