"""Checking the stores: each by itself, and what only shows across both."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from dataops_core import settings as settings_
from dataops_core.contracts.blobs import BlobStore
from dataops_core.contracts.records import Finding, RecordStore
from dataops_core.errors import DataOpsError
from dataops_core.execution.fences import Fences
from dataops_core.execution.run_records import list_runs
from dataops_core.execution.runs import Runs
from dataops_core.storage.opening import Stores
from dataops_core.storage.schema import SESSIONS
from dataops_core.upkeep import damage
from dataops_core.upkeep.gc import ENDING, gc
from dataops_core.upkeep.sweep import Listener

#: Findings of one kind that are told one by one.
_TOLD: Final = 20


def check(
    stores: Stores,
    *,
    deep: bool = False,
    settings: settings_.Settings | None = None,
    heard: Listener | None = None,
) -> list[Finding]:
    """Says what is wrong with the stores and what waits for somebody, a line each, and what to do.

    Args:
        stores: which.
        deep: whether to read every artifact and archive, and compare its SHA-256.
        settings: whose lease and retention count; the current ones by default.
        heard: told what is looked at.

    Returns:
        The findings; of many that are alike the first 20, and how many more there are. `error` is data that cannot be
        read, `warn` something to do, `ok` good to know.
    """
    chosen = settings or settings_.current()
    findings = [*stores.records.check(), *stores.blobs.check()]
    if any(finding.level == "error" for finding in findings):
        return findings  # what lies in a broken store says nothing
    try:
        findings += _some(damage.missing(stores, deep=deep, heard=heard), "things that cannot be read")
        findings += _some(_abandoned(stores, chosen.lease_seconds), "runs without a worker")
        findings += _some(_asking(stores), "runs that wait for an answer")
        findings += _leftovers(stores, chosen, heard)
    except DataOpsError as error:
        findings.append(Finding("error", error.message, error.hint))
    return findings


def without_sessions(records: RecordStore | None, blobs: BlobStore) -> Iterator[Finding]:
    """Says when the contents of sessions lie beside a database that knows none: most likely it is another one.

    Args:
        records: the record store, or None when it is not there yet.
        blobs: the blob store.
    """
    prefixes = ("artifacts/", "contexts/", "messages/", "archives/")
    if any(blobs.list(prefix, limit=1).items for prefix in prefixes) and not (records and _has_sessions(records)):
        told = "the record store knows no session, and beside it lie contents of some"
        hint = "is it the right database, and whole? restore it, or point DATAOPS_RECORDS_URL to it"
        yield Finding("warn", told, hint)


def _has_sessions(records: RecordStore) -> bool:
    page = records.scan(SESSIONS, limit=1)
    while not page.items and page.cursor is not None:  # pages may be empty
        page = records.scan(SESSIONS, limit=1, cursor=page.cursor)
    return bool(page.items)


def _some(found: Iterator[Finding], kind: str) -> Iterator[Finding]:
    """Yields the first findings, and one line that counts the rest."""
    last: Finding | None = None
    for last in islice(found, _TOLD):
        yield last
    more = sum(1 for _ in found)
    if last is not None and more:
        yield Finding(last.level, f"{more} more {kind}", last.hint if last.level != "ok" else "")


def _abandoned(stores: Stores, lease_seconds: float) -> Iterator[Finding]:
    fences = Fences(stores.records, lease_seconds)
    cursor: str | None = None
    while True:
        page = list_runs(stores.records, open="run", cursor=cursor)
        for run in page:
            held = fences.read(run["run_id"])
            if held.over(stores.records.now()):
                where = f"run {run['run_id']} ({run['workflow']}, {run['status']})"
                yield Finding("warn", f"{where} has no worker", f"dataops runs resume {run['run_id']}")
        if (cursor := page.cursor) is None:
            return


def _asking(stores: Stores) -> Iterator[Finding]:
    runs = Runs(stores)
    cursor: str | None = None
    while True:
        page = list_runs(stores.records, open="question", cursor=cursor)
        for run in page:
            prompt = (run.get("question") or {}).get("prompt", "")
            told = f"run {run['run_id']} ({run['workflow']}) waits for an answer: {prompt:.200}"
            yield Finding("ok", told, runs.way_to_answer(run))
        if (cursor := page.cursor) is None:
            return


def _leftovers(stores: Stores, settings: settings_.Settings, heard: Listener | None) -> Iterator[Finding]:
    report = gc(stores, dry_run=True, settings=settings, heard=heard)
    stuck = {f"sessions left {status}" for status in ENDING}
    for kind, swept in report.swept.items():
        if kind in stuck:
            yield Finding("warn", f"{swept.count} {kind}", "dataops storage gc completes them")
    rest = [swept for kind, swept in report.swept.items() if kind not in stuck]
    if rest:
        told = ", ".join(f"{swept.count} {swept.kind}" for swept in rest)
        size = sum(swept.bytes for swept in rest)
        yield Finding("warn", f"left over for an hour or more: {told} ({size / 1e6:.1f} MB)", "dataops storage gc")
    if report.strange:
        told = f"{report.strange} contents belong to sessions that this database does not know"
        hint = "is it the right database, and whole? restore it; storage gc leaves them alone for 30 days"
        yield Finding("error", told, hint)
    else:
        yield from without_sessions(stores.records, stores.blobs)
    if report.unknown:
        yield Finding("ok", f"{report.unknown} blobs are none of ours", "")
