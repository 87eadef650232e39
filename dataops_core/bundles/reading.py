"""Reading a bundle, which is trusted in nothing.

What the zip's directory claims is held against the limits before anything is unpacked, and against the file; a name is
only compared with those that a bundle has, and never used as a path; every member is counted and its SHA-256 compared
with the manifest's as it is read. Whatever is wrong is one error that names the file.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from dataops_core.bundles import layout
from dataops_core.bundles.layout import Listener
from dataops_core.bundles.shapes import Manifest
from dataops_core.contracts.blobs import CHUNK
from dataops_core.errors import CorruptData, InvalidValue, NewerDatabase, NotFound
from dataops_core.snapshots.lines import Lines
from dataops_core.storage import schema

#: What the zip library raises for bytes that are not what they should be.
_BROKEN = (BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, RuntimeError, ValueError, OverflowError)


@contextmanager
def open_bundle(path: Path) -> Iterator[Bundle]:
    """Opens a bundle, and holds its directory and manifest against the limits.

    Raises:
        NotFound: no such file.
        InvalidValue: it cannot be read, or is no bundle, or breaks a limit.
        CorruptData: it is damaged or forged.
        NewerDatabase: a newer DataOps wrote it.
    """
    try:
        # A pipe must hold nobody up, and a folder is told like one.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(
            f"no file {str(path)!r}", hint="dataops context dump SESSION --out FILE makes a bundle"
        ) from None
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        told = getattr(error, "strerror", None) or error
        raise InvalidValue(f"bundle {str(path)!r} cannot be read: {told}", hint="name a file you may read") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise InvalidValue(f"{str(path)!r} is no file", hint="a bundle is a file, which is read more than once")
    with open(fd, "rb") as file:
        yield Bundle(path, file)


class Bundle:
    """An open bundle; `open_bundle` makes it.

    Attributes:
        session_id: of the session that was dumped, as the bundle says.
        size: of the file in bytes.
        beat: called with every piece that is read.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self.beat: Callable[[], None] = _nothing
        self.size = os.fstat(file.fileno()).st_size
        try:
            self._zip = ZipFile(cast(BinaryIO, _Directory(file)))
        except _TooLarge:
            raise self._refused(f"its directory has more than {layout.MAX_DIRECTORY_BYTES} bytes") from None
        except _BROKEN:
            raise self.wrong("it is cut short, or no zip file at all") from None
        self._infos = {info.filename: info for info in self._zip.filelist}
        self._check_directory()
        self._manifest = self._read_manifest()
        self.session_id: str = self._manifest["session_id"]

    def wrong(self, why: str) -> CorruptData:
        """Returns the error for what is wrong with the bytes."""
        return CorruptData(f"bundle {str(self._path)!r} is damaged: {why}", hint="copy it again, or dump it anew")

    def verify(self, heard: Listener | None = None) -> None:
        """Reads all of it once; raises CorruptData for a member that is not what the manifest says."""
        for number, name in enumerate(self._manifest["members"], 1):
            with self.open(name) as stream:
                while stream.read(CHUNK):
                    pass
            if heard is not None:
                heard("members verified", number)

    def open(self, name: str) -> BinaryIO:
        """Opens a member, which is verified at its end; raises CorruptData."""
        told = self._manifest["members"].get(name)
        if told is None:
            raise self.wrong(f"it has no {name}")
        wrong = partial(self._wrong_in, name)
        member = _Member(self._unpacked(name), told["size"], told["sha256"], wrong, self.beat)
        return cast(BinaryIO, io.BufferedReader(member, 1 << 17))

    @contextmanager
    def lines(self, name: str) -> Iterator[Lines]:
        """Opens a member of lines."""
        with self.open(name) as stream:
            size = self._manifest["members"][name]["size"]
            yield Lines(stream, size, partial(self._wrong_in, name), layout.MAX_LINE_BYTES)

    def _wrong_in(self, name: str, why: str) -> CorruptData:
        return self.wrong(f"{name}: {why}")

    def _refused(self, why: str) -> InvalidValue:
        return InvalidValue(f"bundle {str(self._path)!r} is refused: {why}", hint="load only what you dumped yourself")

    def _check_directory(self) -> None:
        if len(self._infos) != len(self._zip.filelist):
            raise self._refused("a name is in it twice")
        for info in self._zip.filelist:
            name, kind = info.filename, stat.S_IFMT(info.external_attr >> 16)
            if not layout.NAME.fullmatch(name) or info.orig_filename != name:
                raise self._refused(f"{info.orig_filename!r:.80} is no name that a bundle has")
            if info.flag_bits & 0x41:
                raise self._refused(f"member {name} is encrypted")
            if kind not in (0, stat.S_IFREG):
                raise self._refused(f"member {name} is no plain file")
            if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                raise self._refused(f"member {name} is packed in a way that bundles are not")
        if broken := layout.too_much(self._zip.filelist, self.size):
            raise self._refused(broken)

    def _read_manifest(self) -> dict[str, Any]:
        info = self._infos.get(layout.MANIFEST)
        if info is None:
            raise self._refused(f"it has no {layout.MANIFEST}, so it is no bundle")
        if info.file_size > layout.MAX_MANIFEST_BYTES:
            raise self._refused(f"its manifest has more than {layout.MAX_MANIFEST_BYTES} bytes")
        wrong = partial(self._wrong_in, layout.MANIFEST)
        with _Member(self._unpacked(layout.MANIFEST), info.file_size, None, wrong, self.beat) as stream:
            lines = Lines(io.BufferedReader(stream), info.file_size, wrong)
            said = lines.line()
            lines.end()
        version = said.get("version") if isinstance(said, dict) and said.get("format") == layout.FORMAT else None
        if isinstance(version, int) and version > layout.VERSION:
            raise NewerDatabase(
                f"bundle {str(self._path)!r} was written by a newer DataOps: "
                f"its format is {version!r:.20}, this one reads {layout.VERSION}",
                hint="pip install --upgrade dataops-core",
            )
        manifest = lines.checked("manifest", Manifest, said)
        members = manifest["members"]
        if not schema.is_session_id(manifest["session_id"]):
            raise wrong("its session id is none")
        if {*members, layout.MANIFEST} != set(self._infos):
            named = sorted({*members, layout.MANIFEST} ^ set(self._infos))
            raise wrong(f"it and the file do not name the same members: {named[0]!r:.60}")
        for name, told in members.items():
            if told["size"] != self._infos[name].file_size:
                raise wrong(f"{name} has {self._infos[name].file_size} bytes, not {told['size']}")
        return manifest

    def _unpacked(self, name: str) -> Any:
        try:
            return self._zip.open(self._infos[name])
        except (*_BROKEN, OSError):
            raise self._wrong_in(name, "it cannot be unpacked") from None


