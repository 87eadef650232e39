"""The hot tier: a fast record store in front of the one that holds the truth.

It holds only what never changes: whole pages of a session's messages, and the values of `dataops_cache`, which are
named by what they were made from. So it may be missing, wiped or an old copy of itself, and nothing read is stale.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from dataops_core.contracts.records import (
    ANY,
    EXPIRES_AT,
    Finding,
    Key,
    Page,
    Put,
    RecordStore,
    Stored,
    Table,
    Write,
)
from dataops_core.contracts.sweeping import Sweeper, Swept
from dataops_core.errors import DataOpsError, InvalidValue
from dataops_core.storage import schema

#: Messages of one page; the newest page is always read from the truth.
PAGE: Final = 16
#: Seconds for which a page is kept.
KEPT: Final = 3600.0
#: Seconds for which a hot tier that failed is not asked again.
PAUSE: Final = 30.0

log = logging.getLogger(__name__)
T = TypeVar("T")


class HotTier:
    """A `RecordStore` that reads older messages and cached values from a fast store, and all else from the truth.

    Args:
        truth: the store that decides.
        open_hot: opens the fast store, when it is first needed. Whatever fails there is a miss, and is said once.
    """

    def __init__(self, truth: RecordStore, open_hot: Callable[[], RecordStore]) -> None:
        self.truth = truth
        self.capabilities = truth.capabilities
        self._open_hot = open_hot
        self._opened: RecordStore | None = None
        self._lock = threading.Lock()
        self._quiet_until = 0.0
        self._said = False

    def get(self, table: Table, partition: str, sort: str | None = None) -> Stored | None:
        """Returns a record; a cached value that the hot tier does not have is none."""
        if table.name == schema.CACHE.name:
            return self._ask(lambda hot: hot.get(table, partition, sort), None)
        return self.truth.get(table, partition, sort)

    def get_many(self, table: Table, keys: Sequence[Key]) -> list[Stored | None]:
        """Returns what `get` would, for each key."""
        if table.name == schema.CACHE.name:
            return self._ask(lambda hot: hot.get_many(table, keys), [None] * len(keys))
        return self.truth.get_many(table, keys)

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
        """Returns records in order; of a session's newest messages all but the last page may come from the hot tier."""
        if not (newest_first and limit and limit > PAGE and _are_messages(table, lo, hi)):
            return self.truth.range(table, partition, lo, hi, limit=limit, newest_first=newest_first)
        newest = self.truth.range(table, partition, lo, hi, limit=PAGE, newest_first=True)
        if len(newest) < PAGE:
            return newest
        # A message with a higher number is there, so no row below it will ever come or change.
        last = _number(newest[-1]) - 1
        first = max(_number_of(str(lo)), last - (limit - PAGE) + 1)
        older = self._messages(table, partition, first, last) if first <= last else []
        if len(older) == max(last - first + 1, 0):
            return newest + older[::-1]
        return self.truth.range(table, partition, lo, hi, limit=limit, newest_first=True)

    def commit(self, writes: Sequence[Write]) -> list[str]:
        """Commits to the truth; cached values to the hot tier, or nowhere."""
        if not any(write.table.name == schema.CACHE.name for write in writes):
            return self.truth.commit(writes)
        tokens = [write.token for write in writes if isinstance(write, Put)]
        return self._ask(lambda hot: hot.commit(writes), tokens)

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
        """Lists by an index of the truth."""
        return self.truth.query(table, index, value, newest_first=newest_first, limit=limit, cursor=cursor)

    def scan(self, table: Table, *, limit: int = 100, cursor: str | None = None) -> Page:
        """Enumerates a table of the truth: what is hot disappears by itself."""
        return self.truth.scan(table, limit=limit, cursor=cursor)

    def sweep(self, grace: float, *, dry_run: bool = False) -> list[Swept]:
        """Removes what the truth alone can see, as its own `sweep` does."""
        return self.truth.sweep(grace, dry_run=dry_run) if isinstance(self.truth, Sweeper) else []

    def prepare(self) -> list[str]:
        """Creates what is missing in both."""
        return self.truth.prepare() + self._ask(lambda hot: hot.prepare(), list[str]())

    def check(self) -> list[Finding]:
        """Says what is wrong with the truth, and whether the hot tier answers (how it keeps is no matter)."""
        try:
            wrong = [finding for finding in self._hot().check() if finding.level == "error"]
        except DataOpsError as error:
            wrong = [Finding("warn", error.message, error.hint)]
        hint = "it is slower without it, and nothing is lost"
        told = [Finding("warn", f"hot tier: {finding.what}", finding.hint or hint) for finding in wrong]
        return self.truth.check() + (told or [Finding("ok", "hot tier: answers", "")])

    def now(self) -> float:
        """Returns the truth's clock."""
        return self.truth.now()

    def close(self) -> None:
        """Closes both."""
        self.truth.close()
        with self._lock:
            if self._opened is not None:
                self._opened.close()

    def _messages(self, table: Table, session_id: str, first: int, last: int) -> list[Stored]:
        """Returns the messages of these numbers, oldest first; pages that are not hot are read and kept."""
        wanted = range(_page(first), _page(last) + 1)
        keys = [(_page_key(session_id, page), None) for page in wanted]
        none: list[list[Stored] | None] = [None] * len(keys)
        held = self._ask(lambda hot: [_rows(stored) for stored in hot.get_many(schema.CACHE, keys)], none)
        pages = {page: rows for page, rows in zip(wanted, held, strict=True) if rows is not None}
        missing = [page for page in wanted if page not in pages]
        if missing:
            lo, hi = missing[0] * PAGE + 1, (missing[-1] + 1) * PAGE
            read = self.truth.range(table, session_id, schema.message_item(lo), schema.message_item(hi))
            for page in missing:
                pages[page] = [row for row in read if _page(_number(row)) == page]
                self._keep(session_id, page, pages[page])
        return [row for page in wanted for row in pages[page] if first <= _number(row) <= last]

    def _keep(self, session_id: str, page: int, rows: list[Stored]) -> None:
        if len(rows) < PAGE:
            return
        record = {
            "cache_key": _page_key(session_id, page),
            "rows": [[row.record, row.token] for row in rows],
            EXPIRES_AT: self.truth.now() + KEPT,
        }
        self._ask(lambda hot: hot.commit([Put(schema.CACHE, record, ANY)]), list[str]())

    def _hot(self) -> RecordStore:
        with self._lock:
            if self._opened is None:
                self._opened = self._open_hot()
            return self._opened

    def _ask(self, what: Callable[[RecordStore], T], otherwise: T) -> T:
        if time.monotonic() < self._quiet_until:
            return otherwise
        try:
            return what(self._hot())
        except InvalidValue:
            return otherwise  # too large to be kept
        except Exception as error:  # whatever happens there, the truth answers
            self._quiet_until = time.monotonic() + PAUSE
            if not self._said:
                self._said = True
                log.warning("the hot tier is not used: %s", error)
            return otherwise


def _are_messages(table: Table, lo: str | None, hi: str | None) -> bool:
    return table.name == schema.SESSION_ITEMS.name and bool(lo and hi and _prefix(lo) == _prefix(hi) == "message")


def _prefix(item: str) -> str:
    return item.partition("#")[0]


def _number_of(item: str) -> int:
    return int(item.rpartition("#")[2])


def _number(row: Stored) -> int:
    return _number_of(row.record["item"])


def _page(number: int) -> int:
    return (number - 1) // PAGE


def _page_key(session_id: str, page: int) -> str:
    return f"messages.{session_id}.{page}"


def _rows(stored: Stored | None) -> list[Stored] | None:
    return None if stored is None else [Stored(record, token) for record, token in stored.record["rows"]]
