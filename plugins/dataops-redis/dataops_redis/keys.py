"""What things are called in Redis, and how a record is written down.

All keys of a scope bear `{scope}`, the hash tag that keeps them on one slot. A record is a string: its token, its index
entries as JSON, and its own JSON, with a NUL after the first two. The list of a partition is a sorted set of its sort
keys; an index is a sorted set of entries for each value. Every score is 0, so the order is that of bytes.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple
from urllib.parse import quote

from dataops_core.contracts.records import Key, Stored, Table, scope_of
from dataops_core.errors import CorruptData

#: Hexadecimal digits of an entry's id that tell when it was written, in microseconds since 1970.
TIME_DIGITS: Final = 14


class Entry(NamedTuple):
    """An entry of an index: the record's sort value there and its key, and the entry's own id."""

    sort: str
    key: Key
    id: str


class Names:
    """The names of keys, all of which begin with a prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def record(self, table: Table, partition: str, sort: str | None) -> bytes:
        """Returns the key of a record."""
        return self.before(table, partition) + (sort or "").encode()

    def before(self, table: Table, partition: str) -> bytes:
        """Returns what the keys of a partition's records begin with."""
        # Its length keeps a partition apart from the sort key, whatever they hold.
        return f"{self._tagged(partition)}:{table.name}:r:{len(partition)}:{partition}:".encode()

    def listed(self, table: Table, partition: str) -> bytes:
        """Returns the key of a partition's list."""
        return f"{self._tagged(partition)}:{table.name}:l:{partition}".encode()

    def index(self, table: Table, index: str, value: str) -> bytes:
        """Returns the key of an index's entries for a value."""
        return f"{self.prefix}:i:{table.name}:{index}:{value}".encode()

    def records_of(self, table: Table) -> str:
        """Returns a pattern that the keys of a table's records match, and perhaps others."""
        return f"{self.prefix}:{{*}}:{table.name}:r:*"

    def lists_of(self, table: Table) -> str:
        """Returns a pattern that the lists of a table match, and perhaps others."""
        return f"{self.prefix}:{{*}}:{table.name}:l:*"

    def indexes_of(self, table: Table, index: str) -> str:
        """Returns a pattern that the keys of an index match, and no others."""
        return f"{self.prefix}:i:{table.name}:{index}:*"

    def key_in(self, table: Table, name: bytes) -> Key | None:
        """Returns the key of the record that a name is for, or None when it is for none of this table."""
        rest = self._own(table, "r", name)
        digits, _, text = (rest or "").partition(":")
        if rest is None or not digits.isdigit():
            return None
        partition, sort = text[: int(digits)], text[int(digits) + 1 :]
        return (partition, sort if table.sort else None) if self.record(table, partition, sort) == name else None

    def partition_in(self, table: Table, name: bytes) -> str | None:
        """Returns the partition that a list is for, or None when it is for none of this table."""
        return self._own(table, "l", name)

    def _own(self, table: Table, kind: str, name: bytes) -> str | None:
        # A scope is written without braces, so the first that closes is the tag's.
        _tag, _, rest = name.decode(errors="replace").partition("}:")
        head = f"{table.name}:{kind}:"
        return rest.removeprefix(head) if rest.startswith(head) else None

    def _tagged(self, partition: str) -> str:
        # An empty tag would be none.
        return f"{self.prefix}:{{{quote(scope_of(partition), safe='') or '-'}}}"


def entry_name(sort: str, key: Key) -> bytes:
    """Returns what an entry's name begins with; its id follows."""
    return "\0".join((sort, key[0], key[1] or "", "")).encode()


def entry_of(table: Table, name: bytes) -> Entry:
    """Returns the entry that a name of an index stands for."""
    sort, partition, own, id_ = name.decode().split("\0")
    return Entry(sort, (partition, own if table.sort else None), id_)


def unpacked(value: bytes, place: str) -> tuple[Stored, list[list[str]]]:
    """Returns a record as stored, and its index entries as [index, value, sort, id].

    Raises:
        CorruptData: something else was written under the record's key.
    """
    try:
        token, entries, body = value.split(b"\0", 2)
        return Stored(json.loads(body), token.decode()), json.loads(entries) if entries else []
    except ValueError as error:
        raise CorruptData(f"a record in {place} is damaged: {error}", hint="restore a backup") from None
