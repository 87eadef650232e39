"""Record stores that list wrongly, each in one way, and the clause of the suite that must notice."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Any

from dataops_core.contracts.records import Page, Put, Stored, Table, Write, key_of
from dataops_core.errors import InvalidValue
from dataops_core.storage.sqlite_records import SqliteRecords
from dataops_core.storage.sqlite_schema import quoted
from tests.storage.broken_stores import caught_by


@caught_by("test_an_index_follows_its_records")
class LosesIndexEntries(SqliteRecords):
    """An update takes the record out of its indexes."""

    def commit(self, writes: Sequence[Write]) -> list[str]:
        tokens = super().commit(writes)
        for write in writes:
            fields = self._file.plans[write.table.name].fields
            if isinstance(write, Put) and isinstance(write.when, Stored) and fields:
                with self._file.write_lock:
                    self._file.writer().execute(
                        f"UPDATE {quoted(write.table.name)} SET {quoted(fields[0])} = NULL WHERE _token = ?",
                        (write.token,),
                    )
        return tokens


@caught_by("test_an_index_follows_its_records")
class KeepsOldIndexEntries(SqliteRecords):
    """A record stays where the index had it first."""

    def commit(self, writes: Sequence[Write]) -> list[str]:
        kept = {}
        with self._file.write_lock:
            for write in writes:
                plan = self._file.plans[write.table.name]
                if isinstance(write, Put) and plan.fields:
                    columns = ", ".join(map(quoted, plan.fields))
                    key = [k for k in key_of(write) if k is not None]
                    found = self._file.writer().execute(f"SELECT {columns} FROM {plan.name} WHERE {plan.at}", key)
                    kept[write.token] = (plan, found.fetchone())
        tokens = super().commit(writes)
        with self._file.write_lock:
            for token, (plan, row) in kept.items():
                if row is not None and None not in row:
                    changes = ", ".join(f"{quoted(f)} = ?" for f in plan.fields)
                    self._file.writer().execute(f"UPDATE {plan.name} SET {changes} WHERE _token = ?", (*row, token))
        return tokens


@caught_by("test_an_index_is_ordered_and_complete")
class QueriesBackwards(SqliteRecords):
    def query(self, *arguments: Any, newest_first: bool = False, **options: Any) -> Page:
        return super().query(*arguments, newest_first=not newest_first, **options)


@caught_by("test_an_index_is_ordered_and_complete")
class SkipsARowAfterEachPage(SqliteRecords):
    def query(self, *arguments: Any, cursor: str | None = None, **options: Any) -> Page:
        page = super().query(*arguments, cursor=cursor, **options)
        return Page(page.items[1:], page.cursor) if cursor else page


@caught_by("test_an_index_is_ordered_and_complete")
class RepeatsTheLastRow(SqliteRecords):
    def query(self, *arguments: Any, limit: int = 50, cursor: str | None = None, **options: Any) -> Page:
        page = super().query(*arguments, limit=limit, cursor=cursor, **options)
        if cursor is None and page.cursor and limit > 1:
            shorter = super().query(*arguments, limit=limit - 1, cursor=None, **options)
            return Page(page.items, shorter.cursor)
        return page


@caught_by("test_records_of_one_rank_are_all_listed")
class ContinuesBehindTheRank(SqliteRecords):
    """A cursor that names the rank only: what shares it with the last row is skipped."""

    def query(self, table: Table, index: str, value: str, *, cursor: str | None = None, **options: Any) -> Page:
        page = super().query(table, index, value, cursor=cursor, **options)
        if cursor is None:
            return page
        rank = urlsafe_b64decode(cursor).split(b'"')[1].decode()
        return Page([s for s in page.items if s.record[table.index(index).sort] != rank], page.cursor)


@caught_by("test_paging_shows_what_stays_exactly_once")
class PagesByOffset(SqliteRecords):
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
        if cursor is not None and not cursor.isdecimal():
            raise InvalidValue("not a cursor")
        start = int(cursor or 0)
        items = super().query(table, index, value, newest_first=newest_first, limit=1_000).items
        more = len(items) > start + limit
        return Page(items[start : start + limit], str(start + limit) if more else None)


@caught_by("test_a_range_is_ordered_and_bounded")
class ListsOneTooMany(SqliteRecords):
    def range(self, *arguments: Any, limit: int | None = None, **options: Any) -> list[Stored]:
        return super().range(*arguments, limit=None if limit is None else limit + 1, **options)


@caught_by("test_a_range_is_ordered_and_bounded")
class LeavesOutTheEnd(SqliteRecords):
    def range(
        self, table: Table, partition: str, lo: str | None = None, hi: str | None = None, **options: Any
    ) -> list[Stored]:
        found = super().range(table, partition, lo, hi, **options)
        return [s for s in found if s.record[str(table.sort)] != hi]


@caught_by("test_a_range_is_ordered_and_bounded")
class OrdersByUtf16(SqliteRecords):
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
        found = super().range(table, partition, lo, hi)
        found.sort(key=lambda s: s.record[str(table.sort)].encode("utf-16-be"), reverse=newest_first)
        return found[:limit]


@caught_by("test_a_range_is_ordered_and_bounded")
class ListsNeighbours(SqliteRecords):
    """A range takes partitions that begin alike."""

    def range(self, table: Table, partition: str, *arguments: Any, **options: Any) -> list[Stored]:
        found = super().range(table, partition, *arguments, **options)
        return found + super().range(table, f"{partition}.a", *arguments, **options)


@caught_by("test_a_scan_enumerates_one_table")
class ScansOnePage(SqliteRecords):
    def scan(self, *arguments: Any, **options: Any) -> Page:
        return Page(super().scan(*arguments, **options).items)
