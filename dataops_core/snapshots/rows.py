"""Rows of snapshots in their session's partition: found by id or label, kept, and deleted.

A label is a row of its own that is committed with the snapshot's, so it is given once, whoever asks for it.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Final

from dataops_core.contracts.records import ABSENT, Check, Delete, Put, Record, Write
from dataops_core.errors import Conflict, InvalidValue, NotFound, nearest
from dataops_core.snapshots.writing import blob_key, snapshot_id_of, write
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import attempts, owned_id, pointer_item, pointers
from dataops_core.storage.tombstones import is_tombstone, live

LABEL_BYTES: Final = 240
_ENDED: Final = ("archiving", "archived", "deleting")
_RECENT: Final = 1_000


def find(stores: Stores, snapshot_id: str) -> Record:
    """Returns the row of a snapshot; raises NotFound with the nearest of its session."""
    session_id = schema.session_of(snapshot_id)
    try:
        stored = live(stores.records.get(schema.SESSION_ITEMS, session_id, pointer_item("snapshot", snapshot_id)))
        if stored is not None:
            return stored.record
        known = [owned_id(row) for row in pointers(stores, session_id, "snapshot", newest_first=True, limit=_RECENT)]
    except InvalidValue:  # no key of a store
        known = []
    hint = nearest(snapshot_id, known) or "dataops context list SESSION shows the snapshots of a session"
    raise NotFound(f"no snapshot {snapshot_id!r:.80}", hint=hint)


def find_labelled(stores: Stores, session_id: str, label: str) -> Record:
    """Returns the row of a checkpoint; raises NotFound with the nearest label of its session."""
    label = checked_label(label)
    stored = stores.records.get(schema.SESSION_ITEMS, session_id, _label_item(label))
    if stored is not None:
        return find(stores, stored.record["snapshot_id"])
    known = [row.record["label"] for row in pointers(stores, session_id, "label", limit=_RECENT)]
    hint = nearest(label, known) or f"dataops context list {session_id} shows the labels there are"
    raise NotFound(f"no checkpoint {label!r} in session {session_id!r}", hint=hint)


def checked_label(label: str) -> str:
    """Returns a label in the one form that stands for all that look like it; raises InvalidValue."""
    if not isinstance(label, str):
        raise InvalidValue(f"a label is a text, not {type(label).__name__}")
    given = unicodedata.normalize("NFC", label)
    if not given.isprintable() or given != given.strip():
        raise InvalidValue(f"label {label!r:.60} holds what cannot be seen", hint="give a name people can type")
    if not 0 < len(given.encode()) <= LABEL_BYTES:
        raise InvalidValue(f"a label has 1 to {LABEL_BYTES} bytes, {label!r:.60} has {len(given.encode())}")
    return given


def require_free(stores: Stores, session_id: str, label: str) -> None:
    """Raises Conflict when a session has a checkpoint of that label."""
    if stores.records.get(schema.SESSION_ITEMS, session_id, _label_item(label)) is not None:
        raise Conflict(
            f"label {label!r} is taken in session {session_id!r}",
            hint=f"choose another; dataops context list {session_id} shows those there are",
        )


def session_record(stores: Stores, session_id: str) -> tuple[Record, str]:
    """Returns a session's record and its token; raises NotFound, or Conflict when it is archived or being deleted."""
    try:
        stored = stores.records.get(schema.SESSIONS, session_id)
    except InvalidValue:
        stored = None
    if stored is None:
        raise NotFound(f"no session {session_id!r:.80}", hint="dataops sessions list shows the sessions there are")
    if stored.record["status"] in _ENDED:
        raise Conflict(f"session {session_id!r} is {stored.record['status']}", hint="start a new session")
    return stored.record, stored.token


def keep(stores: Stores, session_id: str, *, contents: bool, compress: bool, label: str | None) -> Record:
    """Makes a snapshot of a session's context, and returns its row.

    Raises:
        NotFound: no such session.
        Conflict: the label is taken, or the session is archived or being deleted.
    """
    row = write(stores, session_record(stores, session_id)[0], contents=contents, compress=compress)
    if label is not None:
        row["label"] = label
    try:
        for _ in attempts():
            token = session_record(stores, session_id)[1]
            if commit(stores, row, [Check(schema.SESSIONS, session_id, when=token)]):
                return row
            if label is not None:
                require_free(stores, session_id, label)
        raise Conflict(f"session {session_id!r} is too busy", hint="try again")
    except (Conflict, NotFound):
        discard(stores, row)
        raise


def commit(stores: Stores, row: Record, writes: Sequence[Write]) -> bool:
    """Commits the row of a new snapshot, and its label, with further writes; says whether it is there.

    Raises:
        Conflict: `storage gc` has swept its blob meanwhile.
    """
    try:
        stores.records.commit([*writes, *row_writes(row)])
    except Conflict:
        stored = stores.records.get(schema.SESSION_ITEMS, row["session_id"], row["item"])
        if stored is not None and is_tombstone(stored.record):
            raise Conflict(
                f"snapshot {snapshot_id_of(row)!r} was so slow to be kept that storage gc took it for a crash's",
                hint="try again; give storage gc a longer --grace",
            ) from None
        return stored is not None
    return True


def row_writes(row: Record) -> list[Write]:
    """Returns the writes of the row of a new snapshot, and of its label."""
    writes: list[Write] = [Put(schema.SESSION_ITEMS, row, ABSENT)]
    if "label" in row:
        item = _label_item(row["label"])
        note = {"session_id": row["session_id"], "item": item, "label": row["label"]}
        writes.append(Put(schema.SESSION_ITEMS, {**note, "snapshot_id": snapshot_id_of(row)}, ABSENT))
    return writes


def delete(stores: Stores, snapshot_id: str) -> None:
    """Deletes a snapshot and frees its label; raises NotFound."""
    for _ in attempts():
        row = find(stores, snapshot_id)
        items = [row["item"], *([_label_item(row["label"])] if "label" in row else [])]
        found = stores.records.get_many(schema.SESSION_ITEMS, [(row["session_id"], item) for item in items])
        try:
            stores.records.commit(
                [Delete(schema.SESSION_ITEMS, s.record["session_id"], s.record["item"], s.token) for s in found if s]
            )
        except (Conflict, InvalidValue):  # somebody else deletes it
            continue
        stores.blobs.delete(blob_key(snapshot_id))
        return
    raise Conflict(f"snapshot {snapshot_id!r} is too busy", hint="try again")


def discard(stores: Stores, row: Record) -> None:
    """Deletes the blob of a snapshot that came to nothing."""
    stores.blobs.delete(blob_key(snapshot_id_of(row)))


def _label_item(label: str) -> str:
    return "label#" + hashlib.sha256(label.encode()).hexdigest()
