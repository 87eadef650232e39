"""Loading a snapshot's context into a session, each part of it once, however often and by whomever it is loaded.

Messages are appended hidden and shown by one commit at the end, so a crash in the middle shows nothing. What a message
or an artifact became in the session is kept in a row of its own, which the next attempt finds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from dataops_core import history
from dataops_core.artifact_commits import artifact_writes, require_unswept
from dataops_core.contracts.records import ABSENT, Check, Put, Record, Stored, Write
from dataops_core.errors import Conflict, InvalidValue, NotFound, nearest
from dataops_core.hidden import Ranges, hide, show
from dataops_core.history import Draft
from dataops_core.session import require_active
from dataops_core.session_manager import SessionManager
from dataops_core.snapshots.reading import Part, parts
from dataops_core.snapshots.writing import FACTS
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import attempts
from dataops_core.storage.tombstones import live

MODES: Final = ("replace", "merge", "selective")
PARTS: Final = ("messages", *FACTS, "artifacts")
#: A message is two rows; with the session's record they fit into one commit.
_BATCH: Final = 24
_LEFT_BEHIND: Final = ("with_content", "run_id", "version")


def chosen(include: Collection[str], known: Collection[str]) -> frozenset[str]:
    """Returns the parts that are named; raises InvalidValue with the nearest name."""
    if isinstance(include, str):
        include = (include,)
    for name in include:
        if name not in known:
            hint = nearest(str(name), known) or f"the parts are {', '.join(known)}"
            raise InvalidValue(f"a context has no part {name!r:.60}", hint=hint)
    return frozenset(include)


def wanted(mode: str, include: Collection[str]) -> frozenset[str]:
    """Returns the parts that a mode loads; raises InvalidValue when mode and parts do not go together."""
    if mode not in MODES:
        hint = nearest(str(mode), MODES) or f"the modes are {', '.join(MODES)}"
        raise InvalidValue(f"a context is loaded by a mode, and {mode!r:.60} is none", hint=hint)
    named = chosen(include, PARTS)
    if mode == "selective" and not named:
        raise InvalidValue("mode 'selective' needs the parts to load", hint=f"include some of {', '.join(PARTS)}")
    if mode != "selective" and named:
        raise InvalidValue(f"mode {mode!r} loads all parts", hint="mode 'selective' loads those that are included")
    return named or frozenset(PARTS)


def copy_artifacts(stores: Stores, row: Record, snapshot_id: str, session_id: str) -> dict[str, str]:
    """Copies the artifacts whose contents are in a snapshot into a session.

    Returns:
        The id of the copy for the id of each; an artifact that the session itself still has stands for itself.
    """
    ids: dict[str, str] = {}
    if row["with_contents"]:
        for part in parts(stores, row):
            if part.content is not None and (copy := _copied(stores, part, snapshot_id, session_id)):
                ids[part.value["artifact_id"]] = copy
    return ids


def append_messages(
    sessions: SessionManager, context: Mapping[str, Any], session_id: str, ids: Mapping[str, str]
) -> list[int]:
    """Appends a context's messages to a session, hidden, and returns their numbers there.

    Args:
        sessions: where the session is kept.
        context: as it was read.
        session_id: which; messages of the session itself are there already.
        ids: of the copies of artifacts.
    """
    messages: list[dict[str, Any]] = context["messages"]
    if context["session_id"] == session_id:
        return [message["number"] for message in messages]
    numbers: list[int] = []
    for start in range(0, len(messages), _BATCH):
        batch = {f"{context['snapshot_id']}#{m['number']}": m for m in messages[start : start + _BATCH]}
        numbers += _append(sessions, session_id, batch, ids)
    return numbers


def merge_facts(record: Record, context: Mapping[str, Any], names: Collection[str]) -> None:
    """Adds facts to a session's record; what the session says itself stays."""
    for name in FACTS:
        if name in names:
            record[name] = {**context[name], **record[name]}


def set_hidden(stores: Stores, record: Record, hidden: Ranges) -> None:
    """Sets what is hidden in a session's record, and its newest messages accordingly."""
    if list(hidden) == record.get("hidden", []):
        return
    record["hidden"] = list(hidden)
    if not hidden:
        del record["hidden"]
    record["conversation_history"] = history.tail(
        stores.records, record["session_id"], revision=record["revision"], hidden=hidden
    )


