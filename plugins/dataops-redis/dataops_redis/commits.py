"""A commit: one script does all of it, or nothing.

Where a record's place in an index is new, the entry is written first, since an index lies on another slot: an entry
without its record is passed over by queries, and a record without its entry would be lost to them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from dataops_core.contracts.records import (
    ABSENT,
    ANY,
    EXPIRES_AT,
    Delete,
    Put,
    Write,
    encode_writes,
    index_entry,
    key_of,
    token_of,
)
from dataops_core.errors import Conflict, Unreachable
from dataops_redis.clock import Clock
from dataops_redis.connection import LOST, Connection
from dataops_redis.keys import TIME_DIGITS, Names, entry_name
from dataops_redis.scripts import script

#: Seconds after which an entry that no record bears may be swept. A commit takes no entry of half that age.
GRACE: Final = 3600.0
#: How often entries are written anew, when each time they are too old by the time of the commit.
_TIMES: Final = 3

_Entries = list[list[str]]


class Commits:
    """Commits to one Redis.

    Args:
        redis: where.
        names: of the keys.
        clock: of the server.
    """

    def __init__(self, redis: Connection, names: Names, clock: Clock) -> None:
        self._redis, self._names, self._clock = redis, names, clock

    def commit(self, writes: Sequence[Write]) -> list[str]:
        """Applies all writes or none; see the contract."""
        bodies = encode_writes(writes)
        tokens = [write.token for write in writes if isinstance(write, Put)]
        entries = [_entries(write) for write in writes]
        # What is not there yet can have no entry that stays.
        fresh = [p for p, write in enumerate(writes) if entries[p] and isinstance(write, Put) and write.when is ABSENT]
        keys = [name for write in writes for name in self._keys(write)]
        for _ in range(_TIMES):
            self._write_entries(writes, entries, fresh)
            answer = script("commit").run(self._redis, keys, _arguments(writes, bodies, entries))
            verdict = answer[0].decode()
            if verdict == "entries":
                fresh = [int(position) for position in answer[1:]]
                self._write_entries(writes, entries, fresh)
                answer = script("commit").run(self._redis, keys, _arguments(writes, bodies, entries))
                verdict = answer[0].decode()
            if verdict == "refused":
                position = int(answer[1])
                write = writes[position]
                raise Conflict(
                    f"{write.table.name} {'/'.join(filter(None, key_of(write)))} is not as this commit expects it",
                    index=position,
                    hint="read it again, then decide",
                )
            if verdict in ("done", "applied"):
                self._leave(writes, answer[1:])
                return tokens
            self._clock.forget()
            fresh = [position for position, own in enumerate(entries) if own]
        raise Unreachable("the commit was delayed for too long", hint="try again; nothing was written")

    def _keys(self, write: Write) -> tuple[bytes, bytes]:
        partition, sort = key_of(write)
        record = self._names.record(write.table, partition, sort)
        return record, record if sort is None else self._names.listed(write.table, partition)

    def _write_entries(self, writes: Sequence[Write], entries: list[_Entries], positions: Sequence[int]) -> None:
        """Writes the entries of some writes, each with an id of its own, in one go."""
        if not positions:
            return
        now = int(self._clock.now() * 1e6)
        places: list[tuple[bytes, bytes]] = []
        for position in positions:
            write = writes[position]
            for entry in entries[position]:
                entry[3] = f"{now:0{TIME_DIGITS}x}{secrets.token_hex(8)}"
                name = entry_name(entry[2], key_of(write)) + entry[3].encode()
                places.append((self._names.index(write.table, entry[0], entry[1]), name))

        def add(client: Any) -> None:
            with client.pipeline(transaction=False) as pipeline:
                for key, name in places:
                    pipeline.zadd(key, {name: 0})
                pipeline.execute()

        self._redis.ask(add)

    def _leave(self, writes: Sequence[Write], gone: Sequence[bytes]) -> None:
        """Takes the entries away that no record bears any more: nobody can come to bear one again.

        What is not taken away now is passed over by queries, and swept.
        """
        if not gone:
            return
        places: list[tuple[bytes, bytes]] = []
        for at in range(0, len(gone), 5):
            index, value, sort, id_, position = (part.decode() for part in gone[at : at + 5])
            write = writes[int(position)]
            name = entry_name(sort, key_of(write)) + id_.encode()
            places.append((self._names.index(write.table, index, value), name))
        with suppress(*LOST), self._redis.client.pipeline(transaction=False) as pipeline:
            for key, name in places:
                pipeline.zrem(key, name)
            pipeline.execute(raise_on_error=False)


def _entries(write: Write) -> _Entries:
    """Returns the entries that a write wants, as [index, value, sort, no id yet]."""
    if not isinstance(write, Put):
        return []
    wanted = ((index.name, index_entry(index, write.record)) for index in write.table.indexes)
    return [[name, *entry, ""] for name, entry in wanted if entry is not None]


def _arguments(writes: Sequence[Write], bodies: Sequence[str | None], entries: Sequence[_Entries]) -> list[Any]:
    made: list[Any] = []
    for write, body, own in zip(writes, bodies, entries, strict=True):
        when = write.when
        condition = "any" if when is ANY else "absent" if when is ABSENT else "token"
        made += [
            "put" if isinstance(write, Put) else "delete" if isinstance(write, Delete) else "check",
            condition,
            token_of(when) if condition == "token" else "",  # type: ignore[arg-type]
            (key_of(write)[1] or "").encode(),
            write.token if isinstance(write, Put) else "",
            _dropped(write),
            json.dumps(own, ensure_ascii=False) if own else "",
            (body or "").encode(),
        ]
    return [*made, int(GRACE / 2 * 1e6)]


def _dropped(write: Write) -> int | str:
    """Returns when Redis drops a record, in its milliseconds: it is gone when that one is over."""
    at = write.record.get(EXPIRES_AT) if isinstance(write, Put) else None
    return "" if at is None else max(int(at * 1000) - 1, 1)
