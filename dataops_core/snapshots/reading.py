"""Reading snapshots, which are trusted in nothing.

No more is decompressed than the snapshot's row and the limits allow, every value is validated, and the SHA-256 of the
whole and of every content is checked. Whatever is wrong is one CorruptData that names the snapshot.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import cache
from typing import Any, BinaryIO, Final, Literal, NamedTuple, NoReturn, NotRequired, cast

from typing_extensions import TypedDict

from dataops_core.contracts.blobs import CHUNK
from dataops_core.contracts.records import Record
from dataops_core.errors import CorruptData, NewerDatabase
from dataops_core.snapshots.writing import (
    MAX_BYTES,
    MAX_LINES,
    MAX_TEXT_BYTES,
    VERSION,
    blob_key,
    canonical,
    snapshot_id_of,
)
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores


class Header(TypedDict):
    """The session's facts when the snapshot was made."""

    schema_version: int
    snapshot_id: str
    session_id: str
    user_id: str
    created_at: str
    revision: int
    metadata: dict[str, Any]
    preferences: dict[str, Any]
    global_context: dict[str, Any]


class MessageLine(TypedDict):
    """A message."""

    number: int
    message_id: str
    role: Literal["user", "assistant", "system", "tool"]
    content: str
    created_at: str
    workflow: NotRequired[str]
    artifacts: NotRequired[list[str]]
    run_id: NotRequired[str]


class RunLine(TypedDict):
    """A run; `open` when it was not over."""

    run_id: str
    workflow: str
    version: NotRequired[str]
    input: dict[str, Any]
    status: str
    created_at: str
    finished_at: NotRequired[str]
    query_message: NotRequired[int]
    answer_message: NotRequired[int]
    open: bool
    artifacts: list[str]
    question: NotRequired[str]
    error: NotRequired[str]


class ArtifactLine(TypedDict):
    """An artifact; its content follows when `with_content`."""

    artifact_id: str
    workflow_name: str
    artifact_type: Literal["result", "intermediate", "debug", "context"]
    content_type: str
    encoding: Literal["json", "text", "bytes", "dataframe"]
    size_bytes: int
    sha256: str
    created_at: str
    name: NotRequired[str]
    version: NotRequired[int]
    run_id: NotRequired[str]
    expires_at: NotRequired[float]
    ttl: NotRequired[int]
    with_content: bool


class EndLine(TypedDict):
    """How many there were."""

    messages: int
    runs: int
    artifacts: int


_TYPES: Final[dict[str, Any]] = {"message": MessageLine, "run": RunLine, "artifact": ArtifactLine, "end": EndLine}


class Part(NamedTuple):
    """A part of a snapshot: `header`, `message`, `run` or `artifact`, what it says, and an artifact's content."""

    kind: str
    value: dict[str, Any]
    content: BinaryIO | None = None


def read(stores: Stores, row: Record) -> dict[str, Any]:
    """Returns the whole context: the header's facts, `messages`, `runs` (each with its `answer`) and `artifacts`.

    Contents of artifacts are verified and not returned.

    Raises:
        CorruptData: the stored bytes are not what was written.
        NewerDatabase: a newer DataOps wrote them.
    """
    context: dict[str, Any] = {}
    found: dict[str, list[dict[str, Any]]] = {"message": [], "run": [], "artifact": []}
    for part in parts(stores, row):
        if part.kind == "header":
            context = part.value
        else:
            found[part.kind].append(part.value)
    answers = {message["number"]: message["content"] for message in found["message"]}
    for run in found["run"]:
        run["answer"] = answers.get(run.get("answer_message"))
    messages = [{"workflow": None, "run_id": None, "artifacts": [], **message} for message in found["message"]]
    return {**context, "messages": messages, "runs": found["run"], "artifacts": found["artifact"]}


def header(stores: Stores, row: Record) -> dict[str, Any]:
    """Returns the facts of a snapshot, when its bytes are what was written; raises what `read` raises."""
    found = parts(stores, row)
    value = next(found).value
    found.close()
    with stores.blobs.open(blob_key(snapshot_id_of(row))) as raw:
        while raw.read(CHUNK):  # verified at its end
            pass
    return value


def parts(stores: Stores, row: Record) -> Generator[Part, None, None]:
    """Yields the parts in order, in bounded memory; a content is read, or passed over, before the next part comes."""
    snapshot_id = snapshot_id_of(row)
    _check_version(snapshot_id, row["schema_version"])
    key = blob_key(snapshot_id)
    info = stores.blobs.head(key)
    if info is None:
        raise _damaged(snapshot_id, "its content is gone")
    if (info.size, info.sha256) != (row["size_bytes"], row["sha256"]):
        raise _damaged(snapshot_id, "its content was changed")
    with stores.blobs.open(key) as raw:
        packed = gzip.GzipFile(fileobj=raw) if row["compressed"] else raw
        yield from _parts(_Lines(snapshot_id, packed, row["unpacked_bytes"]))
        while raw.read(CHUNK):  # to its end, where the store verifies it
            pass


