"""Reading an archived session back: its messages and runs, line by line from its file, in bounded memory.

The file may have been damaged or made by somebody else since: whatever is not as `archive` wrote it is CorruptData.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import IO, Any, Final, NoReturn, cast

from dataops_core.archives.writing import PARTS, VERSION
from dataops_core.contracts.records import Record
from dataops_core.errors import CorruptData, NotFound
from dataops_core.hidden import is_hidden
from dataops_core.history import ROLES, Message
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import Listing

#: A line holds one message, run or artifact; no longer one is read into memory.
LINE_BYTES: Final = 256 << 20


def filed(stores: Stores, session: Record) -> bool:
    """Says whether a session's messages and runs are to be read from its file, since its rows are gone or going."""
    if session["status"] == "archiving":
        return stores.blobs.head(_key(session)) is not None
    return bool(session["status"] == "archived")


def messages(stores: Stores, session: Record) -> Iterator[Message]:
    """Yields every message of an archived session that is not hidden, oldest first.

    Args:
        stores: where the file is.
        session: the session's record.

    Raises:
        CorruptData: the file is missing, damaged, or not of this session.
    """
    last = 0
    for row in _rows(stores, session, "messages"):
        number = row.get("number")
        if not isinstance(number, int) or not last < number <= session["revision"]:
            _refuse(session, f"message {number!r:.20} follows message {last}")
        last = number
        if not is_hidden(session.get("hidden", ()), number):
            yield _message(session, row)


def newest(stores: Stores, session: Record, *, limit: int, before: int | None = None) -> list[Message]:
    """Returns the newest messages of an archived session, oldest first; `before` (a number) pages backwards."""
    found: deque[Message] = deque(maxlen=max(limit, 0))
    with closing(messages(stores, session)) as every:  # type: ignore[type-var]
        for message in every:
            if before is not None and message.number >= before:
                break
            found.append(message)
    return list(found)


def either(
    stores: Stores, session: Record, rows: Callable[[], list[Message]], *, limit: int, before: int | None = None
) -> list[Message]:
    """Returns what `rows` reads, the newest messages, or reads them from the file, also when it came meanwhile."""
    if not filed(stores, session):
        gone: NotFound | None = None
        try:
            found = rows()
        except NotFound as error:
            gone, found = error, []
        expected = min(limit, session["revision"] if before is None else before - 1)
        now = _filed_now(stores, session["session_id"]) if len(found) < expected else None
        if now is None:
            if gone is not None:
                raise gone
            return found
    return newest(stores, session, limit=limit, before=before)


def rest(stores: Stores, session_id: str, rows: Iterator[Message]) -> Iterator[Message]:
    """Yields what `rows` yields, and from the file what an archiving that began meanwhile took away from there."""
    last = 0
    try:
        for message in rows:
            if message.number != last + 1 and _filed_now(stores, session_id) is not None:
                break
            yield message
            last = message.number
    except NotFound:
        if _filed_now(stores, session_id) is None:
            raise
    if (session := _filed_now(stores, session_id)) is not None:
        yield from (message for message in messages(stores, session) if message.number > last)


def runs(stores: Stores, session: Record) -> Iterator[Record]:
    """Yields the record of every run of an archived session, oldest first.

    Raises:
        CorruptData: the file is missing, damaged, or not of this session.
    """
    for row in _rows(stores, session, "runs"):
        told = {name: row.get(name) for name in ("run_id", "workflow", "status", "created_at")}
        if not all(isinstance(value, str) for value in told.values()):
            _refuse(session, f"a run is not one: {told!r:.80}")
        if schema.session_of(row["run_id"]) != session["session_id"] or row.get("session_id") != session["session_id"]:
            _refuse(session, f"run {row['run_id']!r:.60} is not of this session")
        yield row


def latest_runs(stores: Stores, session_id: str, limit: int) -> list[Record]:
    """Returns a session's latest runs, oldest first; none when it is not archived."""
    session = _filed_now(stores, session_id)
    return [] if session is None else list(deque(runs(stores, session), maxlen=limit))