class _Member(io.RawIOBase):
    """The bytes of a member, counted, and compared at their end with what the manifest says."""

    def __init__(
        self,
        unpacked: Any,
        size: int,
        sha256: str | None,
        wrong: Callable[[str], CorruptData],
        beat: Callable[[], None],
    ) -> None:
        self._file, self._size, self._sha256, self._wrong, self._beat = unpacked, size, sha256, wrong, beat
        self._seen, self._digest = 0, hashlib.sha256()

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads on."""
        self._beat()
        try:
            chunk = self._file.read(len(buffer))
        except (*_BROKEN, OSError):
            raise self._wrong("it cannot be unpacked") from None
        self._seen += len(chunk)
        self._digest.update(chunk)
        if self._seen > self._size or (not chunk and self._seen < self._size):
            raise self._wrong(f"it has not the {self._size} bytes that it should have")
        if self._seen == self._size and self._sha256 not in (None, self._digest.hexdigest()):
            raise self._wrong("its SHA-256 is not the manifest's")
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        """Closes the member."""
        self._file.close()
        super().close()


def _nothing() -> None:
    """Does nothing."""


class _TooLarge(Exception):
    """The directory of a zip file is larger than that of a bundle can be."""


class _Directory(io.RawIOBase):
    """A file whose directory is only read when it has a size that a bundle's can have.

    The zip library takes the directory into memory in one read, and reads nothing else of that size in one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Reads on."""
        read = self._file.read(
            layout.MAX_DIRECTORY_BYTES + 1 if size < 0 else min(size, layout.MAX_DIRECTORY_BYTES + 1)
        )
        if len(read) > layout.MAX_DIRECTORY_BYTES:
            raise _TooLarge
        return read

    def seek(self, offset: int, whence: int = 0) -> int:
        """Goes elsewhere."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Says where it is."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Yes."""
        return True

    def readable(self) -> bool:
        """Yes."""
        return True
