"""What is wrong with the tables in DynamoDB, and what is right. Nothing is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from dataops_aws.clock import compared
from dataops_aws.items import TTL, Item, key_item
from dataops_aws.service import Service
from dataops_aws.tables import described, lacking, require_keys, time_to_live
from dataops_core.contracts.records import Finding, Table
from dataops_core.errors import DataOpsError

_INIT = "dataops storage init creates it"
#: A condition that never holds asks for a permission and writes nothing.
_NEVER = {
    "ConditionExpression": "attribute_exists(#key) AND attribute_not_exists(#key)",
}


def examine(service: Service, tables: Mapping[str, Table]) -> list[Finding]:
    """Returns the findings, those about reaching DynamoDB first.

    Args:
        service: DynamoDB.
        tables: the declared tables by their names in DynamoDB.
    """
    asked_at = time.time()
    try:
        answer = service.call("list_tables", "the account", "AccessDeniedException", Limit=1)
        findings = [Finding("ok", f"{service.place} answers"), *compared(answer, asked_at)]
    except ClientError as error:  # the permission is not needed; the answer's date is all the same
        findings = [Finding("ok", f"{service.place} answers"), *compared(error.response, asked_at)]
    except DataOpsError as error:
        return [_told(error)]
    for name, table in tables.items():
        try:
            findings += _of_table(service, name, table)
        except DataOpsError as error:
            findings.append(_told(error))
    return findings


def _of_table(service: Service, name: str, table: Table) -> list[Finding]:
    found = described(service, name)
    if found is None:
        return [Finding("error", f"table {name} does not exist in {service.place}", _INIT)]
    require_keys(found, name, table)
    if found["TableStatus"] not in ("ACTIVE", "UPDATING"):
        return [Finding("error", f"table {name} is {found['TableStatus']}", "wait until it is ACTIVE")]
    billing = found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    paid = "paid by request" if billing == "PAY_PER_REQUEST" else "of provisioned capacity"
    findings = [Finding("ok", f"table {name} is active, {paid}, {_encryption(found)}")]
    findings += _of_indexes(name, table, found)
    findings += _of_permissions(service, name, table)
    for question in (_of_expiry, _of_backups):
        findings += _perhaps(lambda ask=question: ask(service, name))  # type: ignore[misc]
    return findings


def _of_indexes(name: str, table: Table, found: Mapping[str, Any]) -> list[Finding]:
    missing = lacking(found, table)
    findings = [
        Finding("error", f"table {name} has no index {index.name}: what lists by {index.partition} fails", _INIT)
        for index in missing
    ]
    declared = {index.name: index for index in table.indexes}
    for there in found.get("GlobalSecondaryIndexes", []):
        index = declared.get(there["IndexName"])
        if index is None:
            continue
        keys = [key["AttributeName"] for key in sorted(there["KeySchema"], key=lambda key: key["KeyType"])]
        if keys != [index.partition, index.sort]:
            what = f"index {index.name} of table {name} is by {' and '.join(keys)}"
            findings.append(Finding("error", what, f"delete the index; {_INIT} by {index.partition} and {index.sort}"))
        elif there.get("IndexStatus", "ACTIVE") != "ACTIVE":
            findings.append(
                Finding("warn", f"index {index.name} of table {name} is {there['IndexStatus']}", "wait for it")
            )
    return findings


def _of_permissions(service: Service, name: str, table: Table) -> list[Finding]:
    """Asks for each permission that work needs, by requests that find and change nothing."""
    key = key_item(table, "?dataops-check", "?" if table.sort else None)
    never = {**_NEVER, "ExpressionAttributeNames": {"#key": table.partition}}
    condition = {"TableName": name, "Key": key, **never}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("get_item", {"TableName": name, "Key": key, "ConsistentRead": True}),
        ("batch_get_item", {"RequestItems": {name: {"Keys": [key]}}}),
        ("query", _no_rows(name, table.partition)),
        ("scan", {"TableName": name, "Limit": 1}),
        ("put_item", {"TableName": name, "Item": key, **never}),
        ("delete_item", condition),
        ("transact_write_items", {"TransactItems": [{"ConditionCheck": condition}]}),
    ]
    findings = []
    for operation, arguments in asked:
        try:
            service.call(
                operation, name, "ConditionalCheckFailedException", "TransactionCanceledException",
                "TransactionConflictException", **arguments,
            )  # fmt: skip
        except ClientError:
            continue  # permitted, and refused as it must be
        except DataOpsError as error:
            findings.append(_told(error))
    return findings or [Finding("ok", f"table {name} may be read and written")]


def _of_expiry(service: Service, name: str) -> list[Finding]:
    attribute = time_to_live(service, name)
    if attribute == TTL:
        return []
    what = f"TTL of table {name} is off" if attribute is None else f"TTL of table {name} goes by {attribute}"
    hint = f"expired records are invisible, but stay and cost money; {_INIT.replace('creates it', 'switches it on')}"
    return [Finding("warn", what, hint)]


def _of_backups(service: Service, name: str) -> list[Finding]:
    said = service.call("describe_continuous_backups", name, TableName=name)["ContinuousBackupsDescription"]
    if said.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED":
        return []
    command = (
        f"aws dynamodb update-continuous-backups --table-name {name} "
        "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
    )
    return [Finding("warn", f"table {name} cannot be restored to a point in time", command)]


def _perhaps(ask: Callable[[], list[Finding]]) -> list[Finding]:
    """What is not permitted, or not known to an emulator, is not needed for work: it is a warning."""
    try:
        return ask()
    except DataOpsError as error:
        return [Finding("warn", error.message, error.hint)]


def _encryption(found: Mapping[str, Any]) -> str:
    described = found.get("SSEDescription", {})
    if described.get("Status") in ("ENABLED", "ENABLING", "UPDATING"):
        return f"encrypted with the KMS key {described.get('KMSMasterKeyArn', 'of the account')}"
    return "encrypted with a key of AWS"


def _no_rows(name: str, partition: str) -> dict[str, Any]:
    values: Item = {":value": {"S": "?dataops-check"}}
    return {
        "TableName": name, "KeyConditionExpression": "#key = :value", "Limit": 1,
        "ExpressionAttributeNames": {"#key": partition}, "ExpressionAttributeValues": values,
    }  # fmt: skip


def _told(error: DataOpsError) -> Finding:
    return Finding("error", error.message, error.hint)
