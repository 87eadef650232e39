"""Writing a session into a bundle: in bounded memory, and into a file that is whole or not there."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import secrets
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from dataops_core import history
from dataops_core.bundles import layout
from dataops_core.bundles.layout import Listener
from dataops_core.contracts.blobs import CHUNK
from dataops_core.contracts.records import Record
from dataops_core.errors import CorruptData, InvalidValue, NotFound, Unreachable
from dataops_core.snapshots import reading, rows
from dataops_core.snapshots.writing import (
    FACTS,
    MAX_LINES,
    MAX_TEXT_BYTES,
    canonical,
    content_of,
    owned,
    snapshot_id_of,
)
from dataops_core.storage.folders import sync_folder
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import every_pointer
from dataops_core.storage.tombstones import live

_SMALL: Final = 4 * CHUNK
_MESSAGE: Final = ("number", "role", "content", "created_at", "workflow", "run_id")
_RUN: Final = (
    "run_id", "workflow", "version", "input", "status", "attempt", "lost", "created_at", "started_at", "resumed_at",
    "finished_at", "duration_ms", "nodes", "artifacts", "error", "success", "query_message", "answer_message",
)  # fmt: skip
_ARTIFACT: Final = (
    "artifact_id", "workflow_name", "artifact_type", "content_type", "encoding", "size_bytes", "sha256", "created_at",
    "name", "version", "run_id", "node", "parents", "expires_at", "ttl",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dumped:
    """A bundle that was written.

    Args:
        session_id: whose it is.
        path: where it lies.
        size_bytes: of the file.
        messages, runs, artifacts, snapshots: how many are in it.
    """

    session_id: str
    path: str
    size_bytes: int
    messages: int
    runs: int
    artifacts: int
    snapshots: int


def dump(stores: Stores, session_id: str, path: Path, *, force: bool = False, heard: Listener | None = None) -> Dumped:
    """Writes a session, with everything that it owns, into a file that only this user may read.

    Messages that are appended meanwhile are not in it. What graph a run would go on with is not either.

    Args:
        stores: where the session is kept.
        session_id: which.
        path: of the file.
        force: whether a file that is there is replaced.
        heard: told what is written.

    Raises:
        NotFound: no such session.
        Conflict: the session is archived or being deleted.
        InvalidValue: the file is there already or cannot be made, or the session is larger than a bundle may be.
        CorruptData: a content that a record names is missing or damaged.
    """
    session = rows.session_record(stores, session_id)[0]
    with _new_file(path, force) as file:
        with ZipFile(file, "w") as packed:
            writer = _Writer(stores, session, packed, heard)
            counts = writer.everything()
        rows.session_record(stores, session_id)  # rows of one that was ended meanwhile may be missing
        size = file.tell()
        if broken := layout.too_much(packed.filelist, size):
            raise _too_large(session_id, broken)
    return Dumped(session_id, str(path), size, **counts)


class _Writer:
    """Writes one session, and notes every member for the manifest."""

    def __init__(self, stores: Stores, session: Record, packed: ZipFile, heard: Listener | None) -> None:
        self._stores, self._session, self._zip, self._heard = stores, session, packed, heard
        self._id, self._revision = session["session_id"], session["revision"]
        self._members: dict[str, dict[str, Any]] = {}
        self._left_out: set[str] = set()

    def everything(self) -> dict[str, int]:
        """Writes all members; returns how many messages, runs, artifacts and snapshots there are."""
        facts = {name: self._session[name] for name in ("session_id", "revision", "created_at", *FACTS)}
        facts |= {name: self._session[name] for name in ("hidden", "idle_seconds") if self._session.get(name)}
        self._add(layout.SESSION, io.BytesIO(canonical(facts).encode() + b"\n"))
        counts = {
            "messages": self._lines(layout.MESSAGES, self._messages()),
            "runs": self._lines(layout.RUNS, self._runs()),
            "artifacts": self._lines(layout.ARTIFACTS, self._artifacts()),
            "snapshots": self._lines(layout.SNAPSHOTS, self._snapshots()),
        }
        manifest = {
            "format": layout.FORMAT, "version": layout.VERSION, "session_id": self._id, "members": self._members,
        }  # fmt: skip
        with self._zip.open(_member(layout.MANIFEST), "w") as out:
            out.write(canonical(manifest).encode() + b"\n")
        return counts

    def _messages(self) -> Iterator[Record]:
        try:
            for message in history.walk(self._stores.records, self._stores.blobs, self._id, last=self._revision):
                told = {name: value for name in _MESSAGE if (value := getattr(message, name)) is not None}
                if message.artifacts:
                    told["artifacts"] = list(message.artifacts)
                if message.message_id != history.made_id(self._id, message.number):
                    told["message_id"] = message.message_id
                yield told
        except NotFound as error:
            rows.session_record(self._stores, self._id)  # or it was ended meanwhile
            raise CorruptData(
                f"session {self._id!r} cannot be dumped: {error.message}", hint="restore the blob from a backup"
            ) from None

    def _runs(self) -> Iterator[Record]:
        for run in owned(self._stores, self._id, "run"):
            if run.get("query_message", 0) > self._revision:  # it was asked for meanwhile
                self._left_out.add(run["run_id"])
            else:
                yield {name: run[name] for name in _RUN if run.get(name) is not None}

    def _artifacts(self) -> Iterator[Record]:
        number = 0
        for record in owned(self._stores, self._id, "artifact"):
            if record.get("run_id") in self._left_out or (stream := content_of(self._stores, record)) is None:
                continue
            number += 1
            with stream:
                self._content(layout.content_member(number), stream, record)
            yield {name: record[name] for name in _ARTIFACT if name in record}

    def _content(self, name: str, stream: BinaryIO, record: Record) -> None:
        source, deflate = stream, False
        if record["size_bytes"] <= _SMALL:
            source = io.BytesIO(stream.read(_SMALL + 1))
            packed = len(zlib.compress(source.getbuffer(), 1))
            deflate = record["size_bytes"] <= 100 * packed and packed < 0.9 * record["size_bytes"]
        size, sha256 = self._add(name, source, record["size_bytes"], deflate=deflate)
        if (size, sha256) != (record["size_bytes"], record["sha256"]):
            raise CorruptData(
                f"the content of artifact {record['artifact_id']!r} is not what was stored",
                hint="restore its file from a backup, or delete the artifact",
            )

    def _snapshots(self) -> Iterator[Record]:
        number = 0
        for row in reversed([item.record for item in every_pointer(self._stores, self._id, "snapshot") if live(item)]):
            try:
                with reading.opened(self._stores, row) as file:
                    name = layout.snapshot_member(number + 1)
                    size, _ = self._add(name, file, row["unpacked_bytes"], deflate=not row["with_contents"])
            except (CorruptData, NotFound):
                with suppress(NotFound):
                    rows.find(self._stores, snapshot_id_of(row))
                    raise
                continue  # it was deleted meanwhile
            number += 1
            if size != row["unpacked_bytes"]:
                raise CorruptData(f"snapshot {snapshot_id_of(row)!r} has {size} bytes, not {row['unpacked_bytes']}")
            told: Record = {
                name: row[name] for name in ("with_contents", "compressed", "label", "hidden") if name in row
            }
            yield told | {"snapshot_id": snapshot_id_of(row)}

    def _lines(self, name: str, records: Iterator[Record]) -> int:
        """Writes a member of lines, beside which its records may write members of their own."""
        count = size = 0
        with tempfile.SpooledTemporaryFile(max_size=_SMALL) as spool:
            for record in records:
                raw = canonical(record).encode() + b"\n"
                count, size = count + 1, size + len(raw)
                if len(raw) > layout.MAX_LINE_BYTES:
                    raise _too_large(self._id, f"one of its {name} has a line of {len(raw)} bytes")
                if count > MAX_LINES or size > MAX_TEXT_BYTES:
                    raise _too_large(
                        self._id, f"{name} would have more than {MAX_LINES} lines or {MAX_TEXT_BYTES} bytes"
                    )
                spool.write(raw)
                if self._heard is not None:
                    self._heard(name.partition(".")[0], count)
            spool.seek(0)
            self._add(name, cast(BinaryIO, spool), size)
        return count

    def _add(self, name: str, source: Any, expected: int = 0, *, deflate: bool = True) -> tuple[int, str]:
        """Writes a member; returns its size and SHA-256."""
        if len(self._members) + 2 > layout.MAX_MEMBERS:
            raise _too_large(self._id, f"it would have more than {layout.MAX_MEMBERS} members")
        info = _member(name, ZIP_DEFLATED if deflate else ZIP_STORED)
        info.file_size = expected  # so that zip64 is used where, and only where, it must be
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w") as out:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                out.write(chunk)
                if self._heard is not None and size > _SMALL:
                    self._heard(f"bytes of {name}", size)
        self._members[name] = {"size": size, "sha256": digest.hexdigest()}
        return size, digest.hexdigest()


def _member(name: str, compression: int = ZIP_DEFLATED) -> ZipInfo:
    """Returns a member that tells nothing of when, where and by whom it was written."""
    info = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type, info.create_system, info.external_attr = compression, 3, 0o100600 << 16
    return info


@contextmanager
def _new_file(path: Path, force: bool) -> Iterator[BinaryIO]:
    """Opens a file that gets its name when everything is written, durably, and that else leaves nothing."""
    taken = InvalidValue(f"{str(path)!r} is there already", hint="--force replaces it, or choose another name")
    if os.path.lexists(path) and (not force or not path.is_file()):
        raise taken if path.is_file() else InvalidValue(f"{str(path)!r} is no file that a bundle could replace")
    unfinished = path.with_name(f".{path.name[:60]}.{secrets.token_hex(6)}")
    try:
        fd = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "w+b") as file:
            yield cast(BinaryIO, file)
            file.flush()
            os.fsync(fd)
        if not force:
            path.open("xb").close()  # fails when somebody else made the file meanwhile
        unfinished.replace(path)
        sync_folder(path.parent)
    except FileExistsError:
        raise taken from None
    except OSError as error:
        told = f"bundle {str(path)!r} cannot be written: {error.strerror or error}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise Unreachable(told, hint="free some space, there and for temporary files") from None
        raise InvalidValue(told, hint="name a file in a folder that is there and that you may write to") from None
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _too_large(session_id: str, why: str) -> InvalidValue:
    return InvalidValue(
        f"session {session_id!r} is too large for a bundle: {why}",
        hint="delete snapshots and artifacts that nobody needs, or move all sessions by dataops storage copy",
    )
