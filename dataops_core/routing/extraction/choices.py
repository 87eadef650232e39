"""Values that a parameter lists: the choices of an enum, and the examples that a description quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, Final

from dataops_core.contracts.manifest import Manifest, Parameter
from dataops_core.routing.extraction.cues import alike, cues_of, root
from dataops_core.routing.extraction.search import Search
from dataops_core.routing.terms import STOP, words

_PART = re.compile(r"[^\W_]+")
_QUOTED = re.compile(r"(?<!\w)['\"]([^'\"]{1,40})['\"](?!\w)")
_LISTED = re.compile(
    r"(?:e\.g\.?|such as|for example|options:|one of|either|possible values(?: are)?:?)[,:]?\s*([^.;)]{2,160})",
    re.IGNORECASE,
)
_UNSAID: Final = STOP | {"etc", "etc.", "true", "false", "none", "default", ""}  # examples that queries say otherwise
_LEADS: Final = frozenset("in as using with use by for of to be is into from like only either = : dialect type".split())
_FUZZY: Final = 0.86
_LONGEST: Final = 5  # words of a choice
_HITS: Final = 50  # mentions of choices that are looked at


@dataclass(frozen=True, slots=True)
class _Hit:
    choice: Any
    first: int
    last: int
    exact: bool


def chosen(search: Search) -> None:
    """Fills enums with the one of their choices that the query names.

    Precision 1.00 on the developers' rows (6 of 6) and on ours (12 of 12). First as it is written ("six_months" also as
    "six months"), then in another form ("dismiss" for dismissed) or with a slip of the pen (difflib, from .86, one
    winner). For an optional enum it must stand after such a word as "in" or "as", or beside the parameter's name:
    "drill down" asks for no dialect called drill. Two choices, or one choice of two enums, fill none.
    """
    enums = [p for p in search.open.values() if p.choices and p.type in ("enum", "string", "integer", "number")]
    found = {p.name: _hits(search, [str(one) for one in p.choices if not isinstance(one, bool)]) for p in enums}
    for parameter in enums:
        hits = found[parameter.name]
        rivals = {hit.first for name, others in found.items() if name != parameter.name for hit in others}
        names = sorted({hit.choice for hit in hits})
        if len(names) > 1:
            told = [hit for hit in hits if _beside(search, hit, parameter)]
            if len({hit.choice for hit in told}) != 1:
                search.note(f"several could be {parameter.name}: {', '.join(map(repr, names[:5]))[:200]}")
                continue
            hits = told
        if not hits:
            continue
        hit = hits[0]
        start, end = search.tokens[hit.first].start, search.tokens[hit.last].end
        value = next(choice for choice in parameter.choices if str(choice) == hit.choice)
        if hit.first in rivals and not _beside(search, hit, parameter):
            search.suggest(parameter.name, value, "choice", start, end, "it is one of the choices")
        elif (parameter.required and not hit.choice.isdigit()) or _led(search, hit, parameter):
            search.fill(parameter.name, value, "choice" if hit.exact else "near choice", start, end)
        else:
            search.suggest(parameter.name, value, "choice", start, end, "it is one of the choices")


def described(search: Search) -> None:
    """Fills strings with a value that their description quotes or lists as an example.

    Precision 1.00 on the developers' rows (17 of 17) and on ours (7 of 7). A description with "Options: 'single',
    'double'" and a query with "a single room" give "single".
    """
    slots = [p for p in search.of_type("string") if not p.choices]
    found = {p.name: _hits(search, _examples(p.description), inexact=False) for p in slots}
    for parameter in slots:
        hits = found[parameter.name]
        elsewhere = {hit.first for name, others in found.items() if name != parameter.name for hit in others}
        if len({hit.choice.lower() for hit in hits}) == 1 and hits[0].first not in elsewhere:
            hit = hits[0]
            start, end = search.tokens[hit.first].start, search.tokens[hit.last].end
            search.fill(parameter.name, hit.choice, "described", start, end)


@lru_cache(maxsize=4096)
def _examples(description: str) -> tuple[str, ...]:
    text = description[:500]
    found = [match[1].strip() for match in _QUOTED.finditer(text)]
    for match in _LISTED.finditer(text):
        if "'" not in match[1] and '"' not in match[1]:
            parts = [part.strip(" .") for part in re.split(r",|\bor\b|\band\b", match[1])]
            if not any(len(part) == 2 and part.isupper() for part in parts):  # "New York, NY" is one value
                found += [part for part in parts if len(parts) > 1 and 1 <= len(part.split()) <= 3]
    return tuple(one for one in dict.fromkeys(found) if one.lower() not in _UNSAID)


def _hits(search: Search, choices: Iterable[str], *, inexact: bool = True) -> list[_Hit]:
    """Returns where choices stand in the query; longer ones hide those inside them, and exact ones all others."""
    exact: list[_Hit] = []
    places = _places(search)
    for choice in choices:
        parts = _PART.findall(choice.lower())
        if not parts or len(parts) > _LONGEST:
            continue
        for at in places.get(parts[0], ()):
            joint = [part for word in search.low[at : at + len(parts)] for part in _PART.findall(word)][: len(parts)]
            if joint == parts and not _negated(search, at) and (len(choice) > 1 or search.tokens[at].text == choice):
                last = at if len(_PART.findall(search.low[at])) >= len(parts) else at + len(parts) - 1
                if last < len(search.low) and len(exact) < _HITS and not any(search.apart[at + 1 : last + 1]):
                    exact.append(_Hit(choice, at, last, True))
    kept = [
        hit
        for hit in exact
        if not any(
            o.first <= hit.first and hit.last <= o.last and o.last - o.first > hit.last - hit.first for o in exact
        )
    ]
    return kept or (_inexact(search, choices) if inexact else [])


def _inexact(search: Search, choices: Iterable[str]) -> list[_Hit]:
    """Returns the one choice that a word of the query is another form of, or is nearly."""
    single = [choice for choice in choices if choice.isalpha() and len(choice) >= 4]
    forms = [
        _Hit(choice, at, at, False)
        for at in search.free()
        for choice in single
        if len(search.low[at]) >= 4 and alike(search.roots[at], root(choice)) and not _negated(search, at)
    ]
    if forms:
        return forms if len({hit.choice for hit in forms}) == 1 else []
    near = []
    for at in search.free()[:200]:
        word = search.low[at]
        if 5 <= len(word) <= 20 and word.isalpha() and word not in STOP and not _negated(search, at):
            for choice in single:
                other = choice.lower()
                if abs(len(word) - len(other)) <= 2 and len(other) >= 5 and word[0] == other[0]:
                    ratio = SequenceMatcher(None, word, other, autojunk=False).ratio()
                    if ratio >= _FUZZY:
                        near.append(_Hit(choice, at, at, False))
    return near if len({hit.choice for hit in near}) == 1 else []


def _places(search: Search) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for at in search.free():
        part = _PART.match(search.low[at])
        if part:
            found.setdefault(part[0], []).append(at)
    return found


def _negated(search: Search, at: int) -> bool:
    for before in (at - 1, at - 2):
        if before < 0 or search.apart[before + 1]:
            return False
        if search.low[before] in ("not", "no", "without", "non"):
            return True
    return False


def _led(search: Search, hit: _Hit, parameter: Parameter) -> bool:
    before = search.low[hit.first - 1] if hit.first else ""
    after = search.low[hit.last + 1] if hit.last + 1 < len(search.low) else ""
    return search.tokens[hit.first].quoted or before in _LEADS or after == "of" or _beside(search, hit, parameter)


def _beside(search: Search, hit: _Hit, parameter: Parameter) -> bool:
    """Says whether a word of the parameter's name stands right before or after ("from celsius" for from_unit)."""
    lead = parameter.name.split("_")[0]
    if lead in ("from", "to") and hit.first and search.low[hit.first - 1] == lead:
        return True
    wanted = cues_of(parameter.name, parameter.description).name
    near = search.roots[max(0, hit.first - 2) : hit.first] + search.roots[hit.last + 1 : hit.last + 2]
    return any(alike(word, cue) for word in near for cue in wanted)


def own_words(manifest: Manifest) -> frozenset[str]:
    """Returns the roots of the words that a workflow is described with."""
    texts = (manifest.name, manifest.description, *manifest.capabilities)
    return frozenset(root(word) for text in texts for word in words(text))
