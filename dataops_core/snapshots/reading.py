"""Reading snapshots, which are trusted in nothing.

No more is decompressed than the snapshot's row and the limits allow, every value is validated, and the SHA-256 of the
whole and of every content is checked. Whatever is wrong is one CorruptData that names the snapshot.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, Final, Literal, NamedTuple, NotRequired, cast

from typing_extensions import TypedDict

from dataops_core.contracts.blobs import CHUNK
from dataops_core.contracts.records import Record
from dataops_core.errors import CorruptData, NewerDatabase
from dataops_core.snapshots.lines import Lines
from dataops_core.snapshots.writing import VERSION, blob_key, snapshot_id_of
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


_TYPES: Final[dict[str, type]] = {"message": MessageLine, "run": RunLine, "artifact": ArtifactLine, "end": EndLine}


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
    with opened(stores, row) as file:
        yield from unpacked_parts(snapshot_id, Lines(file, row["unpacked_bytes"], partial(_damaged, snapshot_id)))


@contextmanager
def opened(stores: Stores, row: Record) -> Generator[Any, None, None]:
    """Opens the bytes of a snapshot, unpacked; whoever reads on after them verified the blob when it closes.

    Raises:
        CorruptData: the stored bytes are not what was written.
        NewerDatabase: a newer DataOps wrote them.
    """
    snapshot_id = snapshot_id_of(row)
    _check_version(snapshot_id, row["schema_version"])
    key = blob_key(snapshot_id)
    info = stores.blobs.head(key)
    if info is None:
        raise _damaged(snapshot_id, "its content is gone")
    if (info.size, info.sha256) != (row["size_bytes"], row["sha256"]):
        raise _damaged(snapshot_id, "its content was changed")
    with stores.blobs.open(key) as raw:
        yield gzip.GzipFile(fileobj=raw) if row["compressed"] else raw
        while raw.read(CHUNK):  # to its end, where the store verifies it
            pass


def unpacked_parts(snapshot_id: str, lines: Lines) -> Generator[Part, None, None]:
    """Yields the parts of a snapshot whose lines these are; `parts` says how."""
    first = lines.line()
    if isinstance(first, dict) and isinstance(first.get("schema_version"), int):
        _check_version(snapshot_id, first["schema_version"])
    facts = lines.checked("header", Header, first)
    if facts["snapshot_id"] != snapshot_id or facts["session_id"] != schema.session_of(snapshot_id):
        raise lines.wrong("it is another snapshot's")
    yield Part("header", facts)
    counts = {"message": 0, "run": 0, "artifact": 0}
    number = 0
    while True:
        said = lines.line()
        if not isinstance(said, dict) or len(said) != 1 or (kind := next(iter(said))) not in _TYPES:
            raise lines.wrong(f"line {lines.count} is none of a snapshot")
        value = lines.checked(kind, _TYPES[kind], said[kind])
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


class _Content(io.RawIOBase):
    """An artifact's content, verified at its end."""

    def __init__(self, lines: Lines, artifact: Record) -> None:
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


def _check_version(snapshot_id: str, version: Any) -> None:
    if not isinstance(version, int) or version > VERSION:
        raise NewerDatabase(
            f"snapshot {snapshot_id!r} was written by a newer DataOps: "
            f"its format is {version!r:.20}, this one reads {VERSION}",
            hint="pip install --upgrade dataops-core",
        )


def _damaged(snapshot_id: str, why: str) -> CorruptData:
    return CorruptData(
        f"snapshot {snapshot_id!r} is damaged: {why}", hint="use another snapshot of the session, or a backup"
    )
