"""Reads the text of a file."""

from __future__ import annotations

import codecs
import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from dataops_core.errors import DataOpsError, InvalidValue, NotFound
from sql_lineage.names import shown

MOST_BYTES: Final = 16 * 1024 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SQL: Final = "SQL statements"
#: Encodings in which whatever is no UTF-8 is read.
GUESSED: Final = ("cp1252", "latin-1")
_CONTROLS = bytes(b for b in range(32) if b not in b"\t\n\v\f\r\x1a")


def read_text(path: str, wanted: str = SQL) -> tuple[str, str]:
    """Reads a text file whole.

    Args:
        path: the file.
        wanted: what it should hold, for the hints.

    Returns:
        Its text, and its encoding by Python's name.

    Raises:
        NotFound: there is no such file.
        InvalidValue: it is no file, too large, empty, or binary.
    """
    file = Path(path)
    name, hint = shown(file.name or path), f"name a file of {wanted}"
    try:
        with open(file, "rb", opener=_without_waiting) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InvalidValue(f"{name} is not a plain file", hint=hint)
            if status.st_size > MOST_BYTES:
                told = f"{name} has {status.st_size} bytes; {MOST_BYTES} are the most that are read"
                raise InvalidValue(told, hint="leave out what is not needed")
            # What the system makes up while it is read, such as /proc/kmsg, has no size. It may wait, or never end.
            data = stream.read(status.st_size) or b""
    except IsADirectoryError:
        raise InvalidValue(f"{name} is a folder", hint=hint) from None
    except PermissionError:
        raise InvalidValue(f"{name} cannot be read: permission denied", hint="check its permissions") from None
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a ValueError for what can be no name: a NUL
        link = "is a link that leads to no file" if file.is_symlink() else ""
        told = f"{shown(path, 200)} {link}" if link else f"there is no file {shown(path, 200)}"
        raise NotFound(told, hint=hint) from None
    except OSError as error:
        raise _unreadable(error, path, name, hint) from None
    return _decoded(data, name, hint)


def advice(text: str, encoding: str, wanted: str = SQL) -> str:
    """Returns what to do about a text that cannot be read as what it should be, or "" where nothing is known."""
    if encoding in GUESSED:
        return f"it may be no text at all: name a file of {wanted}, written as UTF-8"
    if "{{" in text or "{%" in text:
        return "it is a template: give what it becomes, as `dbt compile` writes it"
    return ""


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)  # a pipe would wait for somebody to write


def _unreadable(error: OSError, path: str, name: str, hint: str) -> DataOpsError:
    if error.errno == errno.ELOOP:
        return NotFound(f"{shown(path, 200)} leads in a circle of links", hint=hint)
    if error.errno == errno.ENAMETOOLONG:
        longest = max(len(os.fsencode(part)) for part in Path(path).parts)
        told = f"the path {shown(path)} has {len(os.fsencode(path))} bytes, its longest name {longest}"
        return InvalidValue(f"{told}: the file system takes less", hint="shorten it, or check that it is a path")
    return InvalidValue(f"{name} cannot be read: {error.strerror or error}", hint=hint)


def _decoded(data: bytes, name: str, hint: str) -> tuple[str, str]:
    for bom, codec in _BOMS:
        if data.startswith(bom):
            try:
                return _filled(data.decode(codec), name, hint), codec
            except UnicodeDecodeError:
                raise InvalidValue(f"{name} is not valid {codec.upper()}", hint="write it again as UTF-8") from None
    controls = len(data) - len(data.translate(None, _CONTROLS))
    if b"\0" in data or controls > max(4, len(data) // 50):
        raise InvalidValue(f"{name} is not a text: it has {controls} control characters", hint=hint)
    for codec in ("utf-8", *GUESSED):  # the last of them reads anything
        with suppress(UnicodeDecodeError):
            return _filled(data.decode(codec), name, hint), codec
    raise AssertionError(name)


def _filled(text: str, name: str, hint: str) -> str:
    if not text.strip():
        raise InvalidValue(f"{name} is empty", hint=hint)
    return text
