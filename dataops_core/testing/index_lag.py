"""Indexes that lag, over a store of which they do not: for tests of what is built upon record stores.

lag = IndexLag(seconds=0.2)
sessions = SessionManager(records=lag.over(store))
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from dataops_core.contracts.records import (
    Delete,
    Page,
    Put,
    RecordStore,
    Stored,
    Table,
    Write,
    expired,
    index_entry,
    key_of,
)
from dataops_core.errors import InvalidValue

_Key = tuple[str, str, str]


class IndexLag:
    """What indexes show, some time after it was committed: old contents, and records that are not there any more.

    Args:
        seconds: how long after a commit the indexes show it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.lock = threading.RLock()
        self._coming: deque[tuple[float, _Key, Stored | None]] = deque()
        self._shown: dict[_Key, Stored] = {}
        self._tokens: set[str] = set()

    def over(self, store: RecordStore) -> Any:
        """Returns the store with indexes that lag.

        They show what was committed, in this process, through any store that this returned.
        """
        return _Lagging(store, self)

    def committed(self, writes: Sequence[Write]) -> None:
        """Takes note of a commit that was applied, or applied before."""
        tokens = {write.token for write in writes if isinstance(write, Put)}
        if tokens & self._tokens:
            return
        self._tokens |= tokens
        at = time.monotonic() + self.seconds
        for write in writes:
            partition, sort = key_of(write)
            key = (write.table.name, partition, sort or "")
            if isinstance(write, Put):
                self._coming.append((at, key, _copied(Stored(write.record, write.token))))
            elif isinstance(write, Delete):
                self._coming.append((at, key, None))

    def shown(self, table: Table, now: float) -> list[tuple[_Key, Stored]]:
        """Returns the records of a table that the indexes know of, as they know them."""
        with self.lock:
            while self._coming and self._coming[0][0] <= time.monotonic():
                _, key, stored = self._coming.popleft()
                if stored is None:
                    self._shown.pop(key, None)
                else:
                    self._shown[key] = stored
            found = [(key, stored) for key, stored in self._shown.items() if key[0] == table.name]
        return [(key, _copied(stored)) for key, stored in found if not expired(stored.record, now)]


def _copied(stored: Stored) -> Stored:
    return Stored(json.loads(json.dumps(stored.record)), stored.token)


class _Lagging:
    def __init__(self, store: RecordStore, lag: IndexLag) -> None:
        self._store, self._lag = store, lag
        self.capabilities = frozenset(store.capabilities) - {"consistent_query"}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, writes: Sequence[Write]) -> list[str]:
        with self._lag.lock:  # what the indexes show follows the order of the commits
            tokens = self._store.commit(writes)
            self._lag.committed(writes)
        return tokens

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
        declared = table.index(index)
        try:
            last = None if cursor is None else tuple(map(str, json.loads(cursor)))
        except (ValueError, TypeError):
            raise InvalidValue("this is no cursor of this store") from None
        rows = []
        for key, stored in self._lag.shown(table, self._store.now()):
            entry = index_entry(declared, stored.record)
            place = () if entry is None else (entry[1], *key)
            after = last is None or (place < last if newest_first else place > last)
            if entry is not None and entry[0] == value and after:
                rows.append((place, stored))
        rows.sort(key=lambda row: row[0], reverse=newest_first)
        more = json.dumps(rows[limit - 1][0]) if len(rows) > limit else None
        return Page([stored for _, stored in rows[:limit]], more)
