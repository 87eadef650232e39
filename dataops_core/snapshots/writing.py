"""Snapshots: the context of a session as one blob, and the row that makes it count.

The blob is lines of canonical JSON, compressed or not: a header with the session's facts, then a line for each message,
run and artifact, then an end. The bytes of an artifact follow its line, as many as the line says. The row in the
session's partition says how large all of it is and what its SHA-256 is; it is committed after the blob.
`snapshot_reader` reads it back.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, Final, cast

from dataops_core import history
from dataops_core.contracts.blobs import CHUNK
from dataops_core.contracts.records import Record
from dataops_core.errors import CorruptData, InvalidValue, NotFound, Unreachable
from dataops_core.hidden import is_hidden
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import owned_id, pointer, pointers
from dataops_core.storage.tombstones import live

VERSION: Final = 1
#: What is held in memory when a snapshot is read: facts, messages, records of runs and artifacts.
MAX_TEXT_BYTES: Final = 256 << 20
MAX_LINES: Final = 500_000
#: All of a snapshot, decompressed, with the contents of artifacts.
MAX_BYTES: Final = 64 << 30
FACTS: Final = ("metadata", "preferences", "global_context")
_SPOOL_BYTES: Final = 8 * CHUNK
_BATCH: Final = 100
_RUN: Final = (
    "run_id", "workflow", "version", "input", "status", "created_at", "finished_at", "query_message", "answer_message",
)  # fmt: skip
_ARTIFACT: Final = (
    "artifact_id", "workflow_name", "artifact_type", "content_type", "encoding", "size_bytes", "sha256", "created_at",
    "name", "version", "run_id", "expires_at", "ttl",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of a snapshot. With a label it is a checkpoint.

    Args:
        snapshot_id, session_id: its id, and whose context it is.
        created_at: ISO-8601 UTC.
        label: of a checkpoint, else None.
        revision: the number of the session's last message then.
        messages, runs, artifacts: how many are in it.
        with_contents: whether the artifacts' contents are in it.
        compressed: whether the blob is.
        size_bytes: of the blob.
    """

    snapshot_id: str
    session_id: str
    created_at: str
    label: str | None
    revision: int
    messages: int
    runs: int
    artifacts: int
    with_contents: bool
    compressed: bool
    size_bytes: int

    @classmethod
    def from_row(cls, row: Record) -> Snapshot:
        """Builds a snapshot from its row."""
        names = ("messages", "runs", "artifacts", "with_contents", "compressed", "size_bytes")
        return cls(
            snapshot_id_of(row), row["session_id"], row["created_at"], row.get("label"), row["revision"],
            *(row[name] for name in names),
        )  # fmt: skip


def blob_key(snapshot_id: str) -> str:
    """Returns the blob key of a snapshot."""
    return f"contexts/{schema.session_of(snapshot_id)}/{snapshot_id}"


def snapshot_id_of(row: Record) -> str:
    """Returns the id of the snapshot that a row stands for."""
    return f"{row['session_id']}.{row['item'].partition('#')[2]}"


def write(stores: Stores, session: Record, *, contents: bool, compress: bool) -> Record:
    """Writes the blob of a new snapshot and returns its row; whoever commits the row makes the snapshot count.

    Args:
        stores: where the session and the snapshot are kept.
        session: its record as read: later messages are not in the snapshot.
        contents: whether the artifacts' contents are in it.
        compress: whether the blob is compressed.

    Raises:
        InvalidValue: the session is larger than a snapshot may be.
    """
    snapshot_id = schema.new_owned_id(session["session_id"])
    now = schema.iso(stores.records.now())
    row = keep_blob(
        stores,
        pointer("snapshot", snapshot_id, created_at=now, revision=session["revision"], with_contents=contents),
        lambda writer: _context(writer, stores, session, snapshot_id, now, contents),
        compress=compress,
    )
    return row | {name: session[name] for name in ("hidden", "questions") if session.get(name)}


def keep_blob(stores: Stores, row: Record, fill: Callable[[Writer], None], *, compress: bool) -> Record:
    """Writes the blob of a snapshot and returns its row, complete; what `fill` writes is the blob.

    Raises:
        InvalidValue: it is larger than a snapshot may be.
    """
    snapshot_id = snapshot_id_of(row)
    try:
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool, ExitStack() as stack:
            file = cast(IO[bytes], spool)
            packed: Any = file
            if compress:
                packed = stack.enter_context(
                    gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0)
                )
            writer = Writer(packed, row["session_id"])
            fill(writer)
            writer.line({"end": writer.counts})
            stack.close()
            file.seek(0)
            kind = "application/gzip" if compress else "application/x-ndjson"
            info = stores.blobs.put(blob_key(snapshot_id), cast(BinaryIO, file), content_type=kind)
    except OSError as error:
        raise Unreachable(
            f"no room for a snapshot of session {row['session_id']!r}: {error.strerror or error}",
            hint="free some space for temporary files",
        ) from error
    return row | {
        "compressed": compress,
        "size_bytes": info.size,
        "sha256": info.sha256,
        "unpacked_bytes": writer.written,
        "schema_version": VERSION,
        **writer.counts,
    }


