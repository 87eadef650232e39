"""The values of a workflow's parameters that a query states outright.

Only rules that hardly ever err fill a value. Whatever could mean two things is left out and noted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

from dataops_core.contracts.manifest import Manifest, Parameter
from dataops_core.errors import nearest
from dataops_core.routing.terms import STOP, WORDS, stem, words
from dataops_core.routing.tokens import READ, Token, is_path, is_uri, tokens
from dataops_core.routing.validation import validate

__all__ = ["Extraction", "Source", "extract", "validate"]

_NUMBERS = {
    "integer": re.compile(r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,18})", re.ASCII),
    "number": re.compile(r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,18})(?:\.[0-9]{1,18})?", re.ASCII),
}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_FILLERS = frozenset("a an as at by equal equals first is last of only set the to".split())
_CLAUSE = re.compile(r"[,;.!?%]")
_WINDOW = 6  # words on either side of a value that may name its parameter
_NOTES = 10
_LOOKUPS = 200  # words at most that are looked up as files


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from.

    Args:
        rule: "key=value", "existing path", "path", "uri", "quoted", "date" or "cue".
        start, end: the span of the query.
    """

    rule: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a query says about parameters.

    Args:
        values: by name, as written in the query; `validate` gives them their types.
        sources: for each value.
        notes: for people: what was seen and not used, and why.
    """

    values: dict[str, Any]
    sources: dict[str, Source]
    notes: tuple[str, ...] = ()


def extract(query: str, manifest: Manifest, *, cwd: str | os.PathLike[str] | None) -> Extraction:
    """Finds the values that a query states for a workflow's parameters.

    In order: `name=value`; a path for the one open `file_path` (an existing file, or what is written like a path, so
    that the run can say that it does not exist); a URI for the one open `uri`; a quoted string that is a choice of one
    enum, or stands beside the name of a string, or is for the one open string; an ISO date for the one open date; a
    number beside all words of its parameter's name ("100 sample rows", "sample 100 rows"). "The one open" is the only
    one of its type without a value, or, for paths and URIs, the only required one.

    Args:
        cwd: where relative paths are looked up; None looks nothing up on disk.
    """
    search = _Search(query, manifest, cwd)
    search.keys()
    search.locations()
    search.quoted()
    search.dates()
    search.numbers()
    return Extraction(search.values, search.sources, tuple(search.notes))


class _Search:
    def __init__(self, query: str, manifest: Manifest, cwd: str | os.PathLike[str] | None) -> None:
        self._query, self._manifest, self._cwd = query, manifest, cwd
        read = list(islice(tokens(query), WORDS))
        self._tokens = [t for t in read if not _names_workflow(t, manifest.name, first=t is read[0])]
        self._at = {token: position for position, token in enumerate(self._tokens)}
        self._open = {p.name: p for p in manifest.parameters}
        self.values: dict[str, Any] = {}
        self.sources: dict[str, Source] = {}
        self.notes: list[str] = []
        if len(read) == WORDS or len(query) > READ:
            self.notes.append(f"the query is long: only its first {len(read)} words were read, so ask with fewer")

    def keys(self) -> None:
        given: dict[str, list[Token]] = {}
        for token in self._tokens:
            if not token.key or not (token.text or token.quoted):
                continue
            name = token.key.lower()
            if name in self._open:
                given.setdefault(name, []).append(token)
            elif len(self.notes) < _NOTES and (hint := nearest(name, self._open)):
                self.notes.append(f"{token.key}= is no parameter of {self._manifest.name}; {hint}")
        for name, found in given.items():
            if self._one(found, f"{name} is given several times"):
                self._fill(name, found[-1].text, "key=value", found[-1])
            else:
                del self._open[name]

    def locations(self) -> None:
        free = [token for token in self._tokens if not token.key]
        self._place([token for token in free if is_uri(token.text)], "uri", "uri")
        if not (wanted := self._of_type("file_path")):
            return
        paths = [token for token in free if is_path(token.text)]
        if paths:
            self._place(paths, "file_path", "existing path" if all(map(self._exists, paths)) else "path")
            return
        # A file with a name like "orders" is found too, unless the word is one that the workflow is asked for with.
        own = {stem(word) for text in _texts(self._manifest) for word in words(text)}
        plain = [t for t in free if t.quoted or not (t.text.lower() in STOP or stem(t.text.lower()) in own)]
        self._place([token for token in plain[:_LOOKUPS] if self._exists(token)], "file_path", "existing path")
        remote = [token.text for token in free if is_uri(token.text)]
        if remote and all(p.type != "uri" for p in self._manifest.parameters) and self._of_type("file_path") == wanted:
            self.notes.append(f"{remote[0]!r:.80} is no path of a file; {_either(wanted)} is one")

    def quoted(self) -> None:
        used = {(source.start, source.end) for source in self.sources.values()}
        rest = [t for t in self._tokens if t.quoted and not t.key and t.text.strip() and (t.start, t.end) not in used]
        if any(p.type == "file_path" for p in self._manifest.parameters):
            rest = [token for token in rest if not is_path(token.text)]
        strings = []
        for token in rest:
            enums = [p for p in self._of_type("enum") if token.text.lower() in {str(c).lower() for c in p.choices}]
            if len(enums) == 1:
                self._fill(enums[0].name, token.text, "quoted", token)
            elif not _DATE.fullmatch(token.text) and not is_uri(token.text):
                strings.append(token)
        strings = self._cued(self._of_type("string"), strings, "quoted")
        slots = self._of_type("string")
        if strings and slots and self._one(strings, "several quoted strings could be " + _either(slots)):
            if len(slots) == 1:
                self._fill(slots[0].name, strings[0].text, "quoted", strings[0])
            else:
                self.notes.append(f"{strings[0].text!r:.80} could be {_either(slots)}; say {slots[0].name}=…")

    def dates(self) -> None:
        found = [token for token in self._tokens if not token.key and _DATE.fullmatch(token.text)]
        slots = self._of_type("date")
        if found and slots and self._one(found, "several dates could be " + _either(slots)):
            if len(slots) == 1:
                self._fill(slots[0].name, found[0].text, "date", found[0])
            else:
                self.notes.append(f"{found[0].text} could be {_either(slots)}; say {slots[0].name}=…")

    def numbers(self) -> None:
        bare = [token for token in self._tokens if not (token.key or token.quoted)]
        for kind, written in _NUMBERS.items():
            self._cued(self._of_type(kind), [token for token in bare if written.fullmatch(token.text)], "cue")

    def _cued(self, slots: list[Parameter], found: list[Token], rule: str) -> list[Token]:
        """Fills parameters whose name stands right beside a token, and returns the tokens that are left."""
        for parameter in slots:
            cues = [word for word in parameter.name.split("_") if word]
            beside = [token for token in found if max(map(len, cues)) >= 3 and self._beside(token, cues)]
            if beside and self._one(beside, f"several could be {parameter.name}"):
                value = beside[0].text
                self._fill(parameter.name, value if rule == "quoted" else value.replace(",", ""), rule, beside[0])
                named = frozenset(beside)
                found = [token for token in found if token not in named]
        return found

    def _beside(self, token: Token, cues: Sequence[str]) -> bool:
        """Says whether the words right before and after a token are together all words of a name."""
        near: list[str] = []
        position = self._at[token]
        before = self._tokens[max(0, position - _WINDOW) : position + 1][::-1]
        after = self._tokens[position : position + _WINDOW + 1]
        for side in (before, after):
            for last, this in pairwise(side):
                left, right = sorted((last, this), key=lambda token: token.start)
                parts = this.text.lower().split("_")
                if _CLAUSE.search(self._query, left.end, right.start):
                    break
                if any(_alike(part, cue) for part in parts for cue in cues):
                    near += parts
                elif this.text.lower() not in _FILLERS:
                    break
        return all(any(_alike(word, cue) for word in near) for cue in cues)

    def _place(self, found: list[Token], kind: str, rule: str) -> None:
        slots = self._of_type(kind)
        required = [p for p in slots if p.required]
        slots = required if len(required) == 1 else slots
        if not found or not slots or not self._one(found, f"several could be {_either(slots)}"):
            return
        if len(slots) == 1:
            self._fill(slots[0].name, found[0].text, rule, found[0])
        else:
            self.notes.append(f"{found[0].text!r:.80} could be {_either(slots)}; say {slots[0].name}=…")

    def _one(self, found: Iterable[Token], several: str) -> bool:
        texts = list(dict.fromkeys(token.text for token in found))
        if len(texts) > 1:
            self.notes.append(f"{several}: {', '.join(map(repr, texts[:5]))[:200]}")
        return len(texts) == 1

    def _fill(self, name: str, value: Any, rule: str, token: Token) -> None:
        self.values[name] = value
        self.sources[name] = Source(rule, token.start, token.end)
        del self._open[name]

    def _of_type(self, kind: str) -> list[Parameter]:
        return [parameter for parameter in self._open.values() if parameter.type == kind]

    def _exists(self, token: Token) -> bool:
        if self._cwd is None:
            return False
        return os.path.isfile(os.path.join(self._cwd, os.path.expanduser(token.text)))


def _names_workflow(token: Token, name: str, *, first: bool) -> bool:
    text = token.text.lower().replace("-", "_")
    if token.key:
        return token.key.lower() == "workflow"
    return text == name if token.quoted else (first and text == f"/{name}")


def _texts(manifest: Manifest) -> list[str]:
    return [manifest.name, manifest.description, *manifest.capabilities, *manifest.example_queries]


def _alike(word: str, cue: str) -> bool:
    a, b = stem(word), stem(cue)
    return a == b or (min(len(a), len(b)) >= 3 and (a.startswith(b) or b.startswith(a)))


def _either(slots: Sequence[Parameter]) -> str:
    return " or ".join(parameter.name for parameter in slots)
