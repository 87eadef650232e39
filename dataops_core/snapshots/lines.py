"""Lines of JSON, and contents between them, from a stream that is read once and trusted in nothing."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, NoReturn

from dataops_core.errors import CorruptData
from dataops_core.snapshots.writing import MAX_BYTES, MAX_LINES, MAX_TEXT_BYTES, canonical
from dataops_core.storage import schema


class Lines:
    """Lines and contents of a stream, within their limits.

    Args:
        file: a binary stream with `read` and `readline`.
        size: how many bytes it should have.
        wrong: returns the error for what is wrong with the bytes.
        longest: the most bytes of a line.
    """

    def __init__(
        self, file: Any, size: Any, wrong: Callable[[str], CorruptData], longest: int = MAX_TEXT_BYTES
    ) -> None:
        self.wrong, self.count = wrong, 0
        self._file, self._left, self._text, self._longest = file, size, MAX_TEXT_BYTES, longest
        if not isinstance(size, int) or not 0 <= size <= MAX_BYTES:
            raise wrong(f"it is larger than {MAX_BYTES >> 30} GiB")

    @property
    def more(self) -> bool:
        """Whether bytes are to be read still."""
        return bool(self._left > 0)

    def line(self) -> Any:
        """Reads a line of JSON."""
        limit = min(self._left, self._text, self._longest)
        raw = self._read(self._file.readline, limit + 1)
        self._left -= len(raw)
        self._text -= len(raw)
        self.count += 1
        if len(raw) > limit or self.count > MAX_LINES:
            raise self.wrong("it unpacks to more than was written")
        if not raw.endswith(b"\n"):
            raise self.wrong("it is cut short")
        try:
            value = json.loads(raw, parse_constant=_no_constant)
            if b"\\ud" in raw.lower():  # half a character would be found by whoever stores it
                canonical(value).encode()
            return value
        except (ValueError, RecursionError):
            raise self.wrong(f"line {self.count} is not JSON") from None

    def checked(self, kind: str, shape: type, value: Any) -> dict[str, Any]:
        """Returns what a line says, without whatever its shape, a TypedDict, does not know."""
        with suppress(ValueError, RecursionError, OverflowError):
            found: dict[str, Any] = _adapter(shape).validate_python(value, strict=True)
            if "created_at" in found:
                schema.seconds(found["created_at"])
            return found
        raise self.wrong(f"line {self.count} is no {kind} as DataOps writes them")

    def reserve(self, size: int) -> None:
        """Sets bytes aside for a content, when there can be so many."""
        if not 0 <= size <= self._left:
            raise self.wrong("it unpacks to more than was written")
        self._left -= size

    def take(self, size: int) -> bytes:
        """Reads on in a content."""
        chunk = self._read(self._file.read, size)
        if size and not chunk:
            raise self.wrong("it is cut short")
        return chunk

    def end(self) -> None:
        """Expects that nothing follows."""
        if self._left or self._read(self._file.read, 1):
            raise self.wrong("it is not as long as was written")

    def _read(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise self.wrong("it cannot be unpacked") from None


@cache
def _adapter(shape: type) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(shape)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