def find_run(stores: Stores, run_id: str) -> Record | None:
    """Returns the record of a run from the file of its session; None when that is not archived, or has no such run."""
    session = _filed_now(stores, schema.session_of(run_id))
    if session is None:
        return None
    return next((run for run in runs(stores, session) if run["run_id"] == run_id), None)


def list_runs(
    stores: Stores, session_id: str, *, status: str | None = None, limit: int = 50, cursor: str | None = None
) -> Listing[Record] | None:
    """Lists the runs of an archived session, newest first; None when it is not archived.

    Args:
        stores: where the file is.
        session_id: whose.
        status: keep only those.
        limit: at most this many.
        cursor: of the page before.
    """
    session = _filed_now(stores, session_id)
    if session is None:
        return None
    page: deque[Record] = deque(maxlen=limit + 1)
    for run in runs(stores, session):
        if cursor is not None and run["run_id"] >= cursor:
            break
        if status in (None, run["status"]):
            page.append(run)
    found = list(page)[::-1]
    return Listing(found[:limit], found[limit - 1]["run_id"] if len(found) > limit else None)


def _filed_now(stores: Stores, session_id: str) -> Record | None:
    if not schema.is_session_id(session_id):
        return None
    stored = stores.records.get(schema.SESSIONS, session_id)
    return stored.record if stored is not None and filed(stores, stored.record) else None


def _rows(stores: Stores, session: Record, wanted: str) -> Iterator[dict[str, Any]]:
    """Yields the rows of one part of the file. No part has more rows than the session had messages."""
    try:
        stream = stores.blobs.open(_key(session))
    except NotFound:
        _refuse(session, "it is not there")
    with stream, gzip.GzipFile(fileobj=stream) as file:
        lines = _lines(session, cast(IO[bytes], file))
        head = _object(session, next(lines, b"").removesuffix(b",") + b"}")
        if head.get("schema_version") != VERSION:
            _refuse(session, f"it has layout {head.get('schema_version')!r:.20}, this DataOps reads {VERSION}")
        about = next(lines, b"").removeprefix(b'"session":').removesuffix(b",")
        if _object(session, about).get("session_id") != session["session_id"]:
            _refuse(session, "it is of another session")
        for part in PARTS:
            if next(lines, b"") != f'"{part}":['.encode():
                _refuse(session, f"its {part} are missing")
            for count, line in enumerate(lines, 1):
                if line.startswith(b"]"):
                    break
                if part != "artifacts" and count > session["revision"]:
                    _refuse(session, f"it has more {part} than the session had messages")
                if part == wanted:
                    yield _object(session, line.removesuffix(b","))
            else:
                _refuse(session, f"its {part} do not end")
            if part == wanted:
                return


def _lines(session: Record, file: IO[bytes]) -> Iterator[bytes]:
    while True:
        try:
            line = file.readline(LINE_BYTES + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            _refuse(session, f"it cannot be decompressed: {error}")
        if not line:
            return
        if len(line) > LINE_BYTES:
            _refuse(session, f"a line of it is longer than {LINE_BYTES} bytes")
        yield line.removesuffix(b"\n")


def _object(session: Record, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        _refuse(session, f"a line of it is no JSON object: {line[:60]!r}")
    return found


def _message(session: Record, row: dict[str, Any]) -> Message:
    texts = [row.get(name) for name in ("message_id", "role", "content", "created_at")]
    maybe = [row.get(name) for name in ("workflow", "run_id")]
    artifacts = row.get("artifacts")
    if (
        not all(isinstance(text, str) for text in texts)
        or not all(text is None or isinstance(text, str) for text in maybe)
        or not (isinstance(artifacts, list) and all(isinstance(a, str) for a in artifacts))
        or row["role"] not in ROLES
    ):
        _refuse(session, f"message {row['number']} is not one")
    return Message(
        session["session_id"], row["message_id"], row["number"], row["role"], row["content"], row["created_at"],
        row.get("workflow"), tuple(artifacts), row.get("run_id"),
    )  # fmt: skip


def _key(session: Record) -> str:
    return schema.archive_key(session["session_id"], session["created_at"])


def _refuse(session: Record, why: str) -> NoReturn:
    raise CorruptData(
        f"the archive of session {session['session_id']!r} is damaged: {why}",
        hint=f"restore the blob {_key(session)} from a backup",
    )
