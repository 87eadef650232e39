"""Blob stores that are each broken in one way, and the clause of the suite that must notice."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from dataops_core.contracts.blobs import BlobInfo, BlobPage
from dataops_core.errors import Conflict
from dataops_core.storage.blob_file import BlobReader
from dataops_core.storage.blob_names import file_path
from dataops_core.storage.file_blobs import FileBlobs

#: Broken blob stores, each with the clause that must notice.
BROKEN_BLOBS: dict[type[FileBlobs], str] = {}


def caught_by(clause: str) -> Callable[[type[FileBlobs]], type[FileBlobs]]:
    def keep(cls: type[FileBlobs]) -> type[FileBlobs]:
        BROKEN_BLOBS[cls] = clause
        return cls

    return keep


@caught_by("test_if_absent_keeps_what_is_there")
class ReplacesWhatIsThere(FileBlobs):
    def put(self, key: str, stream: BinaryIO, *, if_absent: bool = False, content_type: str | None = None) -> BlobInfo:
        return super().put(key, stream, content_type=content_type)


@caught_by("test_if_absent_decides_at_the_end")
class DecidesTooEarly(FileBlobs):
    def put(self, key: str, stream: BinaryIO, *, if_absent: bool = False, content_type: str | None = None) -> BlobInfo:
        if if_absent and self.head(key) is not None:
            raise Conflict("it is there")
        return super().put(key, stream, content_type=content_type)


@caught_by("test_an_unfinished_blob_is_not_there")
class ShowsUnfinishedBlobs(FileBlobs):
    def put(self, key: str, stream: BinaryIO, *, if_absent: bool = False, content_type: str | None = None) -> BlobInfo:
        if not if_absent and self.head(key) is None:
            super().put(key, io.BytesIO(b""))
        return super().put(key, stream, if_absent=if_absent, content_type=content_type)


@caught_by("test_a_broken_stream_stores_nothing")
class StoresHalfABlob(FileBlobs):
    def put(self, key: str, stream: BinaryIO, *, if_absent: bool = False, content_type: str | None = None) -> BlobInfo:
        read = b""
        try:
            while piece := stream.read(1 << 20):
                read += piece
        except RuntimeError:
            super().put(key, io.BytesIO(read), if_absent=if_absent, content_type=content_type)
            raise
        return super().put(key, io.BytesIO(read), if_absent=if_absent, content_type=content_type)


@caught_by("test_a_stream_may_come_in_pieces")
class ReadsOnce(FileBlobs):
    """Takes the first piece for everything."""

    def put(self, key: str, stream: BinaryIO, *, if_absent: bool = False, content_type: str | None = None) -> BlobInfo:
        return super().put(key, io.BytesIO(stream.read(1 << 30)), if_absent=if_absent, content_type=content_type)


@caught_by("test_ranges")
class IncludesTheEnd(FileBlobs):
    def open(self, key: str, *, start: int = 0, stop: int | None = None) -> BinaryIO:
        return super().open(key, start=start, stop=None if stop is None else stop + 1)


@caught_by("test_a_damaged_blob_is_noticed")
class VerifiesNothing(FileBlobs):
    def _reader(self, key: str, start: int, stop: int | None) -> BlobReader:
        reader = super()._reader(key, start, stop)
        reader._digest = None
        return reader


@caught_by("test_bytes_come_back_as_they_went_in")
class LosesTheContentType(FileBlobs):
    def head(self, key: str) -> BlobInfo | None:
        info = super().head(key)
        return info and BlobInfo(info.key, info.size, info.sha256, None, info.modified)


@caught_by("test_deleting")
class DeletesWhatLiesBelow(FileBlobs):
    def delete(self, key: str) -> None:
        for info in super().list(key + "/").items:
            super().delete(info.key)
        super().delete(key)


@caught_by("test_what_is_missing")
class FailsOnWhatIsMissing(FileBlobs):
    def delete(self, key: str) -> None:
        with self.open(key):
            super().delete(key)


@caught_by("test_copies_are_independent")
class CopiesAPointer(FileBlobs):
    def __init__(self, root: Any) -> None:
        super().__init__(root)
        self._points: dict[str, str] = {}

    def copy(self, src: str, dst: str) -> BlobInfo:
        info = super().copy(src, dst)
        self._points[dst] = src
        return info

    def open(self, key: str, *, start: int = 0, stop: int | None = None) -> BinaryIO:
        return super().open(self._points.get(key, key), start=start, stop=stop)


@caught_by("test_hostile_keys")
class IgnoresCase(FileBlobs):
    def put(self, key: str, stream: BinaryIO, *, if_absent: bool = False, content_type: str | None = None) -> BlobInfo:
        return super().put(key.lower(), stream, if_absent=if_absent, content_type=content_type)


@caught_by("test_hostile_keys")
class NormalisesUnicode(FileBlobs):
    def put(self, key: str, stream: BinaryIO, *, if_absent: bool = False, content_type: str | None = None) -> BlobInfo:
        return super().put(unicodedata.normalize("NFC", key), stream, if_absent=if_absent, content_type=content_type)


@caught_by("test_listings_are_ordered_and_paged")
class ListsFoldersFirst(FileBlobs):
    def list(self, prefix: str = "", *, limit: int = 1000, cursor: str | None = None) -> BlobPage:
        page = super().list(prefix, limit=limit, cursor=cursor)
        return BlobPage(sorted(page.items, key=lambda i: ("/" not in i.key, i.key)), page.cursor)


@caught_by("test_listings_are_ordered_and_paged")
class SkipsAKeyAfterEachPage(FileBlobs):
    def list(self, prefix: str = "", *, limit: int = 1000, cursor: str | None = None) -> BlobPage:
        page = super().list(prefix, limit=limit, cursor=cursor)
        return BlobPage(page.items[1:], page.cursor) if cursor else page


@caught_by("test_listings_are_ordered_and_paged")
class TakesAPrefixForAFolder(FileBlobs):
    def list(self, prefix: str = "", *, limit: int = 1000, cursor: str | None = None) -> BlobPage:
        return super().list(prefix if prefix in ("", "/") else prefix.rstrip("/") + "/", limit=limit, cursor=cursor)


def damage(root: Path, key: str) -> None:
    """Changes one byte of a stored blob."""
    with root.joinpath(*file_path(key)).open("r+b") as file:
        file.seek(3)
        byte = file.read(1)[0]
        file.seek(3)
        file.write(bytes([byte ^ 1]))
