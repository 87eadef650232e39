"""Reads SQL from a file."""

from __future__ import annotations

import codecs
import errno
import os
from pathlib import Path
from typing import Final

from dataops_core.errors import InvalidValue, NotFound
from sql_lineage.names import shown

MOST_BYTES: Final = 16 * 1024 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HINTS: Final = {
    errno.ELOOP: "the link leads back to itself: name the file that is meant",
    errno.ENAMETOOLONG: "check the path",
    errno.EAGAIN: "name a plain file",
    errno.EINVAL: "name a plain file",
}
_CONTROLS = bytes(b for b in range(32) if b not in b"\t\n\v\f\r\x1a")


def read_text(path: str) -> tuple[str, str]:
    """Reads a text file whole.

    Args:
        path: the file.

    Returns:
        Its text, and its encoding by Python's name.

    Raises:
        NotFound: there is no such file.
        InvalidValue: it is no file, too large, empty, or binary.
    """
    file = Path(path)
    name = shown(file.name or path)
    try:
        if not file.is_file():
            if file.exists():
                kind = "is a folder" if file.is_dir() else "is not a plain file"
                raise InvalidValue(f"{name} {kind}", hint="name a file of SQL statements")
            told = "is a link that leads to no file" if file.is_symlink() else ""
            raise NotFound(
                f"{shown(path, 200)} {told}" if told else f"there is no file {shown(path, 200)}",
                hint="name a file of SQL statements",
            )
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise InvalidValue(
                f"{name} has {size} bytes; {MOST_BYTES} are the most that are read", hint="split it into several files"
            )
        # What says that it is a plain file may still wait for somebody to write, /proc/kmsg, say.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            data = stream.read(MOST_BYTES + 1) or b""
    except OSError as error:
        reason = error.strerror or str(error)
        hint = _HINTS.get(error.errno or 0, "check its permissions")
        raise InvalidValue(f"{name} cannot be read: {reason}", hint=hint) from None
    return _decoded(data, name)


def _decoded(data: bytes, name: str) -> tuple[str, str]:
    for bom, codec in _BOMS:
        if data.startswith(bom):
            try:
                return _filled(data.decode(codec), name), codec
            except UnicodeDecodeError:
                raise InvalidValue(f"{name} is not valid {codec.upper()}", hint="write it again as UTF-8") from None
    controls = len(data) - len(data.translate(None, _CONTROLS))
    if b"\0" in data or controls > max(4, len(data) // 50):
        raise InvalidValue(f"{name} is not a text: it has {controls} control characters", hint="name a file of SQL")
    for codec in ("utf-8", "cp1252"):
        try:
            return _filled(data.decode(codec), name), codec
        except UnicodeDecodeError:
            continue
    return _filled(data.decode("latin-1"), name), "latin-1"


def _filled(text: str, name: str) -> str:
    if not text.strip():
        raise InvalidValue(f"{name} is empty", hint="name a file of SQL statements")
    return text
