"""Folders that only their owner can enter, and that are still there after a power cut."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, unquote

from dataops_core.contracts.records import Finding
from dataops_core.errors import DataOpsError, InvalidValue, Unreachable
from dataops_core.settings import shown_url

_NO_SPACE: Final = {"ENOSPC", "EDQUOT", "EFBIG"}
#: Bytes free below which a disk is nearly full, and full.
_LITTLE: Final = 1 << 30
_NONE: Final = 32 << 20


def path_of_url(url: str, scheme: str, *, relative: bool) -> Path:
    """Returns the absolute path that a URL of an embedded backend names.

    Args:
        url: the scheme and a percent-encoded path; a path that begins with `~` lies below the home folder.
        scheme: what the URL must begin with.
        relative: whether three slashes begin a path relative to the working directory, and four an absolute one;
            otherwise three begin an absolute one.

    Raises:
        InvalidValue: the URL has another form, options, or no path.
    """
    head = f"{scheme}:///"
    form = f"{head}relative/path or {head}/absolute/path" if relative else f"{head}absolute/path"
    if not url.startswith(head) or "?" in url or "#" in url:
        # Half of another store's URL may hold its password.
        raise InvalidValue(
            f"{shown_url(url)!r} is not a {scheme} URL", hint=f"write {form}; ? # % in a path as %3F %23 %25"
        )
    rest = url[len(head) :]
    path = unquote(rest) if relative or rest.startswith("~") else "/" + unquote(rest)
    if "\0" in path or not path.strip("/") or path == ":memory:":
        raise InvalidValue(f"{shown_url(url)!r} names no file", hint=f"write {form}")
    return Path(os.path.abspath(os.path.expanduser(path) if rest.startswith("~") else path))


def url_of_path(path: str | Path, head: str) -> str:
    """Returns the URL of a path, made absolute: `head` and the percent-encoded path."""
    return head + quote(str(Path(path).absolute())).replace("~", "%7E")


def make_private_folder(path: Path) -> bool:
    """Creates a folder (mode 0700) with its missing parents, durably.

    Returns:
        Whether anything had to be created.

    Raises:
        Unreachable: the system refuses.
    """
    missing = []
    folder = path
    while not folder.is_dir() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    try:
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder.parent)
    except OSError as error:
        raise refused(error, f"cannot create folder {path}") from error
    return bool(missing)


def sync_folder(path: Path) -> None:
    """Makes the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def free_space(path: Path) -> list[Finding]:
    """Returns what is wrong with the free space of the disk that a folder lies on; nothing when there is enough."""
    space = os.statvfs(path)
    free = space.f_bavail * space.f_frsize
    if free >= _LITTLE:
        return []
    level: Literal["warn", "error"] = "warn" if free >= _NONE else "error"
    return [Finding(level, f"only {free / 1e6:.0f} MB are free for {path}", "free some disk space")]


def refused(error: OSError, what: str) -> DataOpsError:
    """Returns what to raise when the system refuses a file operation: `what` and the system's reason, with a hint."""
    name = errno.errorcode.get(error.errno or 0, "")
    if name in _NO_SPACE:
        hint = "free some disk space, then try again; nothing was changed"
    elif name in ("EACCES", "EPERM", "EROFS"):
        hint = "make it writable for this user, or choose another place by its URL or DATAOPS_HOME"
    else:
        hint = "check the path and the disk"
    return Unreachable(f"{what}: {os.strerror(error.errno) if error.errno else error}", hint=hint)
