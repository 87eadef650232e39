"""Lists: in brackets, or items of one kind with commas and "and" between them; and objects as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from dataops_core.contracts.manifest import Parameter
from dataops_core.routing.extraction.cues import FUNCTION
from dataops_core.routing.extraction.numbers import Number
from dataops_core.routing.extraction.phrases import CERTAIN, Scores, assigned, named, sides
from dataops_core.routing.extraction.search import Search

_BRACKETS = re.compile(r"\[([^\[\]]{1,5000})\]")
_JOINT = re.compile(r"\s*(?:,\s*(?:and\s|&\s)?|\sand\s|\s&\s)\s*")
_NUMERIC: Final = ("integer", "number")
_WORD = re.compile(r"[^\W\d]\w*(?:[.#\-]\w+)*[#+]?")


@dataclass(frozen=True, slots=True)
class _Found:
    items: list[Any]
    numeric: bool
    start: int
    end: int
    sort: str  # "brackets", "numbers", "quoted", "words", "names"


def listed(search: Search) -> None:
    """Fills lists.

    Precision 1.00 on the developers' rows (3 of 3) and on ours (16 of 16). Brackets, three or more numbers, and quoted
    texts go to the one open list of their type, or to the one whose name stands before them; words ("columns id, name
    and amount") only to one that is named right before them. Capitalised names ("Apple and Microsoft") are suggested.
    """
    slots = search.of_type("list")
    if not slots:
        return
    found = _brackets(search)
    spans = [(one.start, one.end) for one in found]
    found += [
        one
        for one in (*_numbers(search), *_texts(search))
        if not any(start < one.end and one.start < end for start, end in spans)
    ]
    scores: Scores = {}
    for index, one in enumerate(found):
        inside = search.within(one.start, one.end)
        before, _ = sides(search, inside[0], inside[-1], set()) if inside else ([], [])
        for parameter in slots:
            if _fits(one, parameter) and (score := named(before, parameter)) >= CERTAIN:
                scores[index, parameter.name] = score
    given = set()
    texts = [search.query[one.start : one.end] for one in found]
    for index, parameter, _ in assigned(search, scores, texts):
        _give(search, parameter, found[index])
        given.add(index)
    rest = [one for index, one in enumerate(found) if index not in given]
    for parameter in search.of_type("list"):
        fitting = [one for one in rest if _fits(one, parameter) and one.sort != "words"]
        rivals = [p for p in search.of_type("list") if any(_fits(one, p) for one in fitting)]
        if len(fitting) == len(rivals) == 1:
            one = fitting[0]
            if one.sort == "names" or (one.sort == "numbers" and len(one.items) < 3):
                search.suggest(parameter.name, one.items, "list", one.start, one.end, "it is the only list")
            else:
                _give(search, parameter, one)


def objects(search: Search) -> None:
    """Fills the one open object with the one JSON object of the query."""
    slots = search.of_type("object")
    start = search.query.find("{", 0, 100_000)
    if len(slots) != 1 or start < 0:
        return
    try:
        value, end = json.JSONDecoder().raw_decode(search.query, start)
    except (ValueError, RecursionError):
        return
    if isinstance(value, dict) and "{" not in search.query[end : end + 10_000]:
        search.fill(slots[0].name, search.query[start:end], "json", start, end)


def _give(search: Search, parameter: Parameter, one: _Found) -> None:
    items = [int(item) for item in one.items] if parameter.items == "integer" else one.items
    search.fill(parameter.name, items, "list", one.start, one.end)


def _fits(one: _Found, parameter: Parameter) -> bool:
    if parameter.items in _NUMERIC:
        return one.numeric and (parameter.items == "number" or all(item == int(item) for item in one.items))
    if parameter.items in (None, "string", "enum"):
        return not one.numeric or (parameter.items is None and one.sort in ("brackets", "numbers"))
    return False


def _brackets(search: Search) -> list[_Found]:
    found = []
    end = search.tokens[-1].end + 1 if search.tokens else 0
    for match in _BRACKETS.finditer(search.query, 0, end):
        inside = search.within(match.start(), match.end())
        if any(at in search.used or search.tokens[at].key for at in inside):
            continue
        try:
            items = json.loads(match[0])
        except (ValueError, RecursionError):
            items = [part.strip().strip("'\"") for part in match[1].split(",")]
        plain = [item for item in items if isinstance(item, str | int | float) and not isinstance(item, bool)]
        numeric = all(isinstance(item, int | float) for item in plain)
        if plain and len(plain) == len(items) and (numeric or all(isinstance(item, str) and item for item in plain)):
            found.append(_Found(plain, numeric, match.start(), match.end(), "brackets"))
        if len(found) == 50:
            break
    return found


def _numbers(search: Search) -> list[_Found]:
    runs: list[list[Number]] = []
    for number in search.free_numbers():
        if runs and _JOINT.fullmatch(search.query[runs[-1][-1].end : number.start][:20]):
            runs[-1].append(number)
        else:
            runs.append([number])
    return [
        _Found(
            [int(n.value) if n.value == n.value.to_integral_value() else float(n.value) for n in run],
            True, run[0].start, run[-1].end, "numbers",
        )
        for run in runs
        if len(run) > 1 and not any(n.units or n.percent or abs(n.value) > 1e15 for n in run)
    ]  # fmt: skip


def _texts(search: Search) -> list[_Found]:
    """Returns the runs of quoted texts, and of single words, that commas and "and" join."""
    found: list[_Found] = []
    run: list[int] = []
    free = set(search.free())

    def close() -> None:
        if len(run) > 1:
            tokens = [search.tokens[at] for at in run]
            if all(token.quoted for token in tokens):
                sort = "quoted"
            else:
                sort = "names" if all(token.text[:1].isupper() for token in tokens) else "words"
            found.append(_Found([token.text for token in tokens], False, tokens[0].start, tokens[-1].end, sort))
        run.clear()

    for at, token in enumerate(search.tokens):
        joins = bool(run) and _JOINT.fullmatch(search.query[search.tokens[run[-1]].end : token.start][:20])
        is_item = at in free and (token.quoted or (_WORD.fullmatch(token.text) and search.low[at] not in FUNCTION))
        if is_item and joins and search.tokens[run[-1]].quoted == token.quoted:
            run.append(at)
        elif search.low[at] in ("and", "&") and run and not token.quoted:
            continue
        else:
            close()
            if is_item:
                run.append(at)
    close()
    return found
