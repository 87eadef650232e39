"""Names that are only suggested: what is written with capitals, and a plain word beside the name of its parameter."""

from __future__ import annotations

import re
from typing import Final

from dataops_core.contracts.manifest import Parameter
from dataops_core.routing.extraction.choices import own_words
from dataops_core.routing.extraction.cues import FUNCTION, alike, cues_of, root
from dataops_core.routing.extraction.search import Search
from dataops_core.routing.tokens import is_path, is_uri

_CAPITAL = re.compile(r"[A-Z][\w'.\-&]*")
_PLAIN = re.compile(r"[a-z]\w{1,63}")
_PLACES: Final = frozenset(
    map(root, "location city place country county state region town address destination origin".split())
)
_WHERE: Final = frozenset("in at near from around to for of".split())
_LINKS: Final = frozenset("of the de la van von".split())


def names(search: Search) -> None:
    """Suggests names; never fills.

    Right for 24 of 29 on the developers' rows and 5 of 8 on ours; for less where places want a state ("Chicago, IL").
    A capitalised name after "in", "near" or "from" for the one open required place; otherwise the only one for the only
    open required string; a plain word right after the name of its parameter ("column price").
    """
    slots = [p for p in search.of_type("string") if not p.choices]
    if not slots:
        return
    runs = _runs(search)
    required = [p for p in slots if p.required]
    places = [p for p in required if _is_place(p)]
    where = [run for run in runs if run[0] and search.low[run[0] - 1] in _WHERE]
    if len(places) == 1 and len({_text(search, run) for run in where}) == 1:
        _offer(search, places[0], where[0], f"a name after {search.low[where[0][0] - 1]!r}")
        runs = [run for run in runs if run != where[0]]
    rest = [p for p in required if p.name not in search.suggestions and not _is_place(p)]
    if len(rest) == 1 and len({_text(search, run) for run in runs}) == 1:
        _offer(search, rest[0], runs[0], "it is the only name")
    for parameter in slots:
        beside = _beside(search, parameter)
        if beside is not None:
            _offer(search, parameter, (beside, beside), f"it stands after {search.tokens[beside - 1].text!r:.40}")


def _runs(search: Search) -> list[tuple[int, int]]:
    """Returns the capitalised names, the first word of a sentence not among them."""
    free = set(search.free())
    found: list[tuple[int, int]] = []
    at = 1
    while at < len(search.tokens):
        if at in free and _is_capital(search, at) and search.low[at] not in FUNCTION and not _begins(search, at):
            last = at
            while last + 1 in free and not search.apart[last + 1]:
                step = 2 if search.low[last + 1] in _LINKS else 1
                if last + step not in free or search.apart[last + step] or not _is_capital(search, last + step):
                    break
                last += step
            found.append((at, last))
            at = last
        at += 1
        if len(found) == 50:
            break
    return found


def _is_capital(search: Search, at: int) -> bool:
    token = search.tokens[at]
    return (
        not token.quoted
        and _CAPITAL.fullmatch(token.text) is not None
        and not (is_path(token.text) or is_uri(token.text))
    )


def _begins(search: Search, at: int) -> bool:
    return any(mark in search.query[search.tokens[at - 1].end : search.tokens[at].start] for mark in ".!?\n")


def _is_place(parameter: Parameter) -> bool:
    return bool(_PLACES & set(cues_of(parameter.name, parameter.description).name))


def _beside(search: Search, parameter: Parameter) -> int | None:
    """Returns the position of the plain word right after a parameter's name."""
    cues = cues_of(parameter.name, parameter.description).name
    own: frozenset[str] | None = None
    for at in search.free():
        if at and not search.apart[at] and len(cues) == 1 and alike(search.roots[at - 1], cues[0]):
            if (
                search.low[at - 1].endswith("s")
                or search.low[at] in FUNCTION
                or not _PLAIN.fullmatch(search.tokens[at].text)
            ):
                continue
            own = own_words(search.manifest) if own is None else own
            if search.roots[at] not in own:
                return at
    return None


def _text(search: Search, run: tuple[int, int]) -> str:
    return search.query[search.tokens[run[0]].start : search.tokens[run[1]].end]


def _offer(search: Search, parameter: Parameter, run: tuple[int, int], reason: str) -> None:
    start, end = search.tokens[run[0]].start, search.tokens[run[1]].end
    search.suggest(parameter.name, search.query[start:end], "name", start, end, reason)
