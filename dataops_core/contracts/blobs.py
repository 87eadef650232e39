"""The blob store: bytes by key. Streams in bounded memory, verified by SHA-256, atomic per key."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

from dataops_core.contracts.records import Finding
from dataops_core.errors import InvalidValue

MAX_KEY_BYTES: Final = 900
CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """What a store knows of a blob: `size` in bytes, hex `sha256`, `modified` in seconds since 1970, UTC."""

    key: str
    size: int
    sha256: str
    content_type: str | None
    modified: float


@dataclass(frozen=True, slots=True)
class BlobPage:
    """One page of a listing in key order; `cursor` continues it and is None at the end."""

    items: list[BlobInfo]
    cursor: str | None = None


class BlobStore(Protocol):
    """Bytes by key. Keys are relative paths of `/`-separated parts (see `check_blob_key`); no key leaves the root.

    `capabilities` names what goes beyond the contract: `presign`. A store may also be a `records.Sweeper`.
    """

    capabilities: frozenset[str]

    def put(self, key: str, stream: BinaryIO, *, if_absent: bool = False, content_type: str | None = None) -> BlobInfo:
        """Stores what the stream holds, all or nothing. With `if_absent` an existing blob raises Conflict."""

    def open(self, key: str, *, start: int = 0, stop: int | None = None) -> BinaryIO:
        """Returns a stream of the bytes in `[start, stop)`.

        Reading a whole blob to its end verifies its SHA-256 and raises CorruptData when it differs.

        Raises:
            NotFound: there is no such blob.
        """

    def head(self, key: str) -> BlobInfo | None:
        """Returns what is known of a blob, or None."""

    def copy(self, src: str, dst: str) -> BlobInfo:
        """Copies a blob; raises NotFound when `src` is missing."""

    def delete(self, key: str) -> None:
        """Deletes a blob; a missing one is no error."""

    def list(self, prefix: str = "", *, limit: int = 1000, cursor: str | None = None) -> BlobPage:
        """Lists the blobs whose key begins with `prefix`, in key order."""

    def prepare(self) -> builtins.list[str]:
        """Creates what is missing and says what it did, a line each."""

    def check(self) -> builtins.list[Finding]:
        """Says what is wrong with the store, and what is right."""

    def close(self) -> None:
        """Releases connections; safe to call twice."""


def check_blob_key(key: str) -> str:
    """Returns the key when every backend can hold it safely.

    A key is at most 900 bytes, made of parts joined by `/`; a part is not empty, not `.` or `..`, at most 240 bytes,
    and holds no control character and no backslash.

    Raises:
        InvalidValue: names the key and the rule.
    """
    if not isinstance(key, str) or not key:
        raise InvalidValue(f"a blob key is a non-empty string, not {key!r:.60}")
    try:
        raw = key.encode()
    except UnicodeEncodeError:
        raise InvalidValue(f"blob key {key!r:.60} is not valid Unicode") from None
    if len(raw) > MAX_KEY_BYTES:
        raise InvalidValue(f"blob key {key[:40]!r}... has {len(raw)} bytes, at most {MAX_KEY_BYTES} are allowed")
    for part in key.split("/"):
        if part in ("", ".", ".."):
            raise InvalidValue(f"blob key {key!r:.80} has an empty or dotted part")
        if len(part.encode()) > 240:
            raise InvalidValue(f"blob key {key!r:.80} has a part over 240 bytes")
    if any(ord(c) < 32 or ord(c) == 127 or c == "\\" for c in key):
        raise InvalidValue(f"blob key {key!r:.80} holds a control character or a backslash")
    return key
