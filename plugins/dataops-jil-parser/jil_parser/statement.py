"""One statement: its text into subcommand, subject and attributes, by the grammar of `statement.lark`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput

from jil_parser.vocabulary import ATTRIBUTES, SUBCOMMAND

_WORD = r"[A-Za-z_]\w*+"
_KNOWN = "(?:" + "|".join(sorted(ATTRIBUTES, key=lambda name: (-len(name), name))) + ")"
_LABEL = rf"{_WORD}[ \t]*+:"
# A word and a colon are looked for first: trying the whole list of names at each blank takes most of the time.
_KNOWN_LABEL = rf"(?={_LABEL})(?i:{_KNOWN})[ \t]*+:"
_KEY = rf"[ \t]*+(?:{_LABEL}(?![/\\])|{_KNOWN_LABEL})"
# A line that is neither blank nor an attribute continues the value of the line above.
_CONTINUED = rf"\n(?![ \t]*+(?:\n|\Z))(?!{_KEY})[ \t]*+"
_INSIDE = rf"(?:[^\"\\\n]|\n(?!{_KEY}))"
_QUOTED = rf"(?>\"(?:{_INSIDE}|\\.)*+\"|\"(?:{_INSIDE}|\\)*+\")"
_BLOB = r"(?i:<auto_blobt>(?s:.*?)</auto_blobt>)"
_PART = rf"(?:{_QUOTED}|[^ \t\n\"\\]++|\\[^\n]|[\"\\]|[ \t]*+{_CONTINUED}|[ \t]++(?!{_KNOWN_LABEL}|\n))"
_VALUE = rf"(?:{_BLOB}{_PART}*+|{_PART}++)"
_SUBJECT = rf"(?:\"[^\"\n]*+\"|[^ \t\n]++)(?:[ \t]++(?!{_WORD}[ \t]*+:|\n)[^ \t\n]++)*+"
_START = rf"(?:{_CONTINUED})?"


def _terminals() -> str:
    made = {
        "SUBCOMMAND.3": rf"[ \t]*+(?i:{SUBCOMMAND})[ \t]*+:[ \t]*+",
        "KEY.2": rf"(?:[ \t]*+\n)++{_KEY}[ \t]*+{_START}",
        "KNOWN_KEY.2": rf"[ \t]*+{_KNOWN_LABEL}[ \t]*+",
        "ANY_KEY.1": rf"[ \t]++{_WORD}[ \t]*+:[ \t]*+{_START}",
        "SUBJECT": _SUBJECT,
        "VALUE": _VALUE,
    }
    return "\n".join(f"{name}: /{pattern.replace('/', chr(92) + '/')}/" for name, pattern in made.items())


@dataclass(slots=True)
class Attribute:
    """One attribute; `line` and `column` are those of its value in the statement, from 1."""

    name: str
    raw: str
    line: int
    column: int

    @property
    def value(self) -> str:
        """The value in one line, without the quotes around it and the escapes of its colons."""
        return plain(self.raw)


@dataclass(slots=True)
class Parsed:
    """A statement that was read. `stray` are the lines that belong to nothing, as (line, column, text)."""

    subcommand: str
    subject: str = ""
    attributes: list[Attribute] = field(default_factory=list)
    stray: list[tuple[int, int, str]] = field(default_factory=list)


class StatementError(Exception):
    """A statement that does not fit the grammar, from `line` and `column` on (both from 1)."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(f"cannot be read from line {line}, column {column} on")
        self.line, self.column = line, column


def parse(text: str) -> Parsed:
    """Reads the text of one statement, which ends with a line end; raises StatementError."""
    try:
        return _parser().parse(text)  # type: ignore[return-value]
    except UnexpectedInput as error:
        raise StatementError(max(error.line, 1), max(error.column, 1)) from None


def plain(raw: str) -> str:
    """Returns a value in one line: wrapped lines joined, the quotes around it and the escapes of colons gone."""
    text = raw.strip(" \t")
    if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
        text = text[1:-1]
    if "\n" in text:
        text = re.sub(r"[ \t]*\n[ \t]*", " ", text)
    return text.replace("\\:", ":") if "\\:" in text else text


class _Builder(Transformer[Token, Any]):
    """Turns what the grammar matched into a `Parsed`."""

    def start(self, parts: list[Any]) -> Parsed:
        made = Parsed(parts[0].strip(" \t")[:-1].rstrip(" \t").lower())
        for part in parts[1:]:
            if isinstance(part, Attribute):
                made.attributes.append(part)
            elif isinstance(part, Token):
                made.subject = plain(part)
            else:
                made.stray.append(part)
        return made

    def stray(self, parts: list[Token]) -> tuple[int, int, str]:
        text = parts[0].rpartition("\n")[2]
        return (parts[0].end_line or 1, len(text) - len(text.lstrip(" \t")) + 1, text.strip(" \t"))

    def attribute(self, parts: list[Token]) -> Attribute:
        name = parts[0].strip(" \t\n")[:-1].rstrip(" \t").lower()
        value = parts[1] if len(parts) > 1 else None
        if value is None:
            return Attribute(name, "", parts[0].end_line or 1, parts[0].end_column or 1)
        return Attribute(name, str(value), value.line or 1, value.column or 1)

    first = attribute


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("statement.lark").read_text() + _terminals()
    return Lark(grammar, parser="lalr", transformer=_Builder(), maybe_placeholders=False)
