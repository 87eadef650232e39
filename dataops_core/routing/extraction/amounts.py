"""Which number is for which parameter."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise
from typing import Final

from dataops_core.contracts.manifest import Parameter
from dataops_core.routing.extraction.cues import alike, cues_of
from dataops_core.routing.extraction.numbers import Number
from dataops_core.routing.extraction.phrases import CERTAIN, SURE, Scores, assigned, named, shares, sides
from dataops_core.routing.extraction.search import Search
from dataops_core.routing.extraction.units import converted, wanted_units

_KINDS: Final = ("integer", "number")
_WHOLE: Final = 2**63
_FRACTION = re.compile(
    r"decimal|fraction|ratio\b|probabilit|proportion|\brates?\b|_rate\b|\brate_|between 0 and 1|0 to 1"
)
_PERCENT = re.compile(r"percent|pct|in %|\(%\)")
_STARTS: Final = frozenset("from start begin min minimum low lower since after first initial starting".split())
_ENDS: Final = frozenset("to end until max maximum high upper till before last final ending stop".split())


def cued_numbers(search: Search) -> None:
    """Fills numeric parameters whose name or description stands beside a number.

    Precision 1.00 on the developers' rows (56 of 56) and on ours (103 of 103).

    The words right before ("a radius of 5") or after it ("10 sample rows"), never across punctuation, "and", or another
    number. All words of a name must be there, or of the description's first phrase, or the unit that it states; for a
    required parameter its last word is enough ("rate of 5%" for annual_rate) unless another word contradicts. A number
    in a unit that the parameter does not measure is none of its values; one in another unit of the kind is converted.
    "mass1" and "mass2" get two numbers in their order, "from_year" and "to_year" those of "from 2010 to 2015".
    """
    if not search.of_type(*_KINDS) or not search.numbers:
        return
    _ranges(search)
    numbers = search.free_numbers()
    scores: Scores = {}
    shared: list[str] = []
    for index, number in enumerate(numbers):
        before, after = sides(search, number.first, number.last, search.counted)
        last = numbers[index - 1].last if index else number.first
        if not before and number.first > last + 1 and shares(search, last, number.first):
            before = shared  # "charges of 5C and 7C"
        if number.first in search.replaced:
            old = search.replaced[number.first]
            before = sides(search, old, old, search.counted)[0] or before
        shared = before
        if number.units and search.low[number.last].endswith(number.unit):
            after = [number.unit, *after]  # "5kg"
        for parameter in search.of_type(*_KINDS):
            if fits(number, parameter):
                scores[index, parameter.name] = max(
                    named(before, parameter),
                    _counted(after, parameter, number),
                    named(before[:1] + after[:1], parameter),  # "sample 100 rows"
                )
    _numbered(search, numbers, scores)
    for index, parameter, score in assigned(search, scores, [_written(search, number) for number in numbers]):
        if score < CERTAIN and not parameter.required:
            _offer(search, parameter, numbers[index], "cue", "it stands beside words of its name")
        else:
            _give(search, parameter, numbers[index], "cue")


def sole_number(search: Search) -> None:
    """Fills a required numeric parameter with the one number that is left.

    Precision 1.00 on the developers' rows (6 of 6) and on ours (13 of 13). A year ("in 2019") goes to the one parameter
    that is a year, a percent to the one that is a share; another number to the one open number, when it is required. A
    number with a unit where the parameter states none, and one among open optional parameters, is a suggestion.
    """
    slots = search.of_type(*_KINDS)
    numbers = [number for number in search.free_numbers() if not number.worded]
    if not slots or not numbers:
        return
    years = [p for p in slots if _asks_year(p)]
    dated = [number for number in numbers if _is_year(search, number)]
    if len(years) == len(dated) == 1:
        _give(search, years[0], dated[0], "year")
        return
    percents = [number for number in numbers if number.percent]
    takers = [p for p in slots if _is_share(p)]
    if len(percents) == len(takers) == 1:
        _give(search, takers[0], percents[0], "sole percent")
    slots, plain = search.of_type(*_KINDS), [number for number in numbers if not number.percent]
    required = [p for p in slots if p.required]
    if len(plain) == len(required) == 1 and fits(plain[0], required[0]):
        stated = wanted_units(required[0].name, required[0].description)
        if len(slots) == 1 and (not plain[0].units or stated):
            _give(search, required[0], plain[0], "sole number")
        else:
            _offer(search, required[0], plain[0], "sole number", "it is the only number")


def fits(number: Number, parameter: Parameter) -> bool:
    """Says whether a number's unit and percent sign go with a parameter."""
    wanted = wanted_units(parameter.name, parameter.description)
    if number.percent:
        return not wanted
    if number.scaled == "K" and any(unit.dimension == "kelvin" for unit in wanted):
        return True
    return not number.units or not wanted or converted(number.value, number.units, wanted) is not None


def _give(search: Search, parameter: Parameter, number: Number, rule: str) -> None:
    """Fills a parameter with a number in its unit and type, or offers it when that takes a guess."""
    value, sure = _valued(number, parameter)
    said = _written(search, number)
    said = said if number.percent or not number.units else f"{said} {number.unit}"
    search.used.update(range(number.first, number.last + 1))
    if value is None:
        search.note(f"{said!r:.80} is no whole number for {parameter.name}")
    elif sure:
        search.fill(parameter.name, value, rule, number.start, number.end)
    else:
        reason = "a percent, while it asks for a number" if number.percent else "its unit is not stated"
        rule = "percent" if number.percent else "unit"
        search.suggest(parameter.name, value, rule, number.start, number.end, reason)
        search.note(f"{said!r:.80} could be {value} for {parameter.name}: {reason}; say {parameter.name}=…")


