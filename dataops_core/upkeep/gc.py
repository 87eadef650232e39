"""Garbage collection: what crashes left, and what has had its time, goes; nothing that is named by a record does.

It may run at any time, twice, and in two processes at once. Everything is decided anew from the store and deleted on
the condition that it is still so, so that cutting it short and beginning again loses nothing.
"""

from __future__ import annotations

from contextlib import suppress

from dataops_core import settings as settings_
from dataops_core.archives.writing import archive
from dataops_core.contracts.sweeping import Sweeper
from dataops_core.deletion import delete
from dataops_core.errors import DataOpsError, InvalidValue, NotFound, Unreachable
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.upkeep import leftovers, unnamed
from dataops_core.upkeep.sweep import Listener, Report, Sweep

#: Seconds for which what is new is left alone, unless the caller says otherwise.
GRACE = 3600.0
#: The same for contents of sessions that the database does not know, unless the grace is below an hour.
STRANGE = 30 * 86_400.0
ENDING = ("archiving", "deleting")


def gc(
    stores: Stores,
    *,
    grace: float = GRACE,
    dry_run: bool = False,
    settings: settings_.Settings | None = None,
    heard: Listener | None = None,
) -> Report:
    """Sweeps the stores.

    Sessions whose archiving or deletion was cut short are completed; records whose session or run is gone, the graph
    state of runs that are over for longer than it is kept, and blobs that no record names are deleted; each store
    removes what it alone can see.

    Contents of sessions that the database does not know at all stay for a month: a lost database can be restored.

    Args:
        stores: which.
        grace: seconds for which whatever is new is left alone, by the stores' clocks.
        dry_run: whether to only count.
        settings: how long graph state is kept; the current ones by default.
        heard: told what is looked at.

    Returns:
        What was swept, by kind. What could not be completed is in its `problems`.

    Raises:
        InvalidValue: the grace is below 0.
        Unreachable: a store does not answer; run it again.
    """
    if not grace >= 0:
        raise InvalidValue(f"a grace is 0 seconds or more, not {grace!r:.40}")
    chosen = settings or settings_.current()
    now = stores.records.now()
    report = Report(dry_run)
    kept = (chosen.success_retention_seconds, chosen.failure_retention_days * 86_400)
    strange_cutoff = now - (max(grace, STRANGE) if grace >= GRACE else grace)
    sweep = Sweep(stores, now - grace, now, *kept, report, strange_cutoff, heard)
    _complete(sweep)
    leftovers.sweep(sweep)
    unnamed.sweep(sweep)
    for store in (stores.records, stores.blobs):
        if isinstance(store, Sweeper):
            for swept in store.sweep(grace, dry_run=dry_run):
                report.add(swept.kind, swept.count, swept.bytes)
    return report


def _complete(sweep: Sweep) -> None:
    """Completes what somebody began to do with a session as a whole."""
    for page in sweep.pages(schema.SESSIONS):
        for session in (item.record for item in page):
            status, session_id = session["status"], session["session_id"]
            if status not in ENDING or not sweep.is_old(session.get("ending_since") or session["last_active"]):
                continue
            try:
                if not sweep.dry:
                    with suppress(NotFound):  # somebody else was faster
                        (archive if status == "archiving" else delete)(sweep.stores, session_id)
            except Unreachable:
                raise
            except DataOpsError as error:
                sweep.report.problems.append(f"session {session_id} is still {status}: {error.message}")
                continue
            sweep.report.add(f"sessions left {status}")
