"""What is known of a blob, as an object's metadata, so that bytes and description are one object and cannot part.

S3 takes metadata when an upload begins, so a stream is measured before: its size and SHA-256 must be known by then.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast
from urllib.parse import quote, unquote

from dataops_core.contracts.blobs import CHUNK, BlobInfo
from dataops_core.errors import InvalidValue, Unreachable

_SHA256: Final = "sha256"
_WRITTEN: Final = "written"
_TYPE: Final = "type"
#: Names one upload, so that its writer knows it again when an answer got lost.
UPLOAD: Final = "upload"
_TYPE_BYTES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Measured:
    """A stream that can be read again from its start: `source` at `start`, `size` bytes, hex `sha256`."""

    source: BinaryIO
    start: int
    size: int
    sha256: str

    def rewind(self) -> BinaryIO:
        """Returns the source at its start."""
        self.source.seek(self.start)
        return self.source


@contextmanager
def measured(stream: BinaryIO) -> Iterator[Measured]:
    """Reads a stream from where it stands to its end; one that cannot go back is kept in a temporary file."""
    if _can_go_back(stream):
        start = stream.tell()
        size, digest = _read(stream, None)
        yield Measured(stream, start, size, digest)
        return
    try:
        spool = tempfile.SpooledTemporaryFile(max_size=CHUNK)  # noqa: SIM115 - closed below
    except OSError as error:
        raise _no_room(error) from error
    with spool:
        size, digest = _read(stream, cast(BinaryIO, spool))
        yield Measured(cast(BinaryIO, spool), 0, size, digest)


def described(measured: Measured, content_type: str | None) -> dict[str, Any]:
    """Returns what an upload of a blob tells S3 of it: metadata, and a content type for browsers where it is plain."""
    metadata = {
        _SHA256: measured.sha256,
        _WRITTEN: repr(time.time()),
        UPLOAD: secrets.token_urlsafe(12),
    }
    told: dict[str, Any] = {"Metadata": metadata}
    if content_type is not None:
        metadata[_TYPE] = quote(content_type, safe="/;=+. ")
        if len(metadata[_TYPE]) > _TYPE_BYTES:
            raise InvalidValue(f"content type {content_type!r:.60}... is too long", hint="name a media type")
        if content_type.isascii() and content_type.isprintable() and content_type.strip() == content_type != "":
            told["ContentType"] = content_type
    return told


def info_of(key: str, size: int, metadata: Mapping[str, str]) -> BlobInfo | None:
    """Returns what an object's metadata say, or None when somebody else put the object there."""
    try:
        sha256, written = metadata[_SHA256], float(metadata[_WRITTEN])
    except (KeyError, ValueError):
        return None
    content_type = metadata.get(_TYPE)
    return BlobInfo(key, size, sha256, None if content_type is None else unquote(content_type), written)


def copied(metadata: Mapping[str, str]) -> dict[str, str]:
    """Returns the metadata of a copy: the same content, written now, by an upload of its own."""
    return {**metadata, _WRITTEN: repr(time.time()), UPLOAD: secrets.token_urlsafe(12)}


def _can_go_back(stream: BinaryIO) -> bool:
    seekable = getattr(stream, "seekable", None)
    return bool(seekable and seekable())


def _read(stream: Any, into: BinaryIO | None) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(CHUNK):
        if isinstance(chunk, str):
            raise InvalidValue("a blob is made of bytes, this stream gives text", hint="open the file with 'rb'")
        digest.update(chunk)
        size += len(chunk)
        if into is not None:
            try:
                into.write(chunk)
            except OSError as error:
                raise _no_room(error) from error
    return size, digest.hexdigest()


def _no_room(error: OSError) -> Unreachable:
    return Unreachable(
        f"no room for a temporary file in {tempfile.gettempdir()}: {error.strerror}",
        hint="free some disk space, or point TMPDIR elsewhere",
    )
