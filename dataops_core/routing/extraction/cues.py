"""The words that may stand beside the value of a parameter, and how well a phrase of a query agrees with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dataops_core.routing.extraction.units import units_of
from dataops_core.routing.terms import stem

GENERIC: Final = frozenset(
    """number num no n count amount value size max maximum min minimum limit total quantity the a an of in to for is has
    with at by and or on per name id full string any each all given specific specified desired optional required integer
    float""".split()
)
"""Words of names that a query may leave out."""

FUNCTION: Final = frozenset(
    """a about above after against all along also among an and any are as at be because been before being below between
    both but by can could did do does during each else for from had has have he her his how i if in instead into is it
    its just me mine my near nor not of off on onto or our out over please she should since so some such than that the
    their them then there these they this those through till to under until up upon us using via was we were what when
    where which while who whose why will with within without would you your""".split()
)
"""Words that join phrases and belong to none."""

_SHORT = {
    "max": "maximum", "min": "minimum", "temp": "temperature", "num": "number", "avg": "average", "atm": "atmospheric",
    "std": "standard", "pct": "percent", "freq": "frequency", "qty": "quantity", "prob": "probability", "col": "column",
    "vol": "volume", "amt": "amount", "lat": "latitude", "lon": "longitude", "len": "length", "dist": "distance",
    "calc": "calculation", "sig": "significance", "pos": "position", "init": "initial", "env": "environment",
    "cols": "columns", "temps": "temperatures", "conf": "confidence", "acc": "acceleration", "vel": "velocity",
    "dim": "dimension", "idx": "index", "vars": "variables", "var": "variable", "dir": "directory", "db": "database",
}  # fmt: skip
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_]+")
_WORD = re.compile(r"[^\W_]+")
_LEAD = re.compile(r"(?:(?:optional|required)\b[:.,\s]*(?:parameter\b)?\s*)?(?:flag to\s|the\s|an?\s)*", re.IGNORECASE)
_COUNTED = re.compile(
    r"\b(?:in|number of|count of|how many|for)\s+((?!this|does|has|was)[a-z]{3,20}s)\b", re.IGNORECASE
)
_DESCRIBED = 500  # characters of a description that are read


@lru_cache(maxsize=10_000)
def root(word: str) -> str:
    """Returns what words of one meaning share: the stem of the word that an abbreviation stands for."""
    word = word.lower()
    return stem(_SHORT.get(word, word))


@lru_cache(maxsize=20_000)
def alike(a: str, b: str) -> bool:
    """Says whether two roots mean the same: equal, or one the beginning of the other ("invest", "investment")."""
    if a == b:
        return True
    short, long = sorted((a, b), key=len)
    return len(short) >= 5 and long.startswith(short) and len(long) - len(short) <= 5


@dataclass(frozen=True, slots=True)
class Cues:
    """What a parameter is called.

    Args:
        name: the roots of its name that a query says; all of them when all are generic.
        main: the roots of the first phrase of its description.
        counted: the roots of what it says it counts ("in beats per minute", "number of nights").
        all: the roots of name and description.
        ordinal: the digits at the end of its name: 2 of "mass2", or 0.
        base: its name without them.
    """

    name: tuple[str, ...]
    main: tuple[str, ...]
    counted: frozenset[str]
    all: frozenset[str]
    ordinal: int
    base: str


@lru_cache(maxsize=4096)
def cues_of(name: str, description: str) -> Cues:
    """Returns the words that name a parameter."""
    parts = [part for part in _PARTS.findall(name) if not part.isdigit()]
    lower = [part.lower() for part in parts]
    until = lower.index("per") if "per" in lower else len(lower)
    said = [part for part in lower[:until] if part not in GENERIC] or parts
    if len(said) > 1 and (said[-1] in ("percent", "pct", "percentage") or units_of(said[-1])):
        said.pop()  # "timeout_seconds" is said as "timeout"
    digits = re.search(r"[0-9]{1,2}$", name)
    text = description[:_DESCRIBED]
    roots = {root(word) for word in _WORD.findall(text) if word.lower() not in FUNCTION}
    return Cues(
        name=tuple(dict.fromkeys(map(root, said))),
        main=_main_phrase(text),
        counted=frozenset(root(found[1]) for found in _COUNTED.finditer(text) if root(found[1]) not in GENERIC),
        all=frozenset(roots | set(map(root, parts))),
        ordinal=int(digits[0]) if digits else 0,
        base=name[: digits.start()] if digits else name,
    )


def _main_phrase(description: str) -> tuple[str, ...]:
    """Returns the roots of "radius" in "The radius of the circle in meters", of "trees" in "Number of trees"."""
    text = description[_LEAD.match(description).end() :]  # type: ignore[union-attr]
    found: list[str] = []
    for match in _WORD.finditer(text):
        word = match[0].lower()
        gap = text[match.start() - 1 : match.start()] if match.start() else ""
        before = text[max(0, match.start() - 2) : match.start()]
        if found and (gap in "([;.,:" or before[:1] in ",.;:("):
            break
        if word in FUNCTION:
            if found or word not in ("of", "the", "a", "an"):
                break
        elif word not in GENERIC:
            found.append(root(word))
    return tuple(dict.fromkeys(found))


def agreement(phrase: Sequence[str], wanted: Sequence[str], known: frozenset[str]) -> float:
    """Says how well a phrase names something: from 1.0 for all its words side by side to 0 for nothing.

    Args:
        phrase: roots, the one beside the value first.
        wanted: the roots of a name; the last one is its head.
        known: roots that may stand among them without harm.
    """
    if not wanted:
        return 0.0
    matched: set[str] = set()
    gap = foreign = 0
    for word in phrase:
        hit = next((cue for cue in wanted if alike(word, cue)), None)
        if hit is not None:
            matched.add(hit)
        elif word not in known:
            if matched:
                foreign += 1
            else:
                gap += 1
    if len(matched) == len(wanted):
        return 0.75 + 0.25 * len(wanted) - 0.25 * gap  # a longer name says more
    if wanted[-1] not in matched or foreign:
        return 0.0
    return 0.4 + 0.4 * len(matched) / len(wanted) - 0.25 * gap
