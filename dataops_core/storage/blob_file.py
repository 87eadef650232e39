"""One blob in one file: its bytes, then a trailer with what is known of it (key, size, sha256, content type).

One file, because then no crash can part the two; bytes first, because a text can still be read as it lies there.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
from typing import Any, BinaryIO, Final, cast

from dataops_core.contracts.blobs import CHUNK, BlobInfo
from dataops_core.errors import CorruptData, InvalidValue, Unreachable

_MAGIC: Final = b"DATAOPS1"
#: The trailer is a line break, JSON, the length of the JSON in four bytes, and the magic.
_END: Final = 4 + len(_MAGIC)


def write(file: io.FileIO, key: str, stream: BinaryIO, content_type: str | None) -> BlobInfo:
    """Writes a blob to an empty file, durably, in bounded memory."""
    source: Any = stream
    digest = hashlib.sha256()
    size = 0
    while chunk := source.read(CHUNK):
        if isinstance(chunk, str):
            raise InvalidValue("a blob is made of bytes, this stream gives text", hint="open the file with 'rb'")
        digest.update(chunk)
        _write_all(file, chunk)
        size += len(chunk)
    known = {"key": key, "size": size, "sha256": digest.hexdigest(), "content_type": content_type}
    text = json.dumps(known).encode()
    _write_all(file, b"\n" + text + len(text).to_bytes(4) + _MAGIC)
    os.fsync(file.fileno())
    return BlobInfo(key, size, digest.hexdigest(), content_type, os.fstat(file.fileno()).st_mtime)


def describe(fd: int, key: str) -> BlobInfo:
    """Returns what a blob's trailer says; raises CorruptData unless it fits the key and the file."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise _damaged(key, "something else lies where its file should be")
    end = os.pread(fd, _END, max(status.st_size - _END, 0))
    length = int.from_bytes(end[:4])
    start = status.st_size - _END - length
    try:
        if end[4:] != _MAGIC or start < 1:
            raise ValueError
        known = json.loads(os.pread(fd, length, start))
        if known["key"] != key or known["size"] != start - 1:
            raise ValueError
        return BlobInfo(key, known["size"], known["sha256"], known["content_type"], status.st_mtime)
    except (ValueError, KeyError, TypeError):
        raise _damaged(key, "what is known of it cannot be read") from None


class BlobReader(io.RawIOBase):
    """The bytes `[start, stop)` of a blob, read once from front to back.

    Args:
        fd: the file, closed with the reader.
        info: what is known of the blob; its content begins at 0.
        start: in bytes.
        stop: in bytes; None, and anything behind the end, is the end.
    """

    def __init__(self, fd: int, info: BlobInfo, start: int, stop: int | None) -> None:
        self.info = info
        self._fd = fd
        self._position = start
        self._stop = info.size if stop is None else min(stop, info.size)
        self._digest = hashlib.sha256() if start == 0 and self._stop == info.size else None

    def buffered(self) -> BinaryIO:
        """Returns this as a buffered stream."""
        return cast(BinaryIO, io.BufferedReader(self, 1 << 17))

    def readable(self) -> bool:
        """Returns True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills a buffer; raises CorruptData instead of handing out the end of a blob that is not what was stored."""
        room = min(len(buffer), self._stop - self._position)
        if room <= 0:
            if self.info.size == 0:
                self._verify()
            return 0
        view = memoryview(buffer)[:room]
        try:
            count = os.preadv(self._fd, [view], self._position)
        except OSError as error:
            raise Unreachable(
                f"cannot read blob {self.info.key!r}: {os.strerror(error.errno or 0)}", hint="check the disk"
            ) from error
        if count == 0:
            raise _damaged(self.info.key, "its file has become shorter")
        self._position += count
        if self._digest is not None:
            self._digest.update(view[:count])
            if self._position == self._stop:
                self._verify()
        return count

    def readall(self) -> bytes:
        """Returns the rest."""
        return b"".join(iter(lambda: self.read(CHUNK) or b"", b""))

    def close(self) -> None:
        """Closes the file."""
        if not self.closed:
            os.close(self._fd)
        super().close()

    def _verify(self) -> None:
        if self._digest is not None and self._digest.hexdigest() != self.info.sha256:
            raise _damaged(self.info.key, "its SHA-256 is not the one that was stored")


def _damaged(key: str, why: str) -> CorruptData:
    return CorruptData(f"blob {key!r} is damaged: {why}", hint="restore its file from a backup, or delete it")


def _write_all(file: io.FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
