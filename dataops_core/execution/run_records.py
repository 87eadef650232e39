"""Reading runs: one by its id, and listings."""

from __future__ import annotations

from typing import Final

from dataops_core.contracts.records import Record, RecordStore
from dataops_core.errors import InvalidValue, NotFound
from dataops_core.storage import schema
from dataops_core.storage.ownership import Listing

FINAL: Final = ("success", "error", "timeout", "cancelled")
STATUSES: Final = ("pending", "running", "interrupted", *FINAL)


def get_run(records: RecordStore, run_id: str) -> Record:
    """Returns a run's record; raises NotFound."""
    try:
        stored = records.get(schema.RUNS, run_id)
    except InvalidValue:
        stored = None
    if stored is None:
        raise no_run(run_id)
    return stored.record


def list_runs(
    records: RecordStore,
    *,
    session_id: str | None = None,
    open: str | None = None,
    status: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Listing[Record]:
    """Lists runs: a session's newest first, the open ones oldest first, or all in no promised order.

    Args:
        records: where they are kept.
        session_id: whose.
        open: `run` for those that are pending or running, `question` for those that wait for an answer.
        status: one of `STATUSES` to keep only those.
        limit: at most this many.
        cursor: of the page before.
    """
    if status is not None and status not in STATUSES:
        raise InvalidValue(f"a run's status is one of {', '.join(STATUSES)}, not {status!r:.40}")
    found: list[Record] = []
    while True:
        room = limit - len(found)
        if session_id is not None:
            page = records.query(
                schema.RUNS, "session_id-created_at", session_id, newest_first=True, limit=room, cursor=cursor
            )
        elif open is not None:
            page = records.query(schema.RUNS, "open-created_at", open, limit=room, cursor=cursor)
        else:
            page = records.scan(schema.RUNS, limit=room, cursor=cursor)
        found += [
            item.record
            for item in page.items
            if (status is None or item.record["status"] == status) and (open is None or item.record.get("open") == open)
        ]
        cursor = page.cursor
        if cursor is None or len(found) >= limit:
            return Listing(found, cursor)


def no_run(run_id: str) -> NotFound:
    """Returns the error for a run that does not exist."""
    return NotFound(f"no run {run_id!r:.80}", hint="dataops runs list shows the runs there are")