class Writer:
    """Writes lines and contents, and counts them against the limits that hold when they are read back."""

    def __init__(self, file: IO[bytes], session_id: str) -> None:
        self._file, self._session_id = file, session_id
        self._text = self._lines = self.written = 0
        self.counts = {"messages": 0, "runs": 0, "artifacts": 0}

    def line(self, value: Record) -> None:
        """Writes a line; one of a message, run or artifact counts."""
        kind = f"{next(iter(value))}s"
        if kind in self.counts:
            self.counts[kind] += 1
        raw = canonical(value).encode() + b"\n"
        self._text += len(raw)
        self._lines += 1
        if self._text > MAX_TEXT_BYTES or self._lines > MAX_LINES:
            raise self._too_large()
        self._write(raw)

    def content(self, stream: BinaryIO) -> int:
        """Writes what a stream holds and returns how many bytes there were."""
        before = self.written
        while chunk := stream.read(CHUNK):
            self._write(chunk)
        return self.written - before

    def _write(self, raw: bytes) -> None:
        self.written += len(raw)
        if self.written > MAX_BYTES:
            raise self._too_large()
        self._file.write(raw)

    def _too_large(self) -> InvalidValue:
        return InvalidValue(
            f"session {self._session_id!r} is too large for a snapshot: at most {MAX_LINES} messages, "
            f"runs and artifacts, {MAX_TEXT_BYTES >> 20} MiB of text and {MAX_BYTES >> 30} GiB in all",
            hint="leave the contents of artifacts out, or go on in a new session that inherits from it",
        )


def _context(writer: Writer, stores: Stores, session: Record, snapshot_id: str, at: str, contents: bool) -> None:
    session_id, hidden, revision = session["session_id"], session.get("hidden", ()), session["revision"]
    facts = {name: session[name] for name in ("session_id", "user_id", *FACTS)}
    writer.line(
        {"schema_version": VERSION, "snapshot_id": snapshot_id, "created_at": at, "revision": revision, **facts}
    )
    for message in history.walk(stores.records, stores.blobs, session_id, hidden=hidden, last=revision):
        fields = {name: getattr(message, name) for name in history.Message.__slots__ if name != "session_id"}
        writer.line({"message": {name: value for name, value in fields.items() if value not in (None, ())}})
    left_out = set()
    for run in owned(stores, session_id, "run"):
        asked = run.get("query_message")
        if is_hidden(hidden, asked) or (asked or 0) > revision:
            left_out.add(run["run_id"])
        else:
            writer.line({"run": _run(run)})
    for artifact in owned(stores, session_id, "artifact"):
        if artifact.get("run_id") not in left_out:
            _artifact(writer, stores, artifact, contents)


def _artifact(writer: Writer, stores: Stores, record: Record, contents: bool) -> None:
    told = {name: record[name] for name in _ARTIFACT if name in record}
    stream = content_of(stores, record) if contents else None
    writer.line({"artifact": {**told, "with_content": stream is not None}})
    if stream is None:
        return
    with stream:
        size = writer.content(stream)
    if size != record["size_bytes"]:
        raise CorruptData(f"artifact {record['artifact_id']!r} has {size} bytes, not {record['size_bytes']}")


def content_of(stores: Stores, record: Record) -> BinaryIO | None:
    """Opens an artifact's content; None when the artifact was deleted meanwhile, CorruptData when only that is gone."""
    try:
        return stores.blobs.open(record["s3_key"])
    except NotFound:
        if stores.records.get(schema.ARTIFACTS, record["artifact_id"]) is not None:
            raise CorruptData(
                f"the content of artifact {record['artifact_id']!r} is missing",
                hint="restore its file, or dump without the contents of artifacts",
            ) from None
        return None


def owned(stores: Stores, session_id: str, kind: str) -> Iterator[Record]:
    """Yields the records of the runs (`run`) or artifacts (`artifact`) of a session, the oldest first."""
    table = schema.RUNS if kind == "run" else schema.ARTIFACTS
    keys = [(owned_id(row), None) for row in pointers(stores, session_id, kind)]
    for start in range(0, len(keys), _BATCH):
        for stored in stores.records.get_many(table, keys[start : start + _BATCH]):
            if found := live(stored):
                yield found.record


def _run(record: Record) -> Record:
    told: Record = {name: record[name] for name in _RUN if record.get(name) is not None}
    told |= {"open": record.get("open") is not None, "artifacts": list(record.get("artifacts", ()))}
    if record.get("question"):
        told["question"] = record["question"]["prompt"]
    if record.get("error"):
        told["error"] = record["error"]["message"]
    return told


def canonical(value: Any) -> str:
    """Returns a JSON-able value as the one compact text that stands for it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
