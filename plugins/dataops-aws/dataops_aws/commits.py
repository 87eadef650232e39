"""A commit: one write is one conditional request, several are one transaction.

Whether a commit was applied before is told by the tokens of its records, whoever sends it again: boto3 after an answer
that got lost, or the caller. A transaction also bears boto3's own token for that, which DynamoDB knows for ten minutes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from dataops_aws.by_key import key_of_item, read_by_key
from dataops_aws.conditions import requests
from dataops_aws.failures import code_of, explained
from dataops_aws.items import TOKEN
from dataops_aws.pauses import pauses
from dataops_aws.service import Service
from dataops_core.contracts.records import Key, Put, Table, Write, encode_writes, key_of
from dataops_core.errors import Conflict, Unreachable

_BY_ONE: Final = {"Put": "put_item", "Delete": "delete_item"}
_REFUSED: Final = "ConditionalCheckFailedException"
#: Somebody else's transaction holds one of the records at this moment.
_CONTENDED: Final = ("TransactionConflictException", "TransactionInProgressException")
_RETRIED_REASONS: Final = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_AGAIN: Final = -1


def commit(service: Service, writes: Sequence[Write], now: float, names: Mapping[str, str]) -> list[str]:
    """Applies all writes or none; see the contract.

    Args:
        service: DynamoDB.
        writes: of one scope.
        now: decides what has expired; seconds since 1970, UTC.
        names: what the declared tables are called in DynamoDB.
    """
    asked = requests(writes, encode_writes(writes), now, names)
    tokens = [write.token for write in writes if isinstance(write, Put)]
    for pause in pauses():
        refused = _sent(service, asked)
        if refused is None:
            return tokens
        if refused != _AGAIN:
            if _applied_before(service, writes, names):
                return tokens
            write = writes[refused]
            raise Conflict(
                f"{write.table.name} {'/'.join(filter(None, key_of(write)))} is not as this commit expects it",
                index=refused,
                hint="read it again, then decide",
            )
        time.sleep(pause)
    raise Unreachable(
        f"{service.place} is too busy: other transactions hold these records", hint="try again; nothing was written"
    )


def _sent(service: Service, asked: Mapping[int, tuple[str, dict[str, Any]]]) -> int | None:
    """Sends a commit; returns None when it was applied, the position that was refused, or `_AGAIN`."""
    if not asked:
        return None
    ((position, (action, request)), *more) = asked.items()
    about = request["TableName"]
    try:
        if not more and action in _BY_ONE:
            service.call(_BY_ONE[action], about, _REFUSED, *_CONTENDED, **request)
        else:
            items = [{action: request} for action, request in asked.values()]
            expected = ("TransactionCanceledException", *_CONTENDED)
            service.call("transact_write_items", about, *expected, TransactItems=items)
    except ClientError as error:
        if code_of(error) == _REFUSED:
            return position
        if code_of(error) in _CONTENDED:
            return _AGAIN
        reasons = [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]
        if "ConditionalCheckFailed" in reasons:
            return list(asked)[reasons.index("ConditionalCheckFailed")]
        if set(reasons) - {"None"} <= _RETRIED_REASONS:
            return _AGAIN
        raise explained(error, "transact_write_items", about, service.place) from error
    return None


def _applied_before(service: Service, writes: Sequence[Write], names: Mapping[str, str]) -> bool:
    """Says whether any record already bears the token that this commit would give it."""
    wanted: dict[str, tuple[Table, list[Key]]] = {}
    tokens: dict[tuple[str, Key], str] = {}
    for write in writes:
        if isinstance(write, Put):
            wanted.setdefault(names[write.table.name], (write.table, []))[1].append(key_of(write))
            tokens[write.table.name, key_of(write)] = write.token
    return any(
        item.get(TOKEN) == {"S": tokens[table.name, key_of_item(table, item)]}
        for table, item in read_by_key(service, wanted, only=TOKEN)
    )
