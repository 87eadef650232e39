"""How blob keys become names of files and folders, and how those are listed in the order of their keys.

Lower-case letters, digits and `._-` stand for themselves, every other byte is `%xx`: so keys that differ only in case
stay apart on a file system that ignores it, and no part of a key is `..` or a name of our own. A blob's file ends in
`.blob` and a folder's name never does, so `a` and `a/b` are both possible. A name too long for a file system continues
in a folder whose name ends in `%`.
"""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Final
from urllib.parse import unquote

SUFFIX: Final = ".blob"
UNFINISHED: Final = "%tmp"
_CONTINUED: Final = "%"
_LONGEST: Final = 240
_UNSAFE: Final = re.compile(rb"[^a-z0-9._-]")
_BATCH: Final = 5_000

#: Opens the folder of that path below the root and gives its descriptor.
Opener = Callable[[list[str]], AbstractContextManager[int]]


def file_path(key: str) -> list[str]:
    """Returns the names of the folders and, last, of the file that hold a blob."""
    *folders, leaf = key.split("/")
    return [*folder_path(folders), *_pieces(_escaped(leaf), SUFFIX)]


def folder_path(parts: Iterable[str]) -> list[str]:
    """Returns the names of the folders that hold what lies under these parts of keys."""
    names: list[str] = []
    for part in parts:
        name = _escaped(part)
        if name.endswith(SUFFIX):
            name = name[: -len(SUFFIX)] + "%2e" + SUFFIX[1:]
        names += _pieces(name, "")
    return names


def keys(open_folder: Opener, prefix: str, after: str) -> Iterator[str]:
    """Yields the keys that begin with `prefix` and follow `after`, in order; holds a bounded part of each folder."""
    levels = [_level(open_folder, prefix.split("/")[:-1], prefix, after)]
    while levels:
        found = next(levels[-1], None)
        if found is None:
            levels.pop()
        elif found.endswith("/"):
            levels.append(_level(open_folder, found[:-1].split("/"), prefix, after))
        else:
            yield found


def _level(open_folder: Opener, parts: list[str], prefix: str, after: str) -> Iterator[str]:
    """Yields what lies in one folder, in key order: keys, and folders as the text with which their keys begin."""
    base = "".join(f"{part}/" for part in parts)
    path = folder_path(parts)

    def wanted(found: str) -> bool:
        follows = found > after or (found[-1] == "/" and after.startswith(found))
        return follows and found.startswith(prefix)

    last = ""
    while True:
        every = (base + name for name in _names(open_folder, path, ""))
        batch = heapq.nsmallest(_BATCH, (found for found in every if found > last and wanted(found)))
        yield from batch
        if len(batch) < _BATCH:
            return
        last = batch[-1]


def _names(open_folder: Opener, path: list[str], head: str) -> Iterator[str]:
    """Yields the parts of keys that a folder holds, in any order; those of folders end in `/`."""
    try:
        with open_folder(path) as place, os.scandir(place) as entries:
            for entry in entries:
                # Symbolic links, unfinished files and what strangers put there are none of ours.
                if entry.is_file(follow_symlinks=False) and entry.name.endswith(SUFFIX):
                    yield from _part(head + entry.name[: -len(SUFFIX)], "")
                elif not entry.is_dir(follow_symlinks=False) or (entry.name == UNFINISHED and not path):
                    continue
                elif entry.name.endswith(_CONTINUED):
                    yield from _names(open_folder, [*path, entry.name], head + entry.name[: -len(_CONTINUED)])
                else:
                    yield from _part(head + entry.name, "/")
    except (FileNotFoundError, NotADirectoryError):
        return  # deleted meanwhile


def _part(name: str, end: str) -> Iterator[str]:
    with suppress(UnicodeDecodeError):
        yield unquote(name, errors="strict") + end


def _escaped(part: str) -> str:
    if part in (".", ".."):
        return part.replace(".", "%2e")
    return _UNSAFE.sub(lambda found: b"%%%02x" % found[0][0], part.encode()).decode()


def _pieces(name: str, suffix: str) -> Iterator[str]:
    while len(name) > _LONGEST:
        yield name[:_LONGEST] + _CONTINUED
        name = name[_LONGEST:]
    yield name + suffix
