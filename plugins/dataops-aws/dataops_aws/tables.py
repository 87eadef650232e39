"""The tables in DynamoDB: made as they are declared, paid by request, with indexes that hold keys and with TTL."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from dataops_aws.items import TTL
from dataops_aws.pauses import pauses
from dataops_aws.service import Service
from dataops_core.contracts.records import Index, Table
from dataops_core.errors import ConfigError, Unreachable

_WAITS = 400  # pauses of up to two seconds: an index of a large table takes its time


def prepare(service: Service, tables: Mapping[str, Table]) -> list[str]:
    """Creates what is missing; says what it did, a line each.

    Args:
        service: DynamoDB.
        tables: the declared tables by their names in DynamoDB.

    Raises:
        ConfigError: a table is there with other keys, or something is not permitted.
        Unreachable: DynamoDB does not answer, or does not finish.
    """
    lines: list[str] = []
    for name, table in tables.items():  # all of them first: DynamoDB makes them side by side
        found = described(service, name)
        if found is None:
            _create(service, name, table)
            lines.append(f"created table {name}" + _with(table))
        else:
            require_keys(found, name, table)
    for name, table in tables.items():
        found = _active(service, name)
        for index in lacking(found, table):
            _add_index(service, name, index, found)
            found = _active(service, name)
            lines.append(f"created index {index.name} of table {name}")
        if time_to_live(service, name) is None:
            _switch_on_ttl(service, name)
            lines.append(f"switched on TTL of table {name} by its attribute {TTL}")
    return lines


def described(service: Service, name: str) -> dict[str, Any] | None:
    """Returns what DynamoDB says of a table, or None when there is none."""
    try:
        answer: dict[str, Any] = service.call("describe_table", name, "ResourceNotFoundException", TableName=name)
    except ClientError:
        return None
    table: dict[str, Any] = answer["Table"]
    return table


def require_keys(found: Mapping[str, Any], name: str, table: Table) -> None:
    """Raises ConfigError when a table's keys are not the declared ones."""
    types = {d["AttributeName"]: d["AttributeType"] for d in found["AttributeDefinitions"]}
    keys = [(k["AttributeName"], k["KeyType"], types[k["AttributeName"]]) for k in found["KeySchema"]]
    wanted = [(table.partition, "HASH", "S")] + ([(table.sort, "RANGE", "S")] if table.sort else [])
    if sorted(keys) != sorted(wanted):
        told = " and ".join(f"{key} ({kind}, {type_})" for key, kind, type_ in keys)
        raise ConfigError(
            f"table {name} has the keys {told}, not {' and '.join(key for key, *_ in wanted)} (S)",
            hint="choose another prefix in the URL, or move that table away",
        )


def lacking(found: Mapping[str, Any], table: Table) -> list[Index]:
    """Returns the declared indexes that a table does not have."""
    there = {index["IndexName"] for index in found.get("GlobalSecondaryIndexes", [])}
    return [index for index in table.indexes if index.name not in there]


def missing_indexes(service: Service, name: str, table: Table) -> list[str]:
    """Returns the names of the declared indexes that a table does not have; none when there is no table."""
    found = described(service, name)
    return [] if found is None else [index.name for index in lacking(found, table)]


def time_to_live(service: Service, name: str) -> str | None:
    """Returns the attribute by which DynamoDB removes expired items of a table, or None when that is off."""
    said = service.call("describe_time_to_live", name, TableName=name)["TimeToLiveDescription"]
    return str(said.get("AttributeName")) if said["TimeToLiveStatus"] in ("ENABLED", "ENABLING") else None


def _create(service: Service, name: str, table: Table) -> None:
    key = _key_schema(table.partition, table.sort)
    fields = {k["AttributeName"] for k in key} | {f for i in table.indexes for f in (i.partition, i.sort)}
    request: dict[str, Any] = {
        "TableName": name,
        "KeySchema": key,
        "AttributeDefinitions": [{"AttributeName": field, "AttributeType": "S"} for field in sorted(fields)],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if table.indexes:
        request["GlobalSecondaryIndexes"] = [_index(index) for index in table.indexes]
    try:
        service.call("create_table", name, "ResourceInUseException", **request)
    except ClientError:
        return  # somebody else creates it at this moment


def _add_index(service: Service, name: str, index: Index, found: Mapping[str, Any]) -> None:
    create = _index(index)
    types = {d["AttributeName"]: d["AttributeType"] for d in found["AttributeDefinitions"]}
    types |= {index.partition: "S", index.sort: "S"}
    if found.get("BillingModeSummary", {}).get("BillingMode") != "PAY_PER_REQUEST":
        paid = found.get("ProvisionedThroughput", {})
        capacity = {unit: paid.get(unit) for unit in ("ReadCapacityUnits", "WriteCapacityUnits") if paid.get(unit)}
        create |= {"ProvisionedThroughput": capacity} if capacity else {}
    for pause in pauses(_WAITS):
        try:
            service.call(
                "update_table",
                name,
                "LimitExceededException",  # one index at a time
                "ResourceInUseException",
                TableName=name,
                AttributeDefinitions=[
                    {"AttributeName": field, "AttributeType": type_} for field, type_ in types.items()
                ],
                GlobalSecondaryIndexUpdates=[{"Create": create}],
            )
            return
        except ClientError:
            time.sleep(pause)
            if index not in lacking(_active(service, name), Table(name, "", indexes=(index,))):
                return  # somebody else was faster
    raise Unreachable(f"index {index.name} of table {name} could not be created", hint="run dataops storage init again")


def _switch_on_ttl(service: Service, name: str) -> None:
    specification = {"Enabled": True, "AttributeName": TTL}
    try:
        service.call(
            "update_time_to_live", name, "ValidationException", TableName=name, TimeToLiveSpecification=specification
        )
    except ClientError:
        if time_to_live(service, name) is None:
            raise ConfigError(
                f"TTL of table {name} cannot be switched on now", hint="AWS allows it once an hour: try again later"
            ) from None


def _active(service: Service, name: str) -> dict[str, Any]:
    """Waits until a table and its indexes can be used, and returns what DynamoDB says of it."""
    for pause in pauses(_WAITS):
        found = described(service, name)
        indexes = (found or {}).get("GlobalSecondaryIndexes", [])
        if found is not None and {found["TableStatus"], *(i["IndexStatus"] for i in indexes)} == {"ACTIVE"}:
            return found
        time.sleep(pause)
    raise Unreachable(
        f"table {name} does not become active", hint="look at it in the console, then run dataops storage init again"
    )


def _index(index: Index) -> dict[str, Any]:
    return {
        "IndexName": index.name,
        "KeySchema": _key_schema(index.partition, index.sort),
        # Records are read by their keys; so an index is not written when another field of a record changes.
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }


def _key_schema(partition: str, sort: str | None) -> list[dict[str, str]]:
    keys = [{"AttributeName": partition, "KeyType": "HASH"}]
    return keys if sort is None else [*keys, {"AttributeName": sort, "KeyType": "RANGE"}]


def _with(table: Table) -> str:
    names = ", ".join(index.name for index in table.indexes)
    return f" with {'indexes' if len(table.indexes) > 1 else 'index'} {names}" if names else ""