def merge(
    sessions: SessionManager,
    context: Mapping[str, Any],
    session_id: str,
    numbers: Sequence[int],
    names: Collection[str],
) -> None:
    """Shows messages that are in a session and merges facts, in one commit."""

    def change(record: Record) -> list[Write]:
        require_active(record, sessions.stores.records.now())
        merge_facts(record, context, names)
        set_hidden(sessions.stores, record, show(record.get("hidden", ()), numbers))
        return []

    sessions.change(session_id, change)


def _append(
    sessions: SessionManager, session_id: str, batch: Mapping[str, Mapping[str, Any]], ids: Mapping[str, str]
) -> list[int]:
    stores = sessions.stores
    known: dict[str, int | None] = {}

    def there() -> bool:
        known.update(zip(batch, history.numbers(stores.records, session_id, list(batch)), strict=True))
        return None not in known.values()

    def change(record: Record) -> list[Write]:
        now = stores.records.now()
        require_active(record, now)
        newest, before = record["conversation_history"], record["revision"]
        writes: list[Write] = []
        for message_id, message in batch.items():
            if known[message_id] is None:
                artifacts = [ids.get(artifact_id, artifact_id) for artifact_id in message["artifacts"]]
                draft = Draft(message["role"], message["content"], message["workflow"], artifacts, message_id)
                writes += history.append(record, [draft], blobs=stores.blobs, at=message["created_at"])[0]
        record["hidden"] = hide(record.get("hidden", ()), before + 1, record["revision"])
        record["conversation_history"], record["last_active"] = newest, schema.iso(now)
        return writes

    if not there():
        sessions.change(session_id, change, settled=there)
        there()
    return [number for number in known.values() if number is not None]


def _copied(stores: Stores, part: Part, snapshot_id: str, session_id: str) -> str | None:
    told, source = part.value, part.value["artifact_id"]
    records, now = stores.records, stores.records.now()
    if schema.session_of(source) == session_id and live(records.get(schema.ARTIFACTS, source)):
        return str(source)
    if told.get("expires_at", now + 1) <= now:
        return None
    item = "loaded#" + hashlib.sha256(f"{snapshot_id} {source}".encode()).hexdigest()
    noted, copy = _noted(stores, session_id, item)
    if copy is not None:
        return copy
    artifact_id = schema.new_owned_id(session_id)
    key = schema.artifact_key(session_id, schema.iso(now), artifact_id)
    record: Record = {name: value for name, value in told.items() if name not in _LEFT_BEHIND}
    record |= {"artifact_id": artifact_id, "session_id": session_id, "created_at": schema.iso(now), "s3_key": key}
    record["parents"] = [{"id": source, "relation": "loaded_from"}]
    stores.blobs.put(key, part.content, content_type=told["content_type"])  # type: ignore[arg-type]
    note = {"session_id": session_id, "item": item, "artifact_id": artifact_id}
    for _ in attempts():
        session = records.get(schema.SESSIONS, session_id)
        if session is None:
            raise NotFound(f"no session {session_id!r}: it was deleted meanwhile")
        require_active(session.record, now)
        writes = [
            *artifact_writes(stores, [record]),
            Put(schema.SESSION_ITEMS, note, noted.token if noted else ABSENT),
            Check(schema.SESSIONS, session_id, when=session.token),
        ]
        try:
            records.commit(writes)
        except Conflict:
            noted, copy = _noted(stores, session_id, item)
            if copy is None:
                require_unswept(stores, artifact_id)
                continue
            if copy != artifact_id:  # somebody else loads the same
                stores.blobs.delete(key)
            return copy
        return artifact_id
    raise Conflict(f"session {session_id!r} is too busy", hint="try again")


def _noted(stores: Stores, session_id: str, item: str) -> tuple[Stored | None, str | None]:
    """Returns the row that says what an artifact became, and the copy's id where that is still there."""
    note = stores.records.get(schema.SESSION_ITEMS, session_id, item)
    if note is None or live(stores.records.get(schema.ARTIFACTS, note.record["artifact_id"])) is None:
        return note, None
    return note, str(note.record["artifact_id"])
