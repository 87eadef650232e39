"""The writes of a commit as requests to DynamoDB. Every name is aliased, so that no field can be a reserved word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dataops_aws.items import TOKEN, encode, key_item, number
from dataops_core.contracts.records import ABSENT, ANY, EXPIRES_AT, Delete, Put, Table, When, Write, key_of, token_of

Request = dict[str, Any]

_ALIVE: Final = "(attribute_not_exists(#expires) OR #expires > :now)"
_NAMES: Final = {"#token": TOKEN, "#expires": EXPIRES_AT}


def requests(
    writes: Sequence[Write], bodies: Sequence[str | None], now: float, table_names: Mapping[str, str]
) -> dict[int, tuple[str, Request]]:
    """Returns what to ask for each write that asks for something: its position, the action, and its arguments.

    Args:
        writes: the commit.
        bodies: the checked JSON of each Put.
        now: decides what has expired; seconds since 1970, UTC.
        table_names: what the declared tables are called in DynamoDB.

    Returns:
        The action is `Put`, `Delete` or `ConditionCheck`, and the arguments are those of a transaction's item.
    """
    asked: dict[int, tuple[str, Request]] = {}
    for position, (write, body) in enumerate(zip(writes, bodies, strict=True)):
        request: Request = {"TableName": table_names[write.table.name]}
        if isinstance(write, Put) and body is not None:
            action, request["Item"] = "Put", encode(write.table, body, write.token)
        else:
            if write.when is ANY and not isinstance(write, Delete):
                continue  # asks for nothing
            action = "Delete" if isinstance(write, Delete) and write.when is not ABSENT else "ConditionCheck"
            request["Key"] = key_item(write.table, *key_of(write))
        token = write.token if isinstance(write, Put) else None
        asked[position] = action, request | _condition(write.table, write.when, now, token)
    return asked


def _condition(table: Table, when: When, now: float, token: str | None) -> Request:
    """Returns a condition as arguments; a record that bears the new token already never meets it."""
    values: dict[str, dict[str, str]] = {}
    if token is not None:
        values[":new"] = {"S": token}
    if when is ANY:
        if token is None:
            return {}
        text = "attribute_not_exists(#token) OR #token <> :new"
    elif when is ABSENT:
        gone = "#expires <= :now" if token is None else "(#expires <= :now AND #token <> :new)"
        text = f"attribute_not_exists(#key) OR {gone}"
        values[":now"] = {"N": number(now)}
    else:
        version = token_of(when)
        values = {":now": {"N": number(now)}}
        if version:
            text = f"#token = :version AND {_ALIVE}"
            values[":version"] = {"S": version}
        else:  # somebody else wrote the item, without a version
            text = f"attribute_exists(#key) AND attribute_not_exists(#token) AND {_ALIVE}"
    names = {alias: name for alias, name in {**_NAMES, "#key": table.partition}.items() if alias in text}
    return {"ConditionExpression": text, "ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
