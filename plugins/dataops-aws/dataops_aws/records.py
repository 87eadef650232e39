"""The record store on DynamoDB.

Reads by key and range are strongly consistent. A query asks the index for keys and then reads the records themselves:
so an index need hold nothing but keys, which costs no writes when a record changes, and each record is the newest.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from dataops_aws.addresses import DYNAMODB_TIMEOUT, table_name
from dataops_aws.by_key import key_of_item, read_by_key
from dataops_aws.commits import commit
from dataops_aws.cursors import cursor_of, position_of
from dataops_aws.failures import code_of, explained
from dataops_aws.items import Item, decode, key_item
from dataops_aws.service import Service
from dataops_aws.tables import missing_indexes, prepare
from dataops_core.contracts.records import (
    Finding,
    Key,
    Page,
    Stored,
    Table,
    Write,
    check_key,
    expired,
    index_entry,
)
from dataops_core.errors import ConfigError, InvalidValue

#: No key has more bytes, so a bound that is longer can be cut here.
_BOUND_BYTES: Final = 1_000


class DynamoRecords:
    """Records in DynamoDB. Safe to use from many threads, and again after a fork or `close`.

    Args:
        region: where the tables are.
        prefix: what stands before their names instead of `dataops_`.
        tables: every table that will be used.
        timeout: seconds to wait for an answer.
        clock: decides expiry; seconds since 1970, UTC.
    """

    capabilities: frozenset[str] = frozenset()

    def __init__(
        self,
        region: str,
        prefix: str,
        tables: Sequence[Table],
        *,
        timeout: float = DYNAMODB_TIMEOUT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.service = Service("dynamodb", region, f"DynamoDB in {region}", timeout)
        self.tables = {table.name: table for table in tables}
        self.names = {table.name: table_name(prefix, table.name) for table in tables}
        self._clock = clock

    def now(self) -> float:
        """Returns the clock that decides expiry, in seconds since 1970, UTC."""
        return self._clock()

    def close(self) -> None:
        """Releases connections; safe to call twice."""
        self.service.close()

    # Reading

    def get(self, table: Table, partition: str, sort: str | None = None) -> Stored | None:
        """Returns the newest version of one record, or None when it is absent or expired."""
        check_key(table, partition, sort)
        name = self._name(table)
        answer = self.service.call(
            "get_item", name, TableName=name, Key=key_item(table, partition, sort), ConsistentRead=True
        )
        return self._alive(table, answer.get("Item"))

    def get_many(self, table: Table, keys: Sequence[Key]) -> list[Stored | None]:
        """Returns what `get` would return for each key, in order."""
        for partition, sort in keys:
            check_key(table, partition, sort)
        items = read_by_key(self.service, {self._name(table): (table, list(dict.fromkeys(keys)))})
        found = {key_of_item(table, item): self._alive(table, item) for _, item in items}
        # A record that was asked for twice is handed out twice, and each may be changed.
        seen: set[Key] = set()
        out: list[Stored | None] = []
        for key in keys:
            stored = found.get(key)
            if stored is not None and key in seen:
                stored = Stored(json.loads(json.dumps(stored.record)), stored.token)
            seen.add(key)
            out.append(stored)
        return out

    def range(
        self,
        table: Table,
        partition: str,
        lo: str | None = None,
        hi: str | None = None,
        *,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Stored]:
        """Returns the records of a partition whose sort key is in `[lo, hi]`, in sort order, expired ones left out."""
        check_key(table, partition, "x")
        lo = _bound(lo) if lo else None
        if hi == "" or (lo is not None and hi is not None and lo > hi) or (limit is not None and limit < 1):
            return []
        hi = None if hi is None else _bound(hi)
        text, values = "#partition = :partition", {":partition": {"S": partition}}
        if lo is not None and hi is not None:
            text += " AND #sort BETWEEN :lo AND :hi"
        elif lo is not None or hi is not None:
            text += " AND #sort >= :lo" if lo is not None else " AND #sort <= :hi"
        values |= {name: {"S": bound} for name, bound in ((":lo", lo), (":hi", hi)) if bound is not None}
        names = {"#partition": table.partition} | ({"#sort": str(table.sort)} if "#sort" in text else {})
        query = {
            "KeyConditionExpression": text, "ExpressionAttributeNames": names, "ExpressionAttributeValues": values,
            "ConsistentRead": True, "ScanIndexForward": not newest_first,
        }  # fmt: skip
        found: list[Stored] = []
        position: Item | None = None
        while True:
            missing = {} if limit is None else {"Limit": limit - len(found)}
            items, position = self._listed("query", table, query | missing, position)
            found += [stored for stored in (self._alive(table, item) for item in items) if stored is not None]
            if position is None or (limit is not None and len(found) >= limit):
                return found

    def query(
        self,
        table: Table,
        index: str,
        value: str,
        *,
        newest_first: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Lists the records whose index partition equals `value`, by the index's sort field. May lag behind commits."""
        declared = table.index(index)
        size = _page_size(limit)
        if not value or len(value.encode()) > _BOUND_BYTES:
            return Page([])
        fields = dict.fromkeys([declared.sort, table.partition, *([table.sort] if table.sort else [])])
        position = None
        if cursor is not None:
            position = {declared.partition: {"S": value}, **position_of(cursor, list(fields))}
        aliases = {f"#f{number}": name for number, name in enumerate(dict.fromkeys([declared.partition, *fields]))}
        query = {
            "IndexName": index, "KeyConditionExpression": "#f0 = :value", "ScanIndexForward": not newest_first,
            "ExpressionAttributeNames": aliases, "ExpressionAttributeValues": {":value": {"S": value}},
            "ProjectionExpression": ",".join(aliases), "Limit": size,
        }  # fmt: skip
        while True:
            entries, position = self._listed("query", table, query, position)
            records = self.get_many(table, [key_of_item(table, entry) for entry in entries])
            found = [
                stored
                for entry, stored in zip(entries, records, strict=True)
                # The index may tell of a version that is gone; only a match counts.
                if stored is not None and index_entry(declared, stored.record) == (value, entry[declared.sort]["S"])
            ]
            if found or position is None:
                return Page(found, None if position is None else cursor_of(position, list(fields)))

    def scan(self, table: Table, *, limit: int = 100, cursor: str | None = None) -> Page:
        """Enumerates a whole table in no promised order; for operators (copy, cleanup, gc)."""
        fields = [table.partition, *([table.sort] if table.sort else [])]
        position = None if cursor is None else position_of(cursor, fields)
        while True:
            items, position = self._listed(
                "scan", table, {"ConsistentRead": True, "Limit": _page_size(limit)}, position
            )
            found = [stored for stored in (self._alive(table, item) for item in items) if stored is not None]
            if found or position is None:
                return Page(found, None if position is None else cursor_of(position, fields))

    # Writing

    def commit(self, writes: Sequence[Write]) -> list[str]:
        """Applies all writes or none; see the contract.

        One write is one conditional request, several are one transaction.
        """
        for write in writes:
            self._name(write.table)
        return commit(self.service, writes, self._clock(), self.names)

    # Care

    def prepare(self) -> list[str]:
        """Creates the tables and indexes that are missing and switches TTL on; says what it did, a line each."""
        return prepare(self.service, {self.names[name]: table for name, table in self.tables.items()})

    def check(self) -> list[Finding]:
        """Says what is wrong with the tables, their indexes, permissions and backups, and what is right."""
        from dataops_aws.tables_check import examine

        return examine(self.service, {self.names[name]: table for name, table in self.tables.items()})

    # Within

    def _name(self, table: Table) -> str:
        declared = self.tables.get(table.name)
        if declared is None or (declared is not table and declared != table):
            raise InvalidValue(f"table {table.name!r} was not declared like this when the store was opened")
        return self.names[table.name]

    def _alive(self, table: Table, item: Item | None) -> Stored | None:
        if item is None:
            return None
        stored = decode(table, item)
        return None if expired(stored.record, self._clock()) else stored

    def _listed(
        self, operation: str, table: Table, arguments: dict[str, Any], position: Item | None
    ) -> tuple[list[Item], Item | None]:
        """Returns the items of one page and the position behind it."""
        name = self._name(table)
        start = {} if position is None else {"ExclusiveStartKey": position}
        expected = ("ValidationException", "ResourceNotFoundException")
        try:
            answer = self.service.call(operation, name, *expected, TableName=name, **arguments, **start)
        except ClientError as error:
            index = arguments.get("IndexName")
            if index is not None and index in missing_indexes(self.service, name, table):
                raise ConfigError(
                    f"table {name} has no index {index}", hint="dataops storage init creates it"
                ) from error
            if position is not None and code_of(error) == "ValidationException":
                raise InvalidValue("that is not a cursor of this listing", hint="begin the listing anew") from error
            raise explained(error, operation, name, self.service.place) from error
        return answer.get("Items", []), answer.get("LastEvaluatedKey")


def _bound(text: str) -> str:
    return text.encode()[:_BOUND_BYTES].decode(errors="ignore")


def _page_size(limit: int) -> int:
    if limit < 1:
        raise InvalidValue(f"a page holds at least one record, not {limit}")
    return limit
