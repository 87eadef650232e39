"""Reading many items by their keys, consistently."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from dataops_aws.items import Item, key_item
from dataops_aws.pauses import pauses
from dataops_aws.service import Service
from dataops_core.contracts.records import Key, Table
from dataops_core.errors import Unreachable

_AT_ONCE: Final = 100


def key_of_item(table: Table, item: Item) -> Key:
    """Returns the partition and sort key of an item."""
    return item[table.partition]["S"], item[table.sort]["S"] if table.sort else None


def read_by_key(
    service: Service, wanted: Mapping[str, tuple[Table, list[Key]]], *, only: str | None = None
) -> Iterator[tuple[Table, Item]]:
    """Yields the items that are there, each with its table.

    Args:
        service: DynamoDB.
        wanted: tables and different keys, by the tables' names in DynamoDB.
        only: the attribute to read beside the key; all by default.
    """
    every = [(name, key) for name, (_, keys) in wanted.items() for key in keys]
    for first in range(0, len(every), _AT_ONCE):
        rest: dict[str, Any] = {}
        for name, key in every[first : first + _AT_ONCE]:
            table = wanted[name][0]
            rest.setdefault(name, {"Keys": [], "ConsistentRead": True, **_projection(table, only)})
            rest[name]["Keys"].append(key_item(table, *key))
        for pause in pauses():
            answer = service.call("batch_get_item", ", ".join(rest), RequestItems=rest)
            for name, items in answer["Responses"].items():
                for item in items:
                    yield wanted[name][0], item
            # What is over 16 MB, or throttled, is asked for again.
            before, rest = rest, answer.get("UnprocessedKeys") or {}
            if not rest:
                break
            if rest == before:
                time.sleep(pause)
        else:
            raise Unreachable(f"{', '.join(rest)} is throttled by AWS", hint="try again; raise the table's capacity")


def _projection(table: Table, only: str | None) -> dict[str, Any]:
    if only is None:
        return {}
    fields = [table.partition, *([table.sort] if table.sort else []), only]
    aliases = {f"#f{number}": field for number, field in enumerate(fields)}
    return {"ExpressionAttributeNames": aliases, "ProjectionExpression": ",".join(aliases)}
