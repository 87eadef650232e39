"""The phrases that stand beside a value, and which value goes to which parameter by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dataops_core.contracts.manifest import Parameter
from dataops_core.routing.extraction.cues import FUNCTION, agreement, cues_of, root
from dataops_core.routing.extraction.search import Search

SURE: Final = 0.6
"""The least agreement that counts."""

CERTAIN: Final = 0.9
"""The least agreement for an optional parameter: nobody need speak of it."""

_CLEAR: Final = 0.2  # how much more than anything else
_REACH: Final = 6  # words on either side of a value that may name its parameter
_THROUGH: Final = frozenset("of the a an 's".split())
_FILLERS: Final = frozenset(
    """a about above an approximately around as at be being below by called equal equaling equals exactly first greater
    is last least less level maximum minimum most named next of only over roughly set than the to top under up upcoming
    value was are = : →""".split()
)
"""Words between a name and its value."""

_MEANING: Final = frozenset("top first last next level minimum maximum".split())  # fillers that may be names as well

Scores = dict[tuple[int, str], float]
"""How well the parameter of a name agrees with what stands beside the value of an index."""


def sides(search: Search, first: int, last: int, stops: frozenset[int] | set[int]) -> tuple[list[str], list[str]]:
    """Returns the roots of the phrases before and after some tokens, the nearest word first.

    They end at punctuation, at words that join phrases, and at values.

    Args:
        first, last: positions of the tokens.
        stops: positions that phrases do not reach over.
    """
    low, apart, tokens = search.low, search.apart, search.tokens
    before: list[str] = []
    at = first
    while at > 0 and len(before) < _REACH and not (apart[at] and not _colon(search, at)):
        at -= 1
        word = low[at]
        if at in stops or at in search.used or tokens[at].quoted or tokens[at].key:
            break
        if word in _FILLERS and (not before or word in _THROUGH):
            if word in _MEANING:
                before.append(search.roots[at])
            continue
        if word in FUNCTION and word not in _THROUGH and len(word) > 1:
            break
        before += search.roots[at].split("_")
    after: list[str] = []
    at = last + 1
    while at < len(low) and not apart[at] and len(after) < _REACH - 2:
        word = low[at]
        if at in stops or tokens[at].quoted or tokens[at].key or (word in FUNCTION and word not in _THROUGH):
            break
        if word not in _THROUGH:
            after += search.roots[at].split("_")
        at += 1
    return before, after


def shares(search: Search, earlier: int, at: int) -> bool:
    """Says whether "and", "or" or a comma joins two values, so that what names the first may name both."""
    return search.low[earlier + 1 : at] in ([], ["and"], ["or"])


def named(phrase: Sequence[str], parameter: Parameter) -> float:
    """Says how well a phrase names a parameter, by its name or by the first phrase of its description."""
    cues = cues_of(parameter.name, parameter.description)
    if not phrase:
        return 0.0
    if cues.ordinal and phrase[0] == root(parameter.name):
        return 1.5  # "Sample1: …"
    if phrase[0] == "id" and parameter.name.lower().endswith("id"):
        return SURE  # "with the id DNA123"
    by_name = agreement(phrase, cues.name, cues.all)
    # One word of a description ("Rows to draw") is enough for what must be given, and not for what need not be.
    by_description = min(agreement(phrase, cues.main, cues.all), 0.85 if len(cues.main) == 1 else 1.0)
    return max(by_name + 0.2 if by_name >= 1 else by_name, by_description)


def assigned(search: Search, scores: Scores, texts: Sequence[str]) -> Iterator[tuple[int, Parameter, float]]:
    """Yields which value is whose, the clearest first, and says how clear it is.

    A value that two parameters claim, or a parameter that two values claim, is left out; the latter is noted, and the
    parameter is closed, so that no weaker rule settles it.

    Args:
        scores: by index of the value and name of the parameter.
        texts: the values as written.
    """
    known = scores
    while scores:
        index, name = max(scores, key=lambda pair: (scores[pair], -pair[0]))
        best = scores[index, name]
        rivals = [
            i
            for (i, other), score in scores.items()
            if other == name and score >= SURE and score > _best(known, i) - _CLEAR
        ]
        claims = [n for (i, n), score in known.items() if i == index and n in search.open and score > best - _CLEAR]
        scores = {pair: score for pair, score in scores.items() if pair[1] != name}
        if best < SURE or name not in search.open:
            continue
        if len({texts[i] for i in rivals}) > 1:
            if not search.one((texts[i] for i in sorted(rivals)), f"several could be {name}"):
                search.close(name)
            continue
        if len(claims) > 1:
            continue
        yield index, search.open[name], best
        scores = {pair: score for pair, score in scores.items() if pair[0] != index}


def _best(scores: Scores, index: int) -> float:
    return max(score for (i, _), score in scores.items() if i == index)


def _colon(search: Search, at: int) -> bool:
    gap = search.query[search.tokens[at - 1].end : search.tokens[at].start]
    return gap.strip(" [") in (":", "") and bool(gap.strip())
