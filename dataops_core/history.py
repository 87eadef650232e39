"""Messages of a session: one row each, numbered by the session's revision.

Appending is one commit of the row and the session record, and costs the same at message 10 and at message 100 000.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dataops_core import values
from dataops_core.contracts.blobs import BlobStore
from dataops_core.contracts.records import ABSENT, Put, Record, RecordStore, Stored, Write
from dataops_core.errors import Conflict, InvalidValue
from dataops_core.hidden import Ranges, visible
from dataops_core.storage import schema

ROLES: Final = ("user", "assistant", "system", "tool")
INLINE_BYTES: Final = 16_000
PREVIEW_CHARS: Final = 1_000
TAIL_MESSAGES: Final = 8
TAIL_BYTES: Final = 4_000
_LAST: Final = 10**12 - 1


def count_tokens(text: str) -> int:
    """Returns an upper estimate of a text's tokens: a third of its UTF-8 bytes, rounded up."""
    return -(-len(text.encode()) // 3)


@dataclass(frozen=True, slots=True)
class Message:
    """One utterance in a session.

    Args:
        session_id, message_id: whose, and its id (the caller's, or made by us).
        number: its position, from 1; the session's revision after it.
        role: one of `ROLES`.
        content: the whole text.
        created_at: ISO-8601 UTC.
        workflow: the workflow that said it, or None.
        artifacts: ids of the artifacts that belong to it.
        run_id: the run that it asks for or answers, or None.
    """

    session_id: str
    message_id: str
    number: int
    role: str
    content: str
    created_at: str
    workflow: str | None = None
    artifacts: tuple[str, ...] = ()
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is not in the session yet."""

    role: str
    content: str
    workflow: str | None = None
    artifacts: Sequence[str] = ()
    message_id: str | None = None
    run_id: str | None = None

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise InvalidValue(f"a message's role is one of {', '.join(ROLES)}, not {self.role!r:.40}")
        if not isinstance(self.content, str):
            raise InvalidValue(f"a message's content is a text, not {type(self.content).__name__}")
        try:
            self.content.encode()
        except UnicodeEncodeError:
            raise InvalidValue("a message's content is not valid Unicode") from None
        if self.message_id is not None:
            values.text("a message id", self.message_id, 200)
        values.ids("artifacts", self.artifacts)


def append(session: Record, drafts: Sequence[Draft], *, blobs: BlobStore, at: str) -> tuple[list[Write], list[Message]]:
    """Plans the rows of new messages and moves the session record on; the caller commits both together.

    Long contents are written to the blob store here, before the commit that names them.

    Args:
        session: the session's record as read; changed in place (revision, last_active, conversation_history).
        drafts: the messages, in order.
        blobs: where long contents go.
        at: ISO-8601 UTC.

    Returns:
        The writes of the rows (not of the session record) and the messages.
    """
    writes: list[Write] = []
    messages: list[Message] = []
    session_id = session["session_id"]
    said = list(session["conversation_history"])
    for draft in drafts:
        session["revision"] += 1
        number = session["revision"]
        message_id = draft.message_id or made_id(session_id, number)
        message = Message(
            session_id, message_id, number, draft.role, draft.content, at,
            draft.workflow, tuple(draft.artifacts), draft.run_id,
        )  # fmt: skip
        row = _row(message, blobs)
        writes.append(Put(schema.SESSION_ITEMS, row, ABSENT))
        if draft.message_id is not None:
            writes.append(Put(schema.SESSION_ITEMS, _reservation(message), ABSENT))
        said.append(_entry(number, row))
        messages.append(message)
    session["conversation_history"] = _fit(said)
    session["last_active"] = at
    return writes, messages


def reserved(records: RecordStore, session_id: str, message_id: str) -> int | None:
    """Returns the number of the message that a caller's id already stands for, or None."""
    stored = records.get(schema.SESSION_ITEMS, session_id, _reservation_item(message_id))
    return None if stored is None else int(stored.record["number"])


def numbers(records: RecordStore, session_id: str, message_ids: Sequence[str]) -> list[int | None]:
    """Returns the numbers of the messages that callers' ids already stand for, None where there is none yet."""
    keys = [(session_id, _reservation_item(message_id)) for message_id in message_ids]
    found = records.get_many(schema.SESSION_ITEMS, keys)
    return [None if stored is None else int(stored.record["number"]) for stored in found]


def read(records: RecordStore, blobs: BlobStore, session_id: str, number: int) -> Message:
    """Returns one message by its number, hidden or not; raises Conflict when the session keeps it no more."""
    stored = records.get(schema.SESSION_ITEMS, session_id, schema.message_item(number))
    if stored is None:
        raise Conflict(f"message {number} of session {session_id!r} is not there")
    return _message(stored, blobs)


def newest(
    records: RecordStore,
    blobs: BlobStore,
    session_id: str,
    *,
    limit: int,
    before: int | None = None,
    hidden: Ranges = (),
) -> list[Message]:
    """Returns the newest messages, oldest first; `before` (a message's number) pages backwards past what is hidden."""
    return [_message(row, blobs) for row in _newest(records, session_id, limit, before, hidden)]


def tail(records: RecordStore, session_id: str, *, revision: int, hidden: Ranges) -> list[dict[str, Any]]:
    """Returns what `conversation_history` holds when these messages are hidden."""
    rows = _newest(records, session_id, TAIL_MESSAGES, revision + 1, hidden)
    return _fit([_entry(_number(row.record), row.record) for row in rows])


def walk(
    records: RecordStore,
    blobs: BlobStore,
    session_id: str,
    *,
    page: int = 200,
    hidden: Ranges = (),
    last: int = _LAST,
) -> Iterator[Message]:
    """Yields every message up to number `last` that is not hidden, oldest first, in bounded memory."""
    for first, final in visible(hidden, 1, last):
        lo, hi = schema.message_item(first), schema.message_item(final)
        while rows := records.range(schema.SESSION_ITEMS, session_id, lo, hi, limit=page):
            for row in rows:
                yield _message(row, blobs)
            if len(rows) < page:
                break
            lo = rows[-1].record["item"] + "\0"


def _newest(records: RecordStore, session_id: str, limit: int, before: int | None, hidden: Ranges) -> list[Stored]:
    found: list[Stored] = []
    for lo, hi in reversed(visible(hidden, 1, _LAST if before is None else before - 1)):
        first, last = schema.message_item(lo), schema.message_item(hi)
        room = limit - len(found)
        found += records.range(schema.SESSION_ITEMS, session_id, first, last, limit=room, newest_first=True)
        if len(found) >= limit:
            break
    return found[::-1]


def made_id(session_id: str, number: int) -> str:
    """Returns the id of a message whose caller gave none."""
    return f"{session_id}.m{number}"


def _number(row: Record) -> int:
    return int(row["item"].rpartition("#")[2])


def _row(message: Message, blobs: BlobStore) -> Record:
    row: Record = {
        "session_id": message.session_id,
        "item": schema.message_item(message.number),
        "role": message.role,
        "content": message.content,
        "created_at": message.created_at,
    }
    if message.message_id != made_id(message.session_id, message.number):
        row["message_id"] = message.message_id
    if message.workflow:
        row["workflow"] = message.workflow
    if message.artifacts:
        row["artifacts"] = list(message.artifacts)
    if message.run_id:
        row["run_id"] = message.run_id
    raw = message.content.encode()
    if len(raw) > INLINE_BYTES:
        key = schema.message_key(message.session_id, message.number)
        blobs.put(key, io.BytesIO(raw), content_type="text/plain; charset=utf-8")
        row["content"], row["blob"] = message.content[:PREVIEW_CHARS], key
    return row


def _message(stored: Stored, blobs: BlobStore) -> Message:
    row = stored.record
    content = row["content"]
    if "blob" in row:
        with blobs.open(row["blob"]) as stream:
            content = stream.read().decode()
    session_id, number = row["session_id"], _number(row)
    message_id = row.get("message_id") or made_id(session_id, number)
    return Message(
        session_id, message_id, number, row["role"], content, row["created_at"],
        row.get("workflow"), tuple(row.get("artifacts", ())), row.get("run_id"),
    )  # fmt: skip


def _reservation_item(message_id: str) -> str:
    # The id is a stranger's text of any shape; its digest is a safe key of a known length.
    return "message_id#" + hashlib.sha256(message_id.encode()).hexdigest()


def _reservation(message: Message) -> Record:
    return {
        "session_id": message.session_id,
        "item": _reservation_item(message.message_id),
        "number": message.number,
    }


def _entry(number: int, row: Record) -> dict[str, Any]:
    entry = {"number": number, "role": row["role"], "content": row["content"][:PREVIEW_CHARS]}
    if "workflow" in row:
        entry["workflow"] = row["workflow"]
    return entry


def _fit(tail: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    room = TAIL_BYTES
    for entry in reversed(tail[-TAIL_MESSAGES:]):
        room -= len(entry["content"].encode()) + 80
        if room < 0:
            break
        kept.append(entry)
    return kept[::-1]