def _offer(search: Search, parameter: Parameter, number: Number, rule: str, reason: str) -> None:
    value, _ = _valued(number, parameter)
    if value is not None:
        search.suggest(parameter.name, value, rule, number.start, number.end, reason)


def _valued(number: Number, parameter: Parameter) -> tuple[int | float | None, bool]:
    """Returns the value of a number for a parameter, and whether that is sure."""
    value, sure = number.value, True
    wanted = wanted_units(parameter.name, parameter.description)
    if number.percent:
        text = f"{parameter.name} {parameter.description}".lower()
        if not _PERCENT.search(text) or "decimal" in text or "fraction" in text:
            sure = parameter.type == "number" and _is_share(parameter)
            value = value / 100 if sure else value
    elif number.scaled == "K" and any(unit.dimension == "kelvin" for unit in wanted):
        value = value / 1000
    elif wanted:
        value = converted(value, number.units, wanted) or Decimal(0)
    else:
        # Five what, when a parameter only says "timeout"? Seconds are what everybody counts time in.
        sure = not any(unit.dimension == "time" and unit.factor != 1 for unit in number.units)
    whole = value == value.to_integral_value() and abs(value) < _WHOLE
    if parameter.type == "integer":
        return (int(value), sure) if whole else (None, False)
    return (int(value) if whole else float(value)), sure


def _written(search: Search, number: Number) -> str:
    return search.query[number.start : number.end]


def _counted(after: list[str], parameter: Parameter, number: Number) -> float:
    """Says how well the words after a number name a parameter, or what it says it is counted or measured in."""
    if not after:
        return 0.0
    wanted = wanted_units(parameter.name, parameter.description)
    counted = cues_of(parameter.name, parameter.description).counted
    is_unit = bool(number.unit) and any(unit in wanted for unit in number.units)
    said = 0.92 if is_unit else 0.85 if any(alike(after[0], one) for one in counted) else 0.0
    return max(said, named(after, parameter))


def _numbered(search: Search, numbers: list[Number], scores: Scores) -> None:
    """Gives mass1 and mass2 the two numbers that could be either, in their order; others they do not get."""
    groups: dict[str, list[tuple[int, Parameter]]] = {}
    for parameter in search.of_type(*_KINDS):
        cues = cues_of(parameter.name, parameter.description)
        if cues.ordinal:
            groups.setdefault(cues.base, []).append((cues.ordinal, parameter))
    for group in groups.values():
        if len(group) == 1:
            continue
        slots = [parameter for _, parameter in sorted(group, key=lambda pair: pair[0])]
        names = {parameter.name for parameter in slots}
        found = [index for index in range(len(numbers)) if scores.get((index, slots[0].name), 0) >= SURE]
        disputed = any(i in found and name not in names and score >= SURE for (i, name), score in scores.items())
        if len(found) == len(slots) and not disputed:
            for parameter, index in zip(slots, found, strict=True):
                _give(search, parameter, numbers[index], "numbered")
                names.update(name for i, name in scores if i == index)
        for pair in [
            pair for pair in scores if pair[1] in {p.name for p in slots} or numbers[pair[0]].first in search.used
        ]:
            del scores[pair]


def _ranges(search: Search) -> None:
    """Gives from_year and to_year the numbers of "from 2010 to 2015" or "between 2010 and 2015"."""
    slots = search.of_type(*_KINDS)
    starts = [p for p in slots if _STARTS & _ends_of_name(p)]
    ends = [p for p in slots if _ENDS & _ends_of_name(p)]
    if len(starts) != 1 or len(ends) != 1:
        return
    pairs = []
    for one, two in pairwise(search.free_numbers()):
        joint = search.low[one.last + 1 : two.first]
        joint = joint[1:] if one.units and joint else joint
        lead = search.low[one.first - 1] if one.first else ""
        if (lead in ("from", "between") and joint in (["to"], ["and"], ["until"], ["through"], ["till"])) or (
            lead in ("range", "interval", "of", "in") and joint in (["to"], ["through"])
        ):
            pairs.append((one, two))
    if len(pairs) == 1 and fits(pairs[0][0], starts[0]) and fits(pairs[0][1], ends[0]):
        for parameter, number in zip((starts[0], ends[0]), pairs[0], strict=True):
            _give(search, parameter, number, "range")


def _ends_of_name(parameter: Parameter) -> set[str]:
    parts = parameter.name.lower().split("_")
    return {parts[0], parts[-1]}


def _asks_year(parameter: Parameter) -> bool:
    cues = cues_of(parameter.name, parameter.description)
    return "year" in cues.name[-1:] or "year" in cues.main


def _is_share(parameter: Parameter) -> bool:
    text = f"{parameter.name} {parameter.description}".lower()
    return bool(_FRACTION.search(text) or _PERCENT.search(text) or (parameter.max is not None and parameter.max <= 1))


def _is_year(search: Search, number: Number) -> bool:
    return (
        1000 <= number.value <= 2100
        and len(_written(search, number)) == 4
        and not (number.units or number.percent or number.scaled)
        and search.low[max(0, number.first - 1)] in ("in", "of", "year", "since", "during", "for", "the", "from")
    )
