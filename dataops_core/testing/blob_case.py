"""What the clauses of the blob suite share: streams that behave badly, keys, and shorthands."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any, BinaryIO, Final, cast

from dataops_core.contracts.blobs import BlobInfo, BlobPage, BlobStore

#: Keys that are allowed, and easily got wrong.
KEYS: Final = (
    "a", "A", "a/b", "a/b/c", "a.b", "a b", "a-", "a0", "é", "e\u0301", "É", "ß", "ss", "\uffff", "\U0001f600",
    "...", ".hidden", "a..b", "~", "-", "*", "?", "[a]", "a:b", "a|b", "'\";--", "$HOME", "`id`", "%2e%2e", "%",
    "a%2Fb", "con", "a.", " a", "a ", "a.blob", "a.tmp", "a.json/b", "x" * 240, "X" * 240, "é" * 120, "\U0001f600" * 60,
    "/".join(["y"] * 100), "/".join(["z" * 240] * 3),
)  # fmt: skip
#: Keys that no backend takes.
IMPOSSIBLE: Final = (
    "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a\\b", "a\0b", "a\nb", "\x7f", "\ud800",
    "x" * 241, "é" * 121, "/".join(["y"] * 451), None, 7, b"a",
)  # fmt: skip


class Trickle(io.RawIOBase):
    """A stream that gives what it has in small pieces, then does something.

    Args:
        data: what it gives.
        piece: how many bytes at a time.
        then: called at the end, before the stream says that it is over.
    """

    def __init__(self, data: bytes, piece: int = 7, then: Callable[[], object] | None = None) -> None:
        self._rest = data
        self._piece = piece
        self._then = then

    def readable(self) -> bool:
        """Returns True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Returns the next piece."""
        size = min(size if size > 0 else self._piece, self._piece)
        given, self._rest = self._rest[:size], self._rest[size:]
        if not given and self._then is not None:
            self._then()
        return given

    def stream(self) -> BinaryIO:
        """Returns this, typed as what `put` takes."""
        return cast(BinaryIO, self)


def store_bytes(blobs: BlobStore, key: str, data: bytes, **options: Any) -> BlobInfo:
    """Stores bytes and asserts that what comes back describes them."""
    info = blobs.put(key, io.BytesIO(data), **options)
    assert (info.key, info.size, info.sha256) == (key, len(data), hashlib.sha256(data).hexdigest())
    return info


def load(blobs: BlobStore, key: str, **bounds: Any) -> bytes:
    """Returns the bytes of a blob or of a range of it."""
    with blobs.open(key, **bounds) as stream:
        return stream.read()


def in_pieces(blobs: BlobStore, key: str, size: int = 1_000) -> bytes:
    """Returns the bytes of a blob, read in pieces until one is empty."""
    with blobs.open(key) as stream:
        return b"".join(iter(lambda: stream.read(size), b""))


def listed(blobs: BlobStore, prefix: str = "", *, limit: int = 1000) -> list[str]:
    """Returns the keys of a listing, all pages together."""
    keys: list[str] = []
    cursor: str | None = None
    for _ in range(10_000):
        page: BlobPage = blobs.list(prefix, limit=limit, cursor=cursor)
        assert len(page.items) <= limit, f"a page of at most {limit} holds {len(page.items)}"
        keys += [info.key for info in page.items]
        cursor = page.cursor
        if cursor is None:
            return keys
    raise AssertionError("the cursor never ends")
