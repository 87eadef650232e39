"""What a query says, read once, and which parameters are still without a value: what all rules work on."""

from __future__ import annotations

import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import islice
from typing import Any, Final

from dataops_core.contracts.manifest import Manifest, Parameter
from dataops_core.routing.extraction.cues import root
from dataops_core.routing.extraction.dates import Moment, moments_in
from dataops_core.routing.extraction.numbers import Number, numbers_in
from dataops_core.routing.tokens import READ, Token, tokens

_CLAUSE = re.compile(r"[,;.!?()\[\]]")
_WORDS: Final = 1000  # of a query that are read
_NOTES: Final = 10
_NUMBERS: Final = 100  # that are looked at
_DATES_READ: Final = 20_000  # characters in which dates are looked for


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from.

    Args:
        rule: the rule that found it.
        start, end: the span of the query.
        reason: for people, when the span does not say it.
    """

    rule: str
    start: int
    end: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value that may be meant: offered in the question, never used silently.

    Args:
        value: it.
        rule: the rule that found it.
        start, end: the span of the query.
        reason: a short phrase for people that says why it may be meant.
    """

    value: Any
    rule: str
    start: int
    end: int
    reason: str


class Search:
    """The state of one extraction.

    Args:
        query: the text.
        manifest: of the workflow whose parameters are looked for.
        cwd: where paths are looked up; None looks nothing up.
        today: what relative dates start from.
    """

    def __init__(self, query: str, manifest: Manifest, cwd: str | os.PathLike[str] | None, today: date) -> None:
        read = list(islice(tokens(query), _WORDS))
        self.query, self.manifest, self.cwd, self.today = query, manifest, cwd, today
        self.tokens: list[Token] = [t for t in read if not _names_workflow(t, manifest.name, first=t is read[0])]
        self.low = [token.text.lower() for token in self.tokens]
        self._starts = [token.start for token in self.tokens]
        self._ends = [token.end for token in self.tokens]
        self.open: dict[str, Parameter] = {p.name: p for p in manifest.parameters}
        self.values: dict[str, Any] = {}
        self.sources: dict[str, Source] = {}
        self.suggestions: dict[str, Suggestion] = {}
        self.notes: list[str] = []
        #: Positions of tokens that are a value already, or were taken back.
        self.used: set[int] = set()
        #: Position of a value → that of the one it replaces ("10, I mean 20").
        self.replaced: dict[int, int] = {}
        self._free: tuple[int, list[int]] | None = None
        if len(read) == _WORDS or len(query) > READ:
            self.notes.append("the query is long, and only its beginning was read: ask with fewer words")

    @cached_property
    def apart(self) -> list[bool]:
        """For each token, whether punctuation stands between it and the one before."""
        found, end = [], 0
        for token in self.tokens:
            found.append(bool(_CLAUSE.search(self.query, end, token.start)) or token.start > end + 3)
            end = token.end
        return found

    @cached_property
    def roots(self) -> list[str]:
        """For each token, the root of its word."""
        return [root(word.replace("-", "")) if len(word) <= 40 else word for word in self.low]

    @cached_property
    def moments(self) -> list[Moment]:
        """The dates and periods outside of quotes, paths and keys."""
        if not self.tokens:
            return []
        found = moments_in(self.query[: min(self.tokens[-1].end, _DATES_READ)], self.today)
        closed = [t for t in self.tokens if t.key or (t.quoted and " " in t.text)]
        return [m for m in found if not any(t.start < m.end and m.start < t.end for t in closed)]

    @cached_property
    def numbers(self) -> list[Number]:
        """The numbers that are no part of a date; those taken back or used are among them."""
        parts = {at for moment in self.moments if not moment.relative for at in self.within(moment.start, moment.end)}
        return numbers_in(self.tokens, self.apart, parts)[:_NUMBERS]

    def free_numbers(self) -> list[Number]:
        """The numbers that no rule has used."""
        return [n for n in self.numbers if not any(at in self.used for at in range(n.first, n.last + 1))]

    @cached_property
    def counted(self) -> set[int]:
        """The positions of the tokens that are a number or a part of one."""
        return {at for number in self.numbers for at in range(number.first, number.last + 1)}

    def within(self, start: int, end: int) -> range:
        """Returns the positions of the tokens that a span touches."""
        first = bisect_right(self._ends, start)
        return range(first, max(first, bisect_left(self._starts, end)))

    def free(self) -> list[int]:
        """Returns the positions of the tokens without a key that no rule has used."""
        if self._free is None or self._free[0] != len(self.used):
            self._free = len(self.used), [i for i, t in enumerate(self.tokens) if i not in self.used and not t.key]
        return self._free[1]

    def of_type(self, *kinds: str) -> list[Parameter]:
        """The open parameters of these types."""
        return [parameter for parameter in self.open.values() if parameter.type in kinds]

    def fill(self, name: str, value: Any, rule: str, start: int, end: int, reason: str = "") -> None:
        """Gives an open parameter its value; what it is made of is used up."""
        self.values[name] = value
        self.sources[name] = Source(rule, start, end, reason)
        self.used.update(self.within(start, end))
        self.suggestions.pop(name, None)
        del self.open[name]

    def close(self, name: str) -> None:
        """Takes a parameter out of the search: what was said of it contradicts itself."""
        del self.open[name]

    def suggest(self, name: str, value: Any, rule: str, start: int, end: int, reason: str) -> None:
        """Offers a value for an open parameter; the first offer counts."""
        if name in self.open:
            self.suggestions.setdefault(name, Suggestion(value, rule, start, end, reason))

    def note(self, text: str) -> None:
        """Says what was seen and not used."""
        if len(self.notes) < _NOTES and text not in self.notes:
            self.notes.append(text)

    def one(self, found: Iterable[str], several: str) -> bool:
        """Says whether there is one value only, and notes that there are several."""
        texts = list(dict.fromkeys(found))
        if len(texts) > 1:
            self.note(f"{several}: {', '.join(map(repr, texts[:5]))[:200]}")
        return len(texts) == 1


def either(slots: Sequence[Parameter]) -> str:
    """Returns "left or right"."""
    return " or ".join(parameter.name for parameter in slots)


def _names_workflow(token: Token, name: str, *, first: bool) -> bool:
    text = token.text.lower().replace("-", "_")
    if token.key:
        return token.key.lower() == "workflow"
    return text == name if token.quoted else (first and text == f"/{name}")
