"""Conditions: text into a tree of what has to be true, by the grammar of `condition.lark`.

A tree is JSON: `{"all": [...]}`, `{"any": [...]}`, or what one status, exit code or global variable has to be:
`{"is": "success", "job": "A", "instance": "PRD", "lookback": "12.30"}`, `{"is": "exitcode", "job": "A", "compare": "=",
"value": "4"}`, `{"is": "value", "variable": "TODAY", "compare": "=", "value": "mon"}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from sys import intern
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from jil_parser.vocabulary import quoted

Tree = dict[str, Any]

_STATUS = {
    name[: 1 if short else None]: name
    for name in ("success", "failure", "done", "terminated", "notrunning", "exitcode", "value")
    for short in (True, False)
}
#: Alternations of AND and OR deeper than this are refused; the vendor's longest condition cannot hold so many.
DEEPEST = 200
_LOOKBACK = re.compile(r"([0-9]{1,4})(?:(?:\.|\\?:)([0-9]{1,2}))?", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)
_WORDS = {
    "WORD": "a status such as s(JOB)",
    "LPAR": "'('",
    "RPAR": "')'",
    "NAME": "a name",
    "STRING": "a quoted text",
    "LOOKBACK": "a look-back",
    "COMPARATOR": "a comparison",
    "_AND": "AND",
    "_OR": "OR",
    "$END": "the end",
}


class ConditionError(Exception):
    """A condition that cannot be read.

    Args:
        message: what is wrong.
        line, column: where in the text, both from 1.
    """

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column

    @classmethod
    def at(cls, token: Token, message: str) -> ConditionError:
        """Returns the error for a token."""
        return cls(message, token.line or 1, token.column or 1)


def parse(text: str) -> Tree:
    """Reads a condition.

    Raises:
        ConditionError: what is wrong, and where.
    """
    try:
        made: Any = _parser().parse(text)
    except UnexpectedInput as error:
        raise _explained(error, text) from None
    tree: Tree = made[1]
    return tree


def atoms(tree: Tree) -> Iterator[Tree]:
    """Yields every status, exit code and variable of a condition, from left to right."""
    todo = [tree]
    while todo:
        node = todo.pop()
        inner = node.get("all") or node.get("any")
        if inner:
            todo.extend(reversed(inner))
        else:
            yield node


def render(tree: Tree) -> str:
    """Writes a condition as JIL that `parse` reads as the same tree."""
    for word, sign in (("all", " & "), ("any", " | ")):
        if word in tree:
            return sign.join(
                f"({render(part)})" if "all" in part or "any" in part else render(part) for part in tree[word]
            )
    instance = f"^{tree['instance']}" if tree.get("instance") else ""
    if tree["is"] == "value":
        return f'v({_escaped(tree["variable"])}{instance}) {tree["compare"]} "{tree["value"]}"'
    lookback = f", {tree['lookback']}" if tree.get("lookback") else ""
    compare = f" {tree['compare']} {tree['value']}" if "compare" in tree else ""
    return f"{tree['is'][0]}({_escaped(tree['job'])}{instance}{lookback}){compare}"


def _escaped(name: str) -> str:
    return f'"{name}"' if re.search(r"""[\s()&|,^'=<>!\\]""", name) else name.replace(":", "\\:")


class _Builder(Transformer[Token, Any]):
    """Turns what the grammar matched into (depth, tree)."""

    def start(self, parts: list[Any]) -> tuple[int, Tree]:
        return parts[0]  # type: ignore[no-any-return]

    def both(self, parts: list[Any]) -> tuple[int, Tree]:
        return self._join("all", *parts)

    def either(self, parts: list[Any]) -> tuple[int, Tree]:
        return self._join("any", *parts)

    def _join(self, word: str, left: tuple[int, Tree], right: tuple[int, Tree]) -> tuple[int, Tree]:
        depth = 0
        joined: list[Tree] = []
        for inner, tree in (left, right):
            same = word in tree
            depth = max(depth, inner if same else inner + 1)
            # The left list is only used here, so it may grow: a long chain stays linear.
            if same and not joined:
                joined = tree[word]
            else:
                joined.extend(tree[word] if same else [tree])
        if depth > DEEPEST:
            raise ConditionError(f"AND and OR take turns more than {DEEPEST} levels deep", 1, 1)
        return depth, {word: joined}

    def instance(self, parts: list[Any]) -> tuple[str, Token]:
        return "instance", parts[0]

    def lookback(self, parts: list[Any]) -> tuple[str, Token]:
        return "lookback", parts[0]

    def comparison(self, parts: list[Any]) -> tuple[str, list[Token]]:
        return "comparison", parts

    def atom(self, parts: list[Any]) -> tuple[int, Tree]:
        word, name, *rest = parts
        more = dict(rest)
        status = _STATUS.get(word.lower())
        if status is None:
            raise ConditionError.at(word, f"{quoted(word)} is no status; there are {', '.join(sorted(_STATUS))}")
        subject = "variable" if status == "value" else "job"
        tree: Tree = {"is": status, subject: _plain(name)}
        if "instance" in more:
            tree["instance"] = _plain(more["instance"])
        if "lookback" in more:
            if status == "value":
                raise ConditionError.at(more["lookback"], "a global variable takes no look-back")
            tree["lookback"] = _lookback(more["lookback"])
        compared = status in ("value", "exitcode")
        if compared != ("comparison" in more):
            rule = "needs a comparison, such as = 0" if compared else "takes no comparison"
            raise ConditionError.at(word, f"{status}() {rule}")
        if compared:
            compare, value = more["comparison"]
            tree["compare"], tree["value"] = str(compare), _plain(value)
            if status == "exitcode" and not _NUMBER.fullmatch(tree["value"]):
                raise ConditionError.at(value, f"{quoted(value, 40)} is no exit code; that is a number")
        return 0, tree


def _plain(token: Token) -> str:
    text = str(token)
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    # The same names come again and again; one copy of each is kept.
    return intern(re.sub(r"\\(.)", r"\1", text) if "\\" in text else text)


def _lookback(token: Token) -> str:
    """Returns hours, or hours.minutes with two digits."""
    found = _LOOKBACK.fullmatch(token.strip('"').strip())
    if not found:
        raise ConditionError.at(
            token, f"{quoted(token)} is no look-back; write hours or hours.minutes, as 0, 12 or 0.30"
        )
    hours, minutes = int(found[1]), int(found[2] or 0)
    if minutes > 59:
        raise ConditionError.at(token, f"a look-back of {minutes} minutes; there are at most 59 beside the hours")
    return f"{hours}.{minutes:02}" if minutes else str(hours)


def _explained(error: UnexpectedInput, text: str) -> ConditionError:
    if isinstance(error, UnexpectedCharacters):
        return ConditionError(f"unexpected {quoted(text[error.pos_in_stream or 0])}", error.line, error.column)
    if isinstance(error, UnexpectedToken):
        possible = error.accepts or error.expected
        expected = " or ".join(words for name, words in _WORDS.items() if name in possible)
        if error.token.type == "$END":
            lines = text.split("\n")
            return ConditionError(f"ends too early: {expected} is missing", len(lines), len(lines[-1]) + 1)
        return ConditionError(f"expected {expected}, found {quoted(error.token, 40)}", error.line, error.column)
    return ConditionError("cannot be read", 1, 1)


@cache
def _parser() -> Lark:
    return Lark.open("condition.lark", rel_to=__file__, parser="lalr", transformer=_Builder(), maybe_placeholders=False)
