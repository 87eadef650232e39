"""A session in the making: nobody sees it before its last commit, and nothing stays of one that does not get there.

Until then its record is another user's and says `deleting`, which is what `storage gc` does with it after a crash. That
it does so too early is prevented by a row that expires: while gc leaves the session alone that row is there, and every
commit here depends upon it, the last one too. Whoever was away for longer than it lives commits nothing any more.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final

from dataops_core.contracts.records import ABSENT, EXPIRES_AT, Check, Delete, Put, Record, Write, key_of
from dataops_core.deletion import delete
from dataops_core.errors import Conflict, DataOpsError, InvalidValue
from dataops_core.session import new_record
from dataops_core.snapshots.writing import canonical
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.tombstones import live

#: Whose session it is while nobody may see it.
NOBODY: Final = "(loading)"
#: Seconds that the row lives, unless it is renewed.
LEASE: Final = 3600.0
#: Seconds by which clocks may differ: gc leaves the session alone for so much longer.
SKEW: Final = 300.0
GUARD: Final = "loading"
#: Seconds after which the row is renewed, and what was added is committed.
_OFTEN: Final = 60.0
_MOST_WRITES: Final = 46
_MOST_BYTES: Final = 2_500_000


class Staging:
    """Makes a session within a `with`, at whose end it is deleted again unless `finish` was called.

    Args:
        stores: where it is made.
        user_id: whose it will be.
    """

    def __init__(self, stores: Stores, user_id: str) -> None:
        self._stores = stores
        self.record = new_record(user_id, at=schema.iso(stores.records.now()))
        self.session_id: str = self.record["session_id"]
        self._writes: list[Write] = []
        self._bytes = 0
        self._renewed = self._committed = 0.0
        self._tokens = ("", "")
        self._finished = False

    def __enter__(self) -> Staging:
        self._renew()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            with suppress(DataOpsError):  # what cannot be deleted now is left to gc
                delete(self._stores, self.session_id)

    def alive(self) -> None:
        """Keeps gc away for longer, when it is time; called every now and then."""
        if time.monotonic() - self._renewed > _OFTEN:
            self._renew()

    def add(self, writes: Sequence[Write]) -> None:
        """Adds writes, which are committed together, and before long: what they name is a crash's until then."""
        size = sum(len(canonical(write.record).encode()) for write in writes if isinstance(write, Put))
        if self._writes and (len(self._writes) + len(writes) > _MOST_WRITES or self._bytes + size > _MOST_BYTES):
            self.flush()
        self._writes += writes
        self._bytes += size
        if time.monotonic() - self._committed > _OFTEN:
            self.flush()

    def flush(self) -> None:
        """Commits what was added."""
        self.alive()
        if self._writes:
            self._commit([Check(schema.SESSION_ITEMS, self.session_id, GUARD, self._tokens[1]), *self._writes])
            self._writes, self._bytes = [], 0

    def finish(self) -> None:
        """Makes the session its user's, with `record` and what was added last, in one commit."""
        self.alive()
        self._commit(
            [
                Put(schema.SESSIONS, self.record, self._tokens[0]),
                Delete(schema.SESSION_ITEMS, self.session_id, GUARD, self._tokens[1]),
                *self._writes,
            ]
        )
        self._finished = True

    def _renew(self) -> None:
        now = self._stores.records.now()
        record = new_record(NOBODY, at=self.record["created_at"], session_id=self.session_id)
        record |= {"status": "deleting", "ending_since": schema.iso(now + LEASE + SKEW)}
        guard: Record = {"session_id": self.session_id, "item": GUARD, EXPIRES_AT: now + LEASE}
        session, row = self._tokens
        puts = [Put(schema.SESSIONS, record, session or ABSENT), Put(schema.SESSION_ITEMS, guard, row or ABSENT)]
        first, second = self._commit(puts)
        self._tokens, self._renewed = (first, second), time.monotonic()

    def _commit(self, writes: Sequence[Write]) -> list[str]:
        try:
            tokens = self._stores.records.commit(writes)
        except Conflict as error:
            if self._is_twice(writes, error.index):
                raise InvalidValue("something is in it twice, under one id") from None
            raise Conflict(
                f"session {self.session_id!r} was swept or deleted while it was made",
                hint="load it again; give storage gc a longer --grace",
            ) from None
        self._committed = time.monotonic()
        return tokens

    def _is_twice(self, writes: Sequence[Write], index: int | None) -> bool:
        """Says whether a refused write found what was added before, not what gc put there."""
        refused = None if index is None else writes[index]
        if not isinstance(refused, Put) or refused.when is not ABSENT:
            return False
        return live(self._stores.records.get(refused.table, *key_of(refused))) is not None
