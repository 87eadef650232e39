"""Opening a file that nobody vouches for, and telling its format from its content."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

from dataops_core.errors import InvalidValue, NotFound

#: How much of a file is read to tell its format and dialect, in bytes.
HEAD_BYTES = 256 * 1024

EXTENSIONS = {
    "csv": "csv",
    "tsv": "tsv",
    "tab": "tsv",
    "parquet": "parquet",
    "pq": "parquet",
    "json": "json",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
}

# What is not a table, or is one inside a container: the first bytes, what people call it, and what to do.
_UNPACK = "unpack it and profile the file inside"
_EXPORT = "export the table as CSV or Parquet and profile that"
_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "gzip data", _UNPACK),
    (b"BZh", "bzip2 data", _UNPACK),
    (b"\xfd7zXZ\x00", "xz data", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "zstd data", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"PK\x03\x04", "a zip archive or an Excel workbook", f"unpack it, or {_EXPORT}"),
    (b"\xd0\xcf\x11\xe0", "an old Office document", _EXPORT),
    (b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (b"Obj\x01", "an Avro file", _EXPORT),
    (b"ORC", "an ORC file", _EXPORT),
    (b"ARROW1", "an Arrow file", _EXPORT),
    (b"\x89HDF", "an HDF5 file", _EXPORT),
    (b"%PDF", "a PDF document", _EXPORT),
    (b"\x89PNG", "a PNG picture", "name a data file"),
    (b"\xff\xd8\xff", "a JPEG picture", "name a data file"),
    (b"GIF8", "a GIF picture", "name a data file"),
    (b"\x7fELF", "a program", "name a data file"),
    (b"{\\rtf", "an RTF document", _EXPORT),
)
_MARKUP = (b"<!doctype html", b"<html", b"<?xml", b"<svg")
_KINDS = (
    (stat.S_ISDIR, "a folder", "name one file in it"),
    (stat.S_ISFIFO, "a pipe", "write its content into a file first"),
    (stat.S_ISSOCK, "a socket", "name a regular file"),
    (stat.S_ISCHR, "a device", "name a regular file"),
    (stat.S_ISBLK, "a device", "name a regular file"),
)


def regular_file(file_path: str) -> Path:
    """Returns the path of a file that can be read and is not empty.

    Args:
        file_path: as the asker wrote it; `~` is expanded.

    Raises:
        NotFound: there is no such file.
        InvalidValue: it is not a regular file, is empty, or cannot be read.
    """
    try:
        file_path.encode()
        path = Path(os.path.abspath(Path(file_path).expanduser()))
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        near = _nearest(Path(file_path).expanduser())
        hint = f"did you mean {near!r}?" if near else "check the path; it is taken from the working directory"
        raise NotFound(f"there is no file {file_path!r}", hint=hint) from None
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidValue(f"{file_path!r} is not a usable path: {_reason(error)}", hint="check the path") from None
    for is_kind, what, hint in _KINDS:
        if is_kind(status.st_mode):
            raise InvalidValue(f"{file_path!r} is {what}, not a file", hint=hint)
    if status.st_size == 0:
        raise InvalidValue(f"the file {file_path!r} is empty (0 bytes)", hint="check how it was written or copied")
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        hint = "give yourself the right to read it" if error.errno in (errno.EACCES, errno.EPERM) else "check the disk"
        raise InvalidValue(f"the file {file_path!r} cannot be read: {_reason(error)}", hint=hint) from None
    return path


def head_of(path: Path) -> bytes:
    """Returns the first `HEAD_BYTES` bytes."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def refuse_foreign(path: Path, head: bytes) -> None:
    """Refuses what is plainly something else than a table.

    Raises:
        InvalidValue: names what the file is.
    """
    for magic, what, hint in _FOREIGN:
        if head.startswith(magic):
            raise InvalidValue(f"the file {path.name!r} is {what}, not a table", hint=hint)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:20].lower()
    if start.startswith(_MARKUP):
        raise InvalidValue(
            f"the file {path.name!r} is an HTML or XML document, not a table",
            hint="a download may have returned an error page; look at the file",
        )


def refuse_broken(path: Path, text: str, extension: str) -> None:
    """Refuses text that holds nothing, and what begins as the JSON that its name promises and is none.

    Raises:
        InvalidValue: names what is wrong.
    """
    body = text.strip("\ufeff \t\r\n\0")
    if not body:
        raise InvalidValue(f"the file {path.name!r} holds nothing but blanks", hint="check how it was written")
    if EXTENSIONS.get(extension) in ("json", "jsonl") and body[0] in "[{":
        raise InvalidValue(
            f"the file {path.name!r} begins as JSON and is none: it was cut off or damaged",
            hint="copy or write it again",
        )


def one_line(name: str) -> str:
    """Returns a file's name without characters that could break the line it is printed in."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def is_parquet(path: Path, head: bytes) -> bool:
    """Tells whether the file is Parquet.

    Raises:
        InvalidValue: it begins as Parquet and was cut off, or is encrypted.
    """
    if head.startswith(b"PARE"):
        raise InvalidValue(f"the Parquet file {path.name!r} is encrypted", hint="decrypt it first")
    if not head.startswith(b"PAR1"):
        return False
    with path.open("rb") as file:
        file.seek(-min(4, path.stat().st_size), os.SEEK_END)
        if path.stat().st_size >= 12 and file.read(4) == b"PAR1":
            return True
    raise InvalidValue(
        f"the file {path.name!r} begins as Parquet and has no end: it was cut off",
        hint="copy or write it again",
    )


def json_format(text: str, complete: bool) -> str | None:
    """Tells JSON Lines, a JSON array or one JSON object from the first characters.

    Args:
        text: the head of the file.
        complete: the head is the whole file.

    Returns:
        "jsonl", "json", or None when it is neither.
    """
    body = text.lstrip("\ufeff \t\r\n")
    if not body.startswith(("{", "[")):
        return None
    lines = [line for line in body.splitlines() if line.strip()]
    if not complete and len(lines) > 1:
        lines = lines[:-1]
    parsed = [_parses(line) for line in lines[:20]]
    if body[0] == "{" and len(parsed) > 1 and sum(parsed) >= len(parsed) / 2:
        return "jsonl"
    if body[0] == "{" and len(lines) == 1 and parsed[0]:
        return "json" if _holds_records(lines[0]) else "jsonl"
    if body[0] == "[" and len(parsed) > 1 and all(parsed[:2]):
        return "jsonl"
    rest = body[1:].lstrip()
    if body[0] == "{":
        return "json" if rest.startswith(('"', "}")) else None
    return "json" if rest.startswith(("{", "[", '"', "]")) or (complete and _parses(body)) else None


def _parses(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _holds_records(text: str) -> bool:
    return any(isinstance(value, list) and value and isinstance(value[0], dict) for value in json.loads(text).values())


def _nearest(path: Path) -> str:
    from difflib import get_close_matches

    try:
        names = [entry.name for entry in os.scandir(path.parent)]
    except OSError:
        return ""
    # By the stems: that both end with .csv makes no two names alike.
    stems = {Path(name).stem: name for name in names}
    found = get_close_matches(path.stem, stems, n=1, cutoff=0.6)
    return str(path.parent / stems[found[0]]) if found else ""


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
