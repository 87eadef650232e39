"""Record stores that are each broken in one way, and the clause of the suite that must notice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from dataops_core.contracts.records import (
    ABSENT,
    ANY,
    EXPIRES_AT,
    Check,
    Delete,
    Page,
    Put,
    Stored,
    Table,
    Write,
    key_of,
    token_of,
)
from dataops_core.errors import Conflict
from dataops_core.storage.sqlite_records import SqliteRecords

#: Broken record stores, each with the clause that must notice.
BROKEN_RECORDS: dict[type[SqliteRecords], str] = {}


def caught_by(clause: str) -> Callable[[type[SqliteRecords]], type[SqliteRecords]]:
    def keep(cls: type[SqliteRecords]) -> type[SqliteRecords]:
        BROKEN_RECORDS[cls] = clause
        return cls

    return keep


@caught_by("test_conditions")
class ChecksNoCondition(SqliteRecords):
    def commit(self, writes: Sequence[Write]) -> list[str]:
        return super().commit([w if isinstance(w, Check) else replace(w, when=ANY) for w in writes])


@caught_by("test_conditions")
class TakesAbsentForAny(SqliteRecords):
    def commit(self, writes: Sequence[Write]) -> list[str]:
        changed = [replace(w, when=ANY) if isinstance(w, Put) and w.when is ABSENT else w for w in writes]
        return super().commit(changed)


@caught_by("test_conditions")
class DeletesWhateverVersion(SqliteRecords):
    def commit(self, writes: Sequence[Write]) -> list[str]:
        return super().commit([replace(w, when=ANY) if isinstance(w, Delete) else w for w in writes])


@caught_by("test_conditions")
class IgnoresChecks(SqliteRecords):
    def commit(self, writes: Sequence[Write]) -> list[str]:
        return super().commit([replace(w, when=ANY) if isinstance(w, Check) else w for w in writes])


@caught_by("test_conditions")
class KeepsThePlaceOfExpiredRecords(SqliteRecords):
    """ABSENT is refused where an expired record still lies."""

    def commit(self, writes: Sequence[Write]) -> list[str]:
        clock, self._clock = self._clock, lambda: 0.0
        try:
            return super().commit(writes)
        finally:
            self._clock = clock


@caught_by("test_a_version_of_an_earlier_life_does_not_hold")
class ComparesContentsInsteadOfVersions(SqliteRecords):
    def commit(self, writes: Sequence[Write]) -> list[str]:
        changed = []
        for write in writes:
            now = self.get(write.table, *key_of(write))
            same = isinstance(write.when, Stored) and now is not None and now.record == write.when.record
            changed.append(replace(write, when=now) if same and now else write)
        return super().commit(changed)


@caught_by("test_every_handle_sees_the_newest_version")
class RemembersWhatItRead(SqliteRecords):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._seen: dict[Any, Stored | None] = {}

    def get(self, table: Table, partition: str, sort: str | None = None) -> Stored | None:
        if (table.name, partition, sort) not in self._seen:
            self._seen[table.name, partition, sort] = super().get(table, partition, sort)
        return self._seen[table.name, partition, sort]

    def commit(self, writes: Sequence[Write]) -> list[str]:
        tokens = super().commit(writes)
        for write in writes:
            self._seen.pop((write.table.name, *key_of(write)), None)
        return tokens


@caught_by("test_what_was_read_can_be_changed_without_changing_the_store")
class HandsOutItsOwnObjects(SqliteRecords):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._mine: dict[str, Stored] = {}

    def get(self, table: Table, partition: str, sort: str | None = None) -> Stored | None:
        read = super().get(table, partition, sort)
        return None if read is None else self._mine.setdefault(read.token, read)


@caught_by("test_what_expires_is_gone_at_once")
class ReadsExpiredRecords(SqliteRecords):
    def get(self, table: Table, partition: str, sort: str | None = None) -> Stored | None:
        clock, self._clock = self._clock, lambda: 0.0
        try:
            return super().get(table, partition, sort)
        finally:
            self._clock = clock


@caught_by("test_what_expires_is_gone_at_once")
class QueriesExpiredRecords(SqliteRecords):
    def query(self, *arguments: Any, **options: Any) -> Page:
        clock, self._clock = self._clock, lambda: 0.0
        try:
            return super().query(*arguments, **options)
        finally:
            self._clock = clock


@caught_by("test_a_range_reads_past_expired_records")
class CountsExpiredRecords(SqliteRecords):
    """`limit` is applied before expired records are left out."""

    def range(self, *arguments: Any, **options: Any) -> list[Stored]:
        clock, self._clock = self._clock, lambda: 0.0
        try:
            found = super().range(*arguments, **options)
        finally:
            self._clock = clock
        return [s for s in found if s.record.get(EXPIRES_AT, 1e12) > self.now()]


@caught_by("test_a_commit_is_applied_whole_or_not_at_all")
class CommitsOneByOne(SqliteRecords):
    def commit(self, writes: Sequence[Write]) -> list[str]:
        tokens = []
        for position, write in enumerate(writes):
            try:
                tokens += super().commit([write])
            except Conflict as conflict:
                raise Conflict(conflict.message, index=position) from None
        return tokens


@caught_by("test_a_commit_is_applied_whole_or_not_at_all")
class NamesTheWrongWrite(SqliteRecords):
    def commit(self, writes: Sequence[Write]) -> list[str]:
        try:
            return super().commit(writes)
        except Conflict as conflict:
            raise Conflict(conflict.message, index=0) from None


@caught_by("test_a_commit_is_applied_whole_or_not_at_all")
class MixesUpTheTokens(SqliteRecords):
    def commit(self, writes: Sequence[Write]) -> list[str]:
        return super().commit(writes)[::-1]


@caught_by("test_a_commit_sent_again_is_recognised")
class RefusesWhatItAppliedBefore(SqliteRecords):
    def commit(self, writes: Sequence[Write]) -> list[str]:
        for position, write in enumerate(writes):
            if isinstance(write, Put) and write.when is ABSENT and self.get(write.table, *key_of(write)):
                raise Conflict("it is there", index=position)
        return super().commit(writes)


@caught_by("test_a_commit_sent_again_is_recognised")
class AppliesTwice(SqliteRecords):
    """A repeated commit is recognised by one record and its other writes are done again."""

    def commit(self, writes: Sequence[Write]) -> list[str]:
        puts = [w for w in writes if isinstance(w, Put)]
        now = [self.get(w.table, *key_of(w)) for w in puts]
        if any(n is not None and n.token == w.token for n, w in zip(now, puts, strict=True)):
            again = [replace(w, when=ANY) for w in writes if not isinstance(w, Check)]
            for one in again:
                super().commit([one])
            return [w.token for w in puts]
        return super().commit(writes)


@caught_by("test_an_unconditional_commit_sent_again_writes_nothing")
class RecognisesTheFirstRecordOnly(SqliteRecords):
    def commit(self, writes: Sequence[Write]) -> list[str]:
        first = next((w for w in writes if isinstance(w, Put)), None)
        if first is not None:
            now = self.get(first.table, *key_of(first))
            if now is None or now.token != first.token:
                for write in writes:
                    if isinstance(write, Put) and write.when is ANY:
                        super().commit([Delete(write.table, *key_of(write))])
        return super().commit(writes)


@caught_by("test_threads_lose_no_update")
class ComparesThenWrites(SqliteRecords):
    """The conditions are looked at before the transaction begins."""

    def commit(self, writes: Sequence[Write]) -> list[str]:
        for position, write in enumerate(writes):
            if isinstance(write.when, Stored):
                now = self.get(write.table, *key_of(write))
                if now is None or now.token != token_of(write.when):
                    raise Conflict("changed", index=position)
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.001)
        return super().commit([replace(w, when=ANY) for w in writes])


@caught_by("test_hostile_keys")
class IgnoresCase(SqliteRecords):
    def commit(self, writes: Sequence[Write]) -> list[str]:
        def lower(write: Write) -> Write:
            if isinstance(write, Put):
                field = write.table.partition
                return replace(write, record={**write.record, field: write.record[field].lower()})
            return replace(write, partition=write.partition.lower())

        return super().commit([lower(write) for write in writes])

    def get(self, table: Table, partition: str, sort: str | None = None) -> Stored | None:
        return super().get(table, partition.lower(), sort)


@caught_by("test_the_largest_commit")
class TakesAnyNumberOfWrites(SqliteRecords):
    def commit(self, writes: Sequence[Write]) -> list[str]:
        if len(writes) <= 50:
            return super().commit(writes)
        return super().commit(writes[:50]) + self.commit(writes[50:])


@caught_by("test_get_many_keeps_the_order_and_the_gaps")
class LeavesOutWhatIsMissing(SqliteRecords):
    def get_many(self, table: Table, keys: Any) -> list[Stored | None]:
        return [s for s in super().get_many(table, keys) if s is not None]
