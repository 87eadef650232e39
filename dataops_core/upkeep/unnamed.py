"""Blobs that no record names.

Their writer may only be slow: the blob comes first, the record last. So, before a blob goes, its writer's commit is
made impossible, by a tombstone under the id of the record that would name it, or by a new version of the session's
record, upon which the commit depends. Where the session or the run is gone, or the run is over, it is so already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from dataops_core.contracts.blobs import BlobInfo
from dataops_core.contracts.records import Put, Stored
from dataops_core.errors import Conflict
from dataops_core.execution.run_records import FINAL
from dataops_core.storage import schema
from dataops_core.storage.ownership import every_pointer, owned_id, pointer_item
from dataops_core.storage.tombstones import live, reserve
from dataops_core.upkeep.sweep import Sweep

_PAGE: Final = 500
#: Seconds by which the clock of the blob store may be behind that of the records.
_SKEW: Final = 300.0


def sweep(sweep: Sweep) -> None:
    """Sweeps the blobs, prefix by prefix."""
    for prefix, unnamed, kind in _KINDS:
        for page in _pages(sweep, prefix):
            for info in unnamed(sweep, page):
                if not sweep.dry:
                    sweep.stores.blobs.delete(info.key)
                sweep.report.add(kind, 1, info.size)


def _pages(sweep: Sweep, prefix: str) -> Iterator[list[BlobInfo]]:
    cursor, seen = None, 0
    while True:
        page = sweep.stores.blobs.list(prefix, limit=_PAGE, cursor=cursor)
        yield [info for info in page.items if sweep.is_old(info.modified)]
        seen += len(page.items)
        sweep.tell(f"blobs in {prefix}", seen)
        if (cursor := page.cursor) is None:
            return


def _artifacts(sweep: Sweep, page: Sequence[BlobInfo]) -> Iterator[BlobInfo]:
    records = sweep.stores.records
    ours = _ours(sweep, page, 4, lambda parts: _owns(parts[1], parts[3]))
    found = records.get_many(schema.ARTIFACTS, [(info.key.rpartition("/")[2], None) for info, _ in ours])
    oldest: dict[str, float | None] = {}
    for (info, parts), stored in zip(ours, found, strict=True):
        named = live(stored)
        if named is not None and named.record["s3_key"] == info.key:
            continue
        known = named is not None or records.get(schema.SESSIONS, parts[1]) is not None
        if not known and sweep.is_strange(info.modified):
            continue
        if named is None and known:
            if parts[1] not in oldest:
                oldest[parts[1]] = _oldest_open_run(sweep, parts[1])
            begun = oldest[parts[1]]
            if begun is not None and info.modified >= begun - _SKEW:
                continue  # a step that runs again after a crash stores under the same id: it must not be reserved
            if not sweep.dry and not reserve(records, schema.ARTIFACTS, parts[3]):
                continue  # its record has come
        yield info


def _oldest_open_run(sweep: Sweep, session_id: str) -> float | None:
    """Returns when the oldest run of a session that is not over was made, in seconds since 1970, or None."""
    ids: list[str] = []
    oldest: float | None = None
    for row in every_pointer(sweep.stores, session_id, "run"):
        ids.append(owned_id(row))
        if len(ids) == _PAGE:
            oldest, ids = _oldest_open(sweep, ids) or oldest, []
    return _oldest_open(sweep, ids) or oldest


def _oldest_open(sweep: Sweep, run_ids: Sequence[str]) -> float | None:
    found = sweep.stores.records.get_many(schema.RUNS, [(run_id, None) for run_id in run_ids])
    made = [schema.made_at(run.record["run_id"]) for run in found if run and run.record["status"] not in FINAL]
    return min((at for at in made if at is not None), default=None)


def _contexts(sweep: Sweep, page: Sequence[BlobInfo]) -> Iterator[BlobInfo]:
    records = sweep.stores.records
    ours = _ours(sweep, page, 3, lambda parts: _owns(parts[1], parts[2]))
    keys = [(parts[1], pointer_item("snapshot", parts[2])) for _, parts in ours]
    found = records.get_many(schema.SESSION_ITEMS, keys)
    for (info, parts), (session_id, item), stored in zip(ours, keys, found, strict=True):
        if live(stored) is not None:
            continue
        known = records.get(schema.SESSIONS, parts[1]) is not None
        if not known and sweep.is_strange(info.modified):
            continue
        if known and not sweep.dry and not reserve(records, schema.SESSION_ITEMS, session_id, item):
            continue  # its record has come
        yield info


def _messages(sweep: Sweep, page: Sequence[BlobInfo]) -> Iterator[BlobInfo]:
    records = sweep.stores.records
    ours = _ours(sweep, page, 3, lambda parts: schema.is_session_id(parts[1]) and parts[2][:12].isdecimal())
    keys = [(parts[1], schema.message_item(int(parts[2][:12]))) for _, parts in ours]
    found = records.get_many(schema.SESSION_ITEMS, keys)
    moved: set[str] = set()
    for (info, _), key, stored in zip(ours, keys, found, strict=True):
        if _names(stored, info):
            continue
        session_id = key[0]
        if records.get(schema.SESSIONS, session_id) is None and sweep.is_strange(info.modified):
            continue
        if not sweep.dry and session_id not in moved:
            # A session that is not there may be about to be made, in one commit with its first message.
            first = schema.message_item(1)
            if not _move(sweep, session_id) and not reserve(records, schema.SESSION_ITEMS, session_id, first):
                continue
            moved.add(session_id)
        if _names(records.get(schema.SESSION_ITEMS, *key), info):
            continue
        yield info


def _names(stored: Stored | None, info: BlobInfo) -> bool:
    return stored is not None and stored.record.get("blob") == info.key


def _move(sweep: Sweep, session_id: str) -> bool:
    """Gives a session's record a new version, so that no commit that was begun before is accepted; says if it exists.

    Whoever adds a message reads the session first, then writes the blob, then commits on condition of what was read.
    """
    stored = sweep.stores.records.get(schema.SESSIONS, session_id)
    if stored is None:
        return False
    with suppress(Conflict):  # somebody else gave it one, after this blob was listed
        sweep.stores.records.commit([Put(schema.SESSIONS, stored.record, stored.token)])
    return True


def _values(sweep: Sweep, page: Sequence[BlobInfo]) -> Iterator[BlobInfo]:
    # A run that is over, or gone, commits no more; of one that is not, every value may still be asked for.
    ours = _ours(sweep, page, 3, lambda parts: schema.made_at(parts[1]) is not None, others_are_known=True)
    ids = list(dict.fromkeys(parts[1] for _, parts in ours))
    found = sweep.stores.records.get_many(schema.RUNS, [(run_id, None) for run_id in ids])
    runs = dict(zip(ids, found, strict=True))
    for info, (_, run_id, _) in ours:
        run = runs[run_id]
        if not sweep.needs_state(run.record) if run is not None else sweep.is_old(schema.made_at(run_id)):
            yield info


def _archives(sweep: Sweep, page: Sequence[BlobInfo]) -> Iterator[BlobInfo]:
    ours = _ours(sweep, page, 3, lambda parts: schema.is_session_id(parts[2].removesuffix(".json.gz")))
    keys = [(parts[2].removesuffix(".json.gz"), None) for _, parts in ours]
    for (info, _), session in zip(ours, sweep.stores.records.get_many(schema.SESSIONS, keys), strict=True):
        if session is None and not sweep.is_strange(info.modified):  # it was deleted while somebody still archived it
            yield info


def _ours(
    sweep: Sweep,
    page: Sequence[BlobInfo],
    parts: int,
    belongs: Callable[[list[str]], bool],
    *,
    others_are_known: bool = False,
) -> list[tuple[BlobInfo, list[str]]]:
    """Returns the blobs with keys as we make them, each with the parts of its key; the others are counted."""
    every = [(info, info.key.split("/")) for info in page]
    ours = [(info, key) for info, key in every if len(key) == parts and belongs(key)]
    sweep.report.unknown += 0 if others_are_known else len(every) - len(ours)
    return ours


def _owns(session_id: str, owned: str) -> bool:
    return schema.is_session_id(session_id) and owned.startswith(f"{session_id}.")


_KINDS: Final = (
    ("artifacts/", _artifacts, "artifact contents"),
    ("contexts/", _contexts, "snapshot contents"),
    ("messages/", _messages, "message contents"),
    ("values/", _values, "graph values"),
    ("archives/", _archives, "archives of no session"),
)
