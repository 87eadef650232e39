"""Opening a file that nobody vouches for, and reading it line by line in bounded memory."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from dataops_core.errors import InvalidValue, NotFound
from jil_parser.vocabulary import SUBCOMMAND, quoted, shown

#: No line is read beyond this many characters.
LONGEST_LINE = 1 << 20
_CHUNK = 1 << 20
_STATEMENT = re.compile(rb"(?im)^(?:\xef\xbb\xbf)?[ \t]*(?:/\*[^\n]*\*/[ \t]*)?" + SUBCOMMAND.encode() + rb"[ \t]*:")
_WIDE = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}
_CONTROLS = bytes(b for b in range(32) if b not in b"\t\n\v\f\r\x1a\x1b\0")


@dataclass(frozen=True, slots=True)
class Source:
    """A JIL file that can be read.

    Args:
        path: where it is.
        size: in bytes.
        encoding: as Python names it.
        note: what is odd about the encoding, or "".
    """

    path: Path
    size: int
    encoding: str
    note: str = ""


def open_source(file_path: str) -> Source:
    """Looks at all bytes of a file once, and says how its text is to be read.

    Args:
        file_path: as the asker wrote it; `~` is expanded.

    Raises:
        NotFound: there is no such file.
        InvalidValue: it is no regular file, cannot be read, is empty, binary, or holds no JIL.
    """
    path = _regular(file_path)
    name = shown(path.name)
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8, zeros, controls, statements, size, last = True, 0, 0, False, 0, b""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            while chunk := file.read(_CHUNK):
                if not size and any(chunk.startswith(mark) for mark in _WIDE):
                    raise InvalidValue(
                        f"the file '{name}' is written in UTF-16", hint="write it again as UTF-8, e.g. with iconv"
                    )
                size += len(chunk)
                zeros += chunk.count(0)
                controls += len(chunk) - len(chunk.translate(None, _CONTROLS))
                # A keyword may lie across two chunks, and a lone CR ends a line too.
                statements = statements or bool(_STATEMENT.search((last + chunk).replace(b"\r", b"\n")))
                last = chunk[-4096:]
                if utf8:
                    utf8 = _decodes(decoder, chunk)
            utf8 = utf8 and _decodes(decoder, b"", final=True)
    except OSError as error:
        raise _unreadable(file_path, error) from None
    if not size:
        raise InvalidValue(f"the file '{name}' is empty (0 bytes)", hint="check how it was written or copied")
    if zeros or controls > max(4, size // 50):
        raise InvalidValue(
            f"the file '{name}' is binary or in another encoding: {zeros} zero bytes and {controls} control"
            f" characters in {size} bytes",
            hint="name a text file with JIL, in UTF-8",
        )
    if not statements:
        raise InvalidValue(
            f"the file '{name}' holds no JIL: no line begins with insert_job: or another subcommand",
            hint="name a file such as `autorep -J ALL -q` writes",
        )
    if utf8:
        return Source(path, size, "utf-8-sig")
    return Source(path, size, "cp1252", "not valid UTF-8; read as Windows-1252, so letters outside of ASCII may differ")


def lines(source: Source) -> Iterator[tuple[str, bool]]:
    """Yields each line without its end, and whether it was cut because it is longer than `LONGEST_LINE`.

    Raises:
        InvalidValue: the file can no longer be read.
    """
    try:
        with open(source.path, encoding=source.encoding, errors="replace", opener=_without_waiting) as file:
            while line := file.readline(LONGEST_LINE):
                cut = len(line) == LONGEST_LINE and not line.endswith("\n")
                rest = line
                while len(rest) == LONGEST_LINE and not rest.endswith("\n"):
                    rest = file.readline(LONGEST_LINE)
                # Control-Z ends files of old Windows programs.
                yield line.rstrip("\n\x1a"), cut
    except OSError as error:
        raise _unreadable(str(source.path), error) from None


def _without_waiting(path: str, flags: int) -> int:
    # What says that it is a plain file may still wait for somebody to write: /proc/kmsg.
    return os.open(path, flags | os.O_NONBLOCK)


def _regular(file_path: str) -> Path:
    try:
        path = Path(os.path.abspath(Path(file_path).expanduser()))
        exists, regular = path.exists(), path.is_file()
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidValue(f"{quoted(file_path)} is not a usable path: {reason}", hint="check the path") from None
    if not exists:
        near = _nearest(path)
        if path.is_symlink():
            raise NotFound(f"{quoted(file_path)} is a link that leads to no file", hint="name the file that is meant")
        hint = f"did you mean '{near}'?" if near else "check the path; it is taken from the working directory"
        raise NotFound(f"there is no file {quoted(file_path)}", hint=hint)
    if not regular:
        what = "a folder" if path.is_dir() else "not a regular file"
        raise InvalidValue(f"{quoted(file_path)} is {what}", hint="name one JIL file")
    return path


def _nearest(path: Path) -> str:
    try:
        names = [entry.name for entry in os.scandir(path.parent)]
    except OSError:
        return ""
    found = get_close_matches(path.name, names, n=1, cutoff=0.7)
    return shown(str(path.parent / found[0])) if found else ""


def _decodes(decoder: codecs.IncrementalDecoder, data: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(data, final)
    except UnicodeDecodeError:
        return False
    return True


def _unreadable(file_path: str, error: OSError) -> InvalidValue:
    reason = (error.strerror or str(error)).lower()
    return InvalidValue(f"the file {quoted(file_path)} cannot be read: {reason}", hint="check its rights and the disk")
