"""One sweep: what it may touch, and what it has done so far."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dataops_core.contracts.records import Record, Stored, Table
from dataops_core.contracts.sweeping import Swept
from dataops_core.execution.run_records import FINAL
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.tombstones import is_tombstone

#: Hears what is looked at, and how much of it so far.
Listener = Callable[[str, int], None]


@dataclass(slots=True)
class Report:
    """What a sweep did, or with `dry_run` would do.

    Args:
        dry_run: whether nothing was changed.
        swept: how many of each kind, with their bytes; only kinds of which there were any.
        problems: what could not be completed, a line each; it is tried again the next time.
        unknown: blobs with keys that are none of ours; they are left alone.
    """

    dry_run: bool
    swept: dict[str, Swept] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unknown: int = 0
    strange: int = 0

    @property
    def count(self) -> int:
        """How many things altogether."""
        return sum(found.count for found in self.swept.values())

    def add(self, kind: str, count: int = 1, size: int = 0) -> None:
        """Counts what was swept."""
        if count:
            before = self.swept.get(kind, Swept(kind, 0, 0))
            self.swept[kind] = Swept(kind, before.count + count, before.bytes + size)


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep may touch.

    Args:
        stores: which.
        cutoff: what is younger is left alone; seconds since 1970 by the store's clock.
        now: seconds since 1970 by the store's clock.
        success_seconds, failure_seconds: how long the graph state of a run that is over is kept, by how it ended.
        report: what was done so far.
        strange_cutoff: the same as `cutoff` for contents of sessions that the database does not know.
        heard: told what is looked at.
    """

    stores: Stores
    cutoff: float
    now: float
    success_seconds: float
    failure_seconds: float
    report: Report
    strange_cutoff: float
    heard: Listener | None = None

    @property
    def dry(self) -> bool:
        """Whether nothing is to be changed."""
        return self.report.dry_run

    def is_old(self, at: str | float | None) -> bool:
        """Says whether a time (ISO-8601 UTC, or seconds since 1970) lies before the grace; no time does."""
        return at is None or (schema.seconds(at) if isinstance(at, str) else at) <= self.cutoff

    def is_strange(self, modified: float) -> bool:
        """Says, and counts, whether contents of a session that the database does not know are left alone for now.

        Hardly anything else leaves such contents than a database that was lost or mistaken: people need time to see it.
        """
        strange = modified > self.strange_cutoff
        self.report.strange += strange
        return strange

    def needs_state(self, run: Record) -> bool:
        """Says whether the graph state of a run may still be asked for."""
        if run["status"] not in FINAL:
            return True
        ended = run.get("finished_at") or run["created_at"]
        kept = self.success_seconds if run["status"] == "success" else self.failure_seconds
        return not self.is_old(ended) or schema.seconds(ended) + kept > self.now

    def pages(self, table: Table, page: int = 100) -> Iterator[list[Stored]]:
        """Yields the records of a table in pages, without tombstones; they may be deleted meanwhile."""
        cursor, seen = None, 0
        while True:
            found = self.stores.records.scan(table, limit=page, cursor=cursor)
            yield [item for item in found.items if not is_tombstone(item.record)]
            seen += len(found.items)
            self.tell(table.name, seen)
            if (cursor := found.cursor) is None:
                return

    def tell(self, what: str, seen: int) -> None:
        """Tells the listener how far the sweep is."""
        if self.heard is not None:
            self.heard(what, seen)


def weight(record: Record) -> int:
    """Returns the bytes of a record as JSON."""
    return len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())
