"""Cuts a JIL file into statements: comments go, and each statement keeps the numbers of its lines.

A statement begins at a line that begins with a subcommand. Only one statement is in memory at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from jil_parser.source import Source, lines
from jil_parser.vocabulary import ATTRIBUTES, SUBCOMMAND

#: No statement is read beyond this many characters.
LONGEST = 1 << 20

_BEGINS = re.compile(rf"[ \t]*{SUBCOMMAND}[ \t]*:", re.IGNORECASE)
_BLANKS = re.compile(r"[ \t]*+")
_OPENS = re.compile(r'"[^"]*"|(?<=[ \t])/\*')
# A comment behind a value ends the line, or a known attribute follows; `ls /a/* /b/*` and `cut "/* */"` are values.
_ENDS = re.compile(r"[ \t]*+(?:\Z|(?<=[ \t])(?i:" + "|".join(sorted(ATTRIBUTES)) + r")[ \t]*:)")


@dataclass(slots=True)
class Statement:
    """The text of one statement, without comments.

    Args:
        texts: its lines.
        numbers: the number of each line in the file, from 1.
        begins: whether it begins with a subcommand; only what stands above the first one does not.
        cut: what was left out of it, or "".
    """

    texts: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    begins: bool = False
    cut: str = ""

    @property
    def text(self) -> str:
        """The whole text, which ends with a line end."""
        return "\n".join(self.texts) + "\n"


@dataclass(slots=True)
class Problem:
    """What is wrong at one place of the file. `severity` is error, warning or info."""

    severity: str
    line: int
    column: int
    message: str


def statements(source: Source) -> Iterator[Statement | Problem]:
    """Yields the statements of a file, and what is wrong between them, in the order of the file."""
    current, size = Statement(), 0
    for item in _uncommented(source):
        if isinstance(item, Problem):
            yield item
            continue
        number, line, cut = item
        if _BEGINS.match(line):
            if current.texts:
                yield current
            current, size = Statement(begins=True), 0
        size += len(line) + 1
        if size > LONGEST and current.texts:
            current.cut = f"the statement is longer than {LONGEST} characters; the rest of it is left out"
            continue
        if cut:
            current.cut = "a line is too long; the rest of it is left out"
        current.texts.append(line)
        current.numbers.append(number)
    if current.texts:
        yield current


def _uncommented(source: Source) -> Iterator[tuple[int, str, bool] | Problem]:
    """Yields (number, line, cut) for what is no comment. A comment's columns become blanks; comment lines go away."""
    skip, closes = 0, True
    while True:
        opened, column = 0, 1
        for number, (line, cut) in enumerate(lines(source), start=1):
            if number <= skip:
                continue
            start = 0
            if opened:
                if (end := line.find("*/")) < 0:
                    continue
                opened, start = 0, end + 2
            at = _BLANKS.match(line, start).end()  # type: ignore[union-attr]
            while line.startswith("/*", at):
                if (end := line.find("*/", at + 2)) < 0:
                    opened, column = (number, at + 1) if closes else (0, 1)
                    start = at = len(line)
                else:
                    start = end + 2
                    at = _BLANKS.match(line, start).end()  # type: ignore[union-attr]
            if line.startswith("#", at) or (start and at == len(line)):
                continue
            text = _without_comments(line, start) if "/*" in line[start:] else line
            yield number, (" " * start + text[start:]).rstrip(" \t"), cut
        if not opened:
            return
        # Nothing behind this line closes a comment: it is read again, as a comment of one line.
        yield Problem("error", opened, column, "a comment begins here and is never closed; only its line is left out")
        skip, closes = opened, False


def _without_comments(line: str, start: int) -> str:
    kept, done, at = [], 0, start
    while found := _OPENS.search(line, at):
        at = found.end()
        if found[0] == "/*":
            if (end := line.find("*/", at)) < 0:
                break
            at = end + 2
            if _ENDS.match(line, at):
                kept += [line[done : found.start()], " " * (at - found.start())]
                done = at
    return "".join([*kept, line[done:]])
