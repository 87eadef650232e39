"""Records that have lost what they belong to, and graph state that nobody needs any more.

Each is deleted on the condition, in the same commit, that what it belongs to is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dataops_core.contracts.records import ABSENT, ANY, Check, Delete, Record, Stored, Table
from dataops_core.errors import Conflict
from dataops_core.storage import schema
from dataops_core.storage.ownership import owned_id
from dataops_core.storage.tombstones import live
from dataops_core.upkeep.sweep import Sweep, weight

_BATCH: Final = 40
_POINTED: Final = {"run": schema.RUNS, "artifact": schema.ARTIFACTS}


def sweep(sweep: Sweep) -> None:
    """Sweeps the tables, what belongs to a session before what belongs to a run."""
    for table, kind in ((schema.RUNS, "runs of no session"), (schema.ARTIFACTS, "artifacts of no session")):
        for page in sweep.pages(table):
            _of_no_session(sweep, table, page, kind)
    for page in sweep.pages(schema.SESSION_ITEMS):
        kept = _of_no_session(sweep, schema.SESSION_ITEMS, page, "items of no session")
        for name, table in _POINTED.items():
            _pointers(sweep, table, [row for row in kept if row.record["item"].startswith(f"{name}#")])
    for page in sweep.pages(schema.RUN_ITEMS, 50):
        _of_runs(sweep, page)


def _of_no_session(sweep: Sweep, table: Table, page: Sequence[Stored], kind: str) -> list[Stored]:
    """Deletes those of a page whose session is gone; returns the others."""
    kept: list[Stored] = []
    ids = list(dict.fromkeys(schema.session_of(row.record[table.partition]) for row in page))
    found = sweep.stores.records.get_many(schema.SESSIONS, [(i, None) for i in ids])
    gone = {i for i, session in zip(ids, found, strict=True) if session is None and schema.is_session_id(i)}
    lost: dict[str, list[Stored]] = {}
    for row in page:
        session_id = schema.session_of(row.record[table.partition])
        if session_id not in gone:
            kept.append(row)
        elif sweep.is_old(_made_at(row.record)):
            lost.setdefault(session_id, []).append(row)
    for session_id, rows in lost.items():
        _delete(sweep, table, rows, Check(schema.SESSIONS, session_id, when=ABSENT), kind)
    return kept


def _pointers(sweep: Sweep, table: Table, rows: Sequence[Stored]) -> None:
    """Deletes the pointers whose record is gone."""
    found = sweep.stores.records.get_many(table, [(owned_id(row), None) for row in rows])
    for row, there in zip(rows, found, strict=True):
        if live(there) is None and sweep.is_old(_made_at(row.record)):
            condition = Check(table, owned_id(row), when=ABSENT if there is None else there)
            _delete(sweep, schema.SESSION_ITEMS, [row], condition, "pointers to nothing")


def _of_runs(sweep: Sweep, page: Sequence[Stored]) -> None:
    """Deletes rows of runs that are gone, or over for longer than their graph state is kept."""
    rows: dict[str, list[Stored]] = {}
    for row in page:
        if schema.made_at(run_id := row.record["run_id"]) is not None:  # else it is a thread that is no run
            rows.setdefault(run_id, []).append(row)
    runs = sweep.stores.records.get_many(schema.RUNS, [(run_id, None) for run_id in rows])
    for (run_id, found), run in zip(rows.items(), runs, strict=True):
        if run is None and sweep.is_old(schema.made_at(run_id)):
            _delete(sweep, schema.RUN_ITEMS, found, Check(schema.RUNS, run_id, when=ABSENT), "rows of no run")
        elif run is not None and not sweep.needs_state(run.record):
            _delete(sweep, schema.RUN_ITEMS, found, Check(schema.RUNS, run_id, when=run), "graph state")


def _delete(sweep: Sweep, table: Table, rows: Sequence[Stored], condition: Check, kind: str) -> None:
    for batch in _batches(rows):
        if not sweep.dry:
            deletes = [Delete(table, *_key(table, row.record), when=ANY) for row in batch]
            try:
                sweep.stores.records.commit([condition, *deletes])
            except Conflict:
                return  # it is not so any more
        sweep.report.add(kind, len(batch), sum(weight(row.record) for row in batch))


def _batches(rows: Sequence[Stored]) -> Iterator[Sequence[Stored]]:
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]


def _key(table: Table, record: Record) -> tuple[str, str | None]:
    return record[table.partition], record[table.sort] if table.sort else None


def _made_at(record: Record) -> str | float | None:
    """Returns when a record was made, as far as it says so."""
    if at := record.get("created_at"):
        return str(at)
    kind, _, rest = str(record.get("item", "")).partition("#")
    if kind == "artifact":
        return rest.partition("#")[0] or None
    return schema.made_at(f"{record['session_id']}.{rest}") if kind == "run" else None
