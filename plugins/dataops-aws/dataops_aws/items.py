"""Records as items of DynamoDB: readable in the console, and exactly what was written when they come back.

A field is an attribute of its name: text is `S`, true and false `BOOL`, null `NULL`, numbers `N` where DynamoDB keeps
them exactly, lists and objects their JSON as `S`. Text that could be taken for JSON, or is empty, is written as a JSON
string. What no attribute can hold (whole floats, huge numbers, odd names, values that an index would refuse) is one
JSON object in `_more`. `_token` is the version. `ttl` is `expires_at` in whole seconds: by it DynamoDB removes what has
expired.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from dataops_core.contracts.records import EXPIRES_AT, Record, Stored, Table, index_entry
from dataops_core.errors import CorruptData

Item = dict[str, dict[str, Any]]

TOKEN: Final = "_token"  # noqa: S105 - a version
MORE: Final = "_more"
TTL: Final = "ttl"
_OWN: Final = (TOKEN, MORE, TTL)
#: With these JSON begins, and text that looks like it is quoted.
_JSON: Final = ("[", "{", '"')
#: DynamoDB keeps 38 digits and exponents from -130 to 125.
_INTEGERS: Final = 10**38
_FLOATS: Final = (1e-100, 1e38)
#: Attribute names may have 64 kB; longer ones than this are nobody's column.
_NAME_LENGTH: Final = 255


def key_item(table: Table, partition: str, sort: str | None) -> Item:
    """Returns the key of a record."""
    key: Item = {table.partition: {"S": partition}}
    if table.sort is not None:
        key[table.sort] = {"S": sort}
    return key


def encode(table: Table, body: str, token: str) -> Item:
    """Returns a record, given as the JSON that was checked, as an item with its version."""
    record: Record = json.loads(body)
    keys = _key_fields(table)
    plain = keys | {
        name
        for index in table.indexes
        if index_entry(index, record) is not None
        for name in (index.partition, index.sort)
    }
    # An attribute by which an index is ordered must be text of a certain length, also where the other one is missing.
    hidden = _index_fields(table) - plain
    item: Item = {TOKEN: {"S": token}}
    more: Record = {}
    for name, value in record.items():
        typed = None
        if name in plain:
            typed = {"S": value}
        elif name not in hidden and name not in _OWN and 0 < len(name) <= _NAME_LENGTH:
            # Conditions ask whether a record expires by asking for the attribute.
            typed = None if name == EXPIRES_AT and value is None else _typed(value)
        if typed is None:
            more[name] = value
        else:
            item[name] = typed
    at = record.get(EXPIRES_AT)
    if at is not None:
        item[EXPIRES_AT] = {"N": number(at)}
        item[TTL] = {"N": str(math.ceil(at))}
    if more:
        item[MORE] = {"S": _text(more)}
    return item


def decode(table: Table, item: Mapping[str, Mapping[str, Any]]) -> Stored:
    """Returns an item as the record that was written; one that somebody else wrote has the version "".

    Raises:
        CorruptData: an attribute is nothing that we write.
    """
    verbatim = _key_fields(table) | _index_fields(table)
    record: Record = {}
    try:
        for name, typed in item.items():
            if name in (TOKEN, MORE) or (name == TTL and EXPIRES_AT in item):
                continue
            record[name] = typed["S"] if name in verbatim else _value(typed)
        if MORE in item:
            record |= json.loads(item[MORE]["S"])
        return Stored(record, item[TOKEN]["S"] if TOKEN in item else "")
    except (KeyError, TypeError, ValueError) as error:
        key = "/".join(str(*item.get(name, {"": "?"}).values()) for name in (table.partition, table.sort) if name)
        raise CorruptData(
            f"item {key!r:.120} of {table.name} is nothing that DataOps wrote: {error!r:.80}",
            hint="correct the item in the console, or restore the table to a point in time",
        ) from error


def number(value: float) -> str:
    """Returns a time in seconds as DynamoDB's number; what is too small for one is 1970 itself."""
    return "0" if abs(value) <= _FLOATS[0] else repr(value)


def _typed(value: Any) -> dict[str, Any] | None:
    """Returns a value as an attribute, or None when none can hold it exactly."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": _text(value) if not value or value.startswith(_JSON) else value}
    if isinstance(value, int):
        return {"N": str(value)} if abs(value) < _INTEGERS else None
    if isinstance(value, float):
        # A whole float would come back as an integer.
        low, high = _FLOATS
        return {"N": repr(value)} if low < abs(value) < high and not value.is_integer() else None
    return {"S": _text(value)}


def _value(typed: Mapping[str, Any]) -> Any:
    ((kind, value),) = typed.items()
    if kind == "S":
        return json.loads(value) if value.startswith(_JSON) else value
    if kind == "N":
        return int(value) if value.lstrip("-").isdigit() else float(value)
    if kind == "BOOL":
        return value
    if kind == "NULL":
        return None
    raise TypeError(f"type {kind}")


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _key_fields(table: Table) -> set[str]:
    return {table.partition} if table.sort is None else {table.partition, table.sort}


def _index_fields(table: Table) -> set[str]:
    return {name for index in table.indexes for name in (index.partition, index.sort)}
