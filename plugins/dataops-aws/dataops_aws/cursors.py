"""Where a listing goes on: the position behind its last item, as a text that callers keep."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from dataops_aws.items import Item
from dataops_core.errors import InvalidValue

#: No value of a key or an index has more.
_VALUE_BYTES: Final = 1_000


def cursor_of(position: Item, fields: list[str]) -> str:
    """Returns a text that names a position by the values of these fields."""
    values = [position[field]["S"] for field in fields]
    return urlsafe_b64encode(json.dumps(values).encode()).decode()


def position_of(cursor: str, fields: list[str]) -> Item:
    """Returns the position that a cursor names; a cursor is as hostile as any input."""
    try:
        values = json.loads(urlsafe_b64decode(cursor.encode("ascii")))
    except ValueError:
        values = None
    if (
        not isinstance(values, list)
        or len(values) != len(fields)
        or not all(
            isinstance(value, str) and 0 < len(value.encode(errors="replace")) <= _VALUE_BYTES for value in values
        )
    ):
        raise InvalidValue(f"{cursor!r:.60} is not a cursor of this listing", hint="begin the listing anew")
    return {field: {"S": value} for field, value in zip(fields, values, strict=True)}
