"""The embedded blob store: a folder of files. The URL is `file:///absolute/path`, percent-encoded; see `file_url`.

A blob is one file (`blob_file`), its name made of its key (`blob_names`). It is written under `%tmp`, made durable, and
gets its name in one step. Folders are opened one by one and never through a symbolic link, so no key leaves the root.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from dataops_core.contracts.blobs import BlobInfo, BlobPage, BlobStore, check_blob_key
from dataops_core.contracts.hookspecs import hookimpl
from dataops_core.contracts.records import Finding
from dataops_core.contracts.sweeping import Swept
from dataops_core.errors import Conflict, CorruptData, DataOpsError, InvalidValue, NotFound
from dataops_core.storage.blob_file import BlobReader, describe, write
from dataops_core.storage.blob_names import UNFINISHED, file_path, keys
from dataops_core.storage.folders import free_space, make_private_folder, path_of_url, refused, url_of_path

DATAOPS_API = 1
_LEFT_OVER_SECONDS: Final = 86_400
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: What opening a name says when nothing of ours is there; a symbolic link is nothing of ours.
_ABSENT: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


@hookimpl
def dataops_blob_store(url: str) -> BlobStore:
    """Opens `file:///absolute/path`."""
    return FileBlobs(path_of_url(url, "file", relative=False))


def file_url(path: str | Path) -> str:
    """Returns the URL of a folder; a relative path is made absolute."""
    return url_of_path(path, "file://")


class FileBlobs:
    """Blobs in files below one folder (files 0600, folders 0700). Safe to use from many threads and processes.

    Args:
        root: the folder; created when missing.
    """

    capabilities: frozenset[str] = frozenset()

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).absolute()

    def put(self, key: str, stream: BinaryIO, *, if_absent: bool = False, content_type: str | None = None) -> BlobInfo:
        """Stores what the stream holds, all or nothing. With `if_absent` an existing blob raises Conflict."""
        path = file_path(check_blob_key(key))
        unfinished = f"{secrets.token_hex(12)}.tmp"
        try:
            if if_absent and (taken := self._open(path)) is not None:
                os.close(taken)
                raise FileExistsError
            with self._folder([UNFINISHED], create=True) as place:
                fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=place)
                try:
                    with open(fd, "wb", buffering=0) as file:
                        fcntl.flock(fd, fcntl.LOCK_EX)  # says that its writer lives; see `sweep`
                        info = write(file, key, stream, content_type)
                        self._name(place, unfinished, path, if_absent)
                finally:
                    with suppress(FileNotFoundError):
                        os.unlink(unfinished, dir_fd=place)
        except FileExistsError:
            raise Conflict(f"blob {key!r} exists already", hint="a blob is never changed; use another key") from None
        except OSError as error:
            raise refused(error, f"cannot store blob {key!r} in {self.root}") from error
        return info

    def open(self, key: str, *, start: int = 0, stop: int | None = None) -> BinaryIO:
        """Returns a stream of the bytes in `[start, stop)`; a whole one verifies its SHA-256 at the end."""
        if start < 0 or (stop is not None and stop < 0):
            raise InvalidValue(f"a range of bytes begins and ends at 0 or later, not at {start} and {stop}")
        return self._reader(key, start, stop).buffered()

    def head(self, key: str) -> BlobInfo | None:
        """Returns what is known of a blob, or None."""
        fd = self._open(file_path(check_blob_key(key)))
        if fd is None:
            return None
        try:
            return describe(fd, key)
        finally:
            os.close(fd)

    def copy(self, src: str, dst: str) -> BlobInfo:
        """Copies a blob's bytes, verified on the way; raises NotFound when `src` is missing."""
        reader = self._reader(src, 0, None)
        with reader.buffered() as stream:
            return self.put(dst, stream, content_type=reader.info.content_type)

    def delete(self, key: str) -> None:
        """Deletes a blob and the folders that it leaves empty; a missing one is no error."""
        *folders, name = file_path(check_blob_key(key))
        try:
            with self._folder(folders) as place:
                os.unlink(name, dir_fd=place)
            while folders:
                *folders, name = folders
                with self._folder(folders) as place:
                    os.rmdir(name, dir_fd=place)
        except OSError as error:
            if error.errno not in (*_ABSENT, errno.ENOTEMPTY, errno.EEXIST):
                raise refused(error, f"cannot delete blob {key!r} in {self.root}") from error

    def list(self, prefix: str = "", *, limit: int = 1000, cursor: str | None = None) -> BlobPage:
        """Lists the blobs whose key begins with `prefix`, in key order.

        A damaged one is listed too, with an empty `sha256`, so that it can be found and deleted.
        """
        if limit < 1:
            raise InvalidValue(f"a page holds at least one blob, not {limit}")
        items: list[BlobInfo] = []
        try:
            for key in keys(self._folder, prefix, cursor or ""):
                info = self._listed(key)
                if info is None:  # deleted meanwhile
                    continue
                if len(items) == limit:
                    return BlobPage(items, items[-1].key)
                items.append(info)
        except UnicodeEncodeError:
            raise InvalidValue(f"prefix {prefix!r:.60} is not valid Unicode") from None
        except OSError as error:
            raise refused(error, f"cannot list blobs in {self.root}") from error
        return BlobPage(items)

    def prepare(self) -> builtins.list[str]:
        """Creates the folder and clears what crashes left unfinished a day ago; says what it did, a line each."""
        done = [f"created folder {self.root}"] if make_private_folder(self.root) else []
        removed = self.sweep(_LEFT_OVER_SECONDS)[0].count
        return done + [f"removed {removed} unfinished files from {self.root}"] * (removed > 0)

    def sweep(self, grace: float, *, dry_run: bool = False) -> builtins.list[Swept]:
        """Removes what never became a blob: files whose writer is gone, and that are `grace` seconds old."""
        count = size = 0
        try:
            with self._folder([UNFINISHED], create=True) as place, os.scandir(place) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        if time.time() - status.st_mtime < max(grace, 1.0) or _is_held(entry.name, place):
                            continue
                        if not dry_run:
                            os.unlink(entry.name, dir_fd=place)
                        count, size = count + 1, size + status.st_size
        except OSError as error:
            raise refused(error, f"cannot use folder {self.root}") from error
        return [Swept("unfinished files", count, size)]

    def check(self) -> builtins.list[Finding]:
        """Says what is wrong with the folder, its permissions and its disk, and what is right."""
        try:
            with self._folder([UNFINISHED], create=True) as place:
                unfinished = len(os.listdir(place))
                probe = f"{secrets.token_hex(12)}.tmp"
                os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=place))
                os.unlink(probe, dir_fd=place)
                mode = os.stat(self.root).st_mode
            space = os.statvfs(self.root)
            low = free_space(self.root)
        except (OSError, DataOpsError) as error:
            return [Finding("error", f"cannot use folder {self.root}: {error}", "make it writable for this user")]
        free = space.f_bavail * space.f_frsize
        findings = [Finding("ok", f"folder {self.root} can be written; {free / 1e9:.1f} GB are free"), *low]
        if mode & 0o077:
            findings.append(Finding("warn", f"other users can enter {self.root}", f"chmod 700 {self.root}"))
        if unfinished:
            findings.append(
                Finding("ok", f"{unfinished} unfinished files in {self.root}", "storage gc removes those left over")
            )
        return findings

    def close(self) -> None:
        """Releases nothing: the store keeps no file open."""

    # Within

    @contextmanager
    def _folder(self, names: builtins.list[str], *, create: bool = False) -> Iterator[int]:
        """Opens a folder below the root, never through a symbolic link; yields its descriptor."""
        if create:
            make_private_folder(self.root)
        fd = os.open(self.root, _FOLDER & ~os.O_NOFOLLOW)
        try:
            for name in names:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(name, 0o700, dir_fd=fd)
                        os.fsync(fd)
                inner = os.open(name, _FOLDER, dir_fd=fd)
                os.close(fd)
                fd = inner
            yield fd
        finally:
            os.close(fd)

    def _name(self, place: int, unfinished: str, path: builtins.list[str], if_absent: bool) -> None:
        """Gives a finished file its name, durably."""
        *folders, name = path
        for attempt in range(10):
            try:
                with self._folder(folders, create=True) as folder:
                    if if_absent:
                        os.link(unfinished, name, src_dir_fd=place, dst_dir_fd=folder, follow_symlinks=False)
                    else:
                        os.replace(unfinished, name, src_dir_fd=place, dst_dir_fd=folder)
                    os.fsync(folder)
                return
            except FileNotFoundError:
                # A delete elsewhere removed the folder while it was empty.
                if attempt == 9:
                    raise

    def _reader(self, key: str, start: int, stop: int | None) -> BlobReader:
        fd = self._open(file_path(check_blob_key(key)))
        if fd is None:
            raise NotFound(f"blob {key!r} does not exist in {self.root}")
        try:
            return BlobReader(fd, describe(fd, key), start, stop)
        except BaseException:
            os.close(fd)
            raise

    def _open(self, path: builtins.list[str]) -> int | None:
        try:
            with self._folder(path[:-1]) as folder:
                # A pipe in its place must hold nobody up.
                return os.open(path[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise refused(error, f"cannot read {'/'.join(path)} in {self.root}") from error

    def _listed(self, key: str) -> BlobInfo | None:
        fd = self._open(file_path(key))
        if fd is None:
            return None
        try:
            return describe(fd, key)
        except CorruptData:
            status = os.fstat(fd)
            return BlobInfo(key, status.st_size, "", None, status.st_mtime)
        finally:
            os.close(fd)


def _is_held(name: str, place: int) -> bool:
    """Says whether somebody still writes a file."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