def _parts(lines: _Lines) -> Generator[Part, None, None]:
    first = lines.line()
    if isinstance(first, dict) and isinstance(first.get("schema_version"), int):
        _check_version(lines.snapshot_id, first["schema_version"])
    facts = lines.checked("header", first)
    if facts["snapshot_id"] != lines.snapshot_id or facts["session_id"] != schema.session_of(lines.snapshot_id):
        raise lines.wrong("it is another snapshot's")
    yield Part("header", facts)
    counts = {"message": 0, "run": 0, "artifact": 0}
    number = 0
    while True:
        said = lines.line()
        if not isinstance(said, dict) or len(said) != 1 or (kind := next(iter(said))) not in _TYPES:
            raise lines.wrong(f"line {lines.count} is none of a snapshot")
        value = lines.checked(kind, said[kind])
        if kind == "end":
            break
        counts[kind] += 1
        if kind == "message":
            if not number < value["number"] <= facts["revision"]:
                raise lines.wrong(f"line {lines.count} is out of order")
            number = value["number"]
        content = None
        if kind == "artifact" and value["with_content"]:
            content = _Content(lines, value)
        yield Part(kind, value, cast(BinaryIO, content))
        while content is not None and content.read(CHUNK):
            pass
    if value != {f"{kind}s": count for kind, count in counts.items()}:
        raise lines.wrong("something is missing in it")
    lines.end()


class _Lines:
    """Lines and contents of a stream that is read once, within its limits."""

    def __init__(self, snapshot_id: str, file: Any, size: Any) -> None:
        self.snapshot_id, self.count = snapshot_id, 0
        self._file, self._left, self._text = file, size, MAX_TEXT_BYTES
        if not isinstance(size, int) or size > MAX_BYTES:
            raise self.wrong(f"it is larger than {MAX_BYTES >> 30} GiB")

    def wrong(self, why: str) -> CorruptData:
        """Returns the error for what is wrong with the bytes."""
        return _damaged(self.snapshot_id, why)

    def line(self) -> Any:
        """Reads a line of JSON."""
        limit = min(self._left, self._text)
        raw = self._read(self._file.readline, limit + 1)
        self._left -= len(raw)
        self._text -= len(raw)
        self.count += 1
        if len(raw) > limit or self.count > MAX_LINES:
            raise self.wrong("it unpacks to more than was written")
        if not raw.endswith(b"\n"):
            raise self.wrong("it is cut short")
        try:
            value = json.loads(raw, parse_constant=_no_constant)
            if b"\\ud" in raw.lower():  # half a character would be found by whoever stores it
                canonical(value).encode()
            return value
        except (ValueError, RecursionError):
            raise self.wrong(f"line {self.count} is not JSON") from None

    def checked(self, kind: str, value: Any) -> dict[str, Any]:
        """Returns a line's value when it is one of its kind."""
        with suppress(ValueError, RecursionError, OverflowError):
            found: dict[str, Any] = _adapter(kind).validate_python(value, strict=True)
            if "created_at" in found:
                schema.seconds(found["created_at"])
            return found
        raise self.wrong(f"line {self.count} is no {kind} as snapshots hold them")

    def reserve(self, size: int) -> None:
        """Sets bytes aside for a content, when there can be so many."""
        if not 0 <= size <= self._left:
            raise self.wrong("it unpacks to more than was written")
        self._left -= size

    def take(self, size: int) -> bytes:
        """Reads on in a content."""
        chunk = self._read(self._file.read, size)
        if size and not chunk:
            raise self.wrong("it is cut short")
        return chunk

    def end(self) -> None:
        """Expects that nothing follows."""
        if self._left or self._read(self._file.read, 1):
            raise self.wrong("it is not as long as was written")

    def _read(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise self.wrong("it cannot be unpacked") from None


class _Content(io.RawIOBase):
    """An artifact's content, verified at its end."""

    def __init__(self, lines: _Lines, artifact: Record) -> None:
        lines.reserve(artifact["size_bytes"])
        self._lines, self._artifact = lines, artifact
        self._left, self._digest = artifact["size_bytes"], hashlib.sha256()

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads on; raises CorruptData at the end when the bytes are not what was stored."""
        chunk = self._lines.take(min(len(buffer), self._left))
        self._digest.update(chunk)
        self._left -= len(chunk)
        if not self._left and self._digest.hexdigest() != self._artifact["sha256"]:
            raise self._lines.wrong(f"the content of artifact {self._artifact['artifact_id']!r} was changed")
        buffer[: len(chunk)] = chunk
        return len(chunk)


@cache
def _adapter(kind: str) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Header if kind == "header" else _TYPES[kind])


def _check_version(snapshot_id: str, version: Any) -> None:
    if not isinstance(version, int) or version > VERSION:
        raise NewerDatabase(
            f"snapshot {snapshot_id!r} was written by a newer DataOps: "
            f"its format is {version!r:.20}, this one reads {VERSION}",
            hint="pip install --upgrade dataops-core",
        )


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _damaged(snapshot_id: str, why: str) -> CorruptData:
    return CorruptData(
        f"snapshot {snapshot_id!r} is damaged: {why}", hint="use another snapshot of the session, or a backup"
    )
