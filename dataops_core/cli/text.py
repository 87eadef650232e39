"""Text for terminals: safe whatever it holds, in columns, as trees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

#: Escape sequences whole, so that nothing of them is left to read.
_ESCAPES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]).*?(?:\x07|\x1b\\|\x9c|\Z)"  # OSC, DCS, ...: titles, links, clipboard
    r"|\x1b[ -/]*[0-~]?",
    re.DOTALL,
)
#: Controls, and what turns the direction of writing or is no character at all.
_UNSAFE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: Columns that are shortened before others are cut, and to what.
_GIVING_WAY: Final = ("SESSION", "RUN", "ARTIFACT", "SNAPSHOT", "VALUE")
_SHORTEST: Final = 11
#: What the last column is left of before any other gives way.
_LAST: Final = 20
_SPACES: Final = re.compile(r"[\s\u2028\u2029]+")


def safe(text: Any) -> str:
    """Returns a text without escape sequences and control characters; line breaks and tabs stay."""
    told = str(text)
    if told.isprintable():
        return told
    lines = _ESCAPES.sub("", told).replace("\r\n", "\n").replace("\r", "\n")
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", lines)


def line(text: Any) -> str:
    """Returns a text as one safe line."""
    told = str(text)
    return told.strip() if told.isprintable() else _SPACES.sub(" ", safe(told)).strip()


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], *, width: int | None = None) -> Iterator[str]:
    """Yields aligned columns, two spaces apart; where the terminal is too narrow, ids give way, then the last columns.

    Args:
        header: the columns' names.
        rows: a value a column; None is shown as `-`.
        width: of the terminal, or None to cut nothing.
    """
    cells = [tuple(header), *(tuple("-" if v is None or v == "" else line(v) for v in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    needed = sum(widths[:-1]) + min(widths[-1], _LAST) + 2 * (len(widths) - 1)
    excess = 0 if width is None else needed - width
    for column, name in enumerate(header):
        if name in _GIVING_WAY and excess > 0:
            given = min(excess, max(widths[column] - _SHORTEST, 0))
            widths[column] -= given
            excess -= given
    for row in cells:
        shown = [_shortened(cell, size) for cell, size in zip(row[:-1], widths, strict=False)]
        text = "  ".join([*(cell.ljust(size) for cell, size in zip(shown, widths, strict=False)), row[-1]]).rstrip()
        yield text if width is None or len(text) <= width else text[: max(width - 1, 1)] + "…"


def _shortened(text: str, size: int) -> str:
    """Returns a text of `size` characters at most, with … for its middle; ids can be given to commands like that."""
    end = (size - 1) * 2 // 3  # what is made one after the other begins alike
    return text if len(text) <= size else f"{text[: size - 1 - end]}…{text[-end:]}"


def tree(label: str, children: Iterable[Any], *, lead: str = "", under: str = "") -> Iterator[str]:
    """Yields the lines of a tree; a child is a pair of its label and its own children."""
    yield lead + label
    rest = list(children)
    while rest:
        text, below = rest.pop(0)
        branch, stem = ("├─ ", "│  ") if rest else ("└─ ", "   ")
        yield from tree(text, below, lead=under + branch, under=under + stem)


def size(count: int) -> str:
    """Returns a number of bytes for people: `214 B`, `1.5 kB`, `2.0 GB`."""
    value, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.95 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{count} B" if units[0] == "B" else f"{value:.1f} {units[0]}"


def moment(at: str | None) -> str | None:
    """Returns an ISO-8601 time to the second for people, in UTC."""
    return None if at is None else f"{at[:19].replace('T', ' ')}Z"


def duration(ms: float) -> str:
    """Returns milliseconds for people: `0.4 ms`, `812 ms`, `3.42 s`, `2 min 5 s`."""
    if ms < 1000:
        return f"{ms:.1f} ms" if ms < 10 else f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.2f} s"
    minutes, rest = divmod(round(ms / 1000), 60)
    return f"{minutes} min {rest} s"
