"""Dates as people write them: ISO, in words, with slashes, and relative to today; and periods from one to another."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from dataops_core.routing.extraction.numbers import SMALL

_MONTHS: Final = "january february march april may june july august september october november december".split()
_DAYS: Final = "monday tuesday wednesday thursday friday saturday sunday".split()
_MONTH = "(?:" + "|".join(f"{m[:3]}(?:{m[3:]})?" if len(m) > 3 else m for m in _MONTHS) + r"|sept)\b\.?"
_WEEKDAY = "(?:" + "|".join(_DAYS) + ")"
_COUNT = "(?:[0-9]{1,4}|an?|" + "|".join(word for word, value in SMALL.items() if value) + ")"
_UNIT = "(?:day|week|month|quarter|year)"
_YEAR = "(?:1[0-9]|20|21)[0-9]{2}"
_DAY = "(?:3[01]|[12][0-9]|0?[1-9])"

# All of them in one pass over the text; no repetition follows another of the same characters.
_DATE = re.compile(
    rf"""(?<![\w/.\-])(?:
      (?P<iso>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})(?:T[0-9:.]{{4,15}}Z?)?
    | (?P<ymd>[0-9]{{4}}[/.][0-9]{{1,2}}[/.][0-9]{{1,2}})
    | (?P<xxy>[0-9]{{1,2}}(?P<mark>[/.\-])[0-9]{{1,2}}(?P=mark)[0-9]{{4}})
    | (?P<dmy>(?P<d1>{_DAY})(?:st|nd|rd|th)?\ (?:of\ )?(?P<m1>{_MONTH})(?:,?\ (?P<y1>{_YEAR}))?)
    | (?P<mdy>(?P<m2>{_MONTH})\ (?P<d2>{_DAY})(?:st|nd|rd|th)?(?![0-9:])(?:,?\ ?(?P<y2>{_YEAR}))?)
    | (?P<my>(?P<m3>{_MONTH})\ (?P<y3>{_YEAR}))
    | (?P<named>today|yesterday|tomorrow|the\ day\ before\ yesterday|the\ day\ after\ tomorrow)
    | (?P<ago>(?P<n1>{_COUNT})\ (?P<u1>{_UNIT})s?\ (?:ago|from\ now|from\ today))
    | (?P<edge>(?:the\ )?(?P<side>beginning|start|end|first\ day|last\ day)\ of\ (?:the\ )?
        (?P<which>(?:this|last|next|previous|current|past)\ )?(?P<u2>week|month|quarter|year))
    | (?P<span>(?:the\ )?(?P<way>last|past|previous|next)\ (?P<n2>[0-9]{{1,4}}|{_COUNT})\ (?P<u3>{_UNIT})s)
    | (?P<near>(?:the\ )?(?P<how>last|past|previous|this|current|next)\ (?P<u4>{_UNIT}|{_WEEKDAY}))
    )(?![\w]|[/\-.][\w])""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A date or a period of a query.

    Args:
        first, last: its days; the same one of a date.
        start, end: its span in the query.
        text: as written.
        relative: whether it depends on today.
        other: what it may mean as well ("03/04/2024"), or None.
    """

    first: date
    last: date
    start: int
    end: int
    text: str
    relative: bool = False
    other: date | None = None

    @property
    def is_day(self) -> bool:
        """Whether it is one day, and not a longer period."""
        return self.first == self.last


def moments_in(query: str, today: date, *, limit: int = 50) -> list[Moment]:
    """Returns the dates and periods of a query in order. Those that no calendar has (2024-02-31) are left out.

    "last Monday" is the latest one before today, "next Monday" the first one after it; "last month" is the whole month
    before; the "last 7 days" begin 7 days before today and end today; "3 weeks ago" is one day.
    """
    found: list[Moment] = []
    for match in _DATE.finditer(query):
        try:
            moment = _READ[match.lastgroup or ""](match, today)
        except (ValueError, OverflowError):
            continue
        if moment is not None:
            found.append(moment)
            if len(found) == limit:
                break
    return found


def _moment(match: re.Match[str], first: date, last: date | None = None, **more: object) -> Moment:
    return Moment(first, last or first, match.start(), match.end(), match[0], **more)  # type: ignore[arg-type]


def _iso(match: re.Match[str], today: date) -> Moment:
    return _moment(match, date.fromisoformat(match["iso"]))


def _year_first(match: re.Match[str], today: date) -> Moment:
    return _moment(match, date(*map(int, re.split("[/.]", match["ymd"]))))


def _year_last(match: re.Match[str], today: date) -> Moment:
    """Day or month may come first; dots say that the day does, and above 12 only one order is left."""
    one, two, year = map(int, re.split(r"[/.\-]", match["xxy"]))
    if match["mark"] == "." or one > 12 or one == two:
        return _moment(match, date(year, two, one))
    if two > 12:
        return _moment(match, date(year, one, two))
    return _moment(match, date(year, one, two), other=date(year, two, one))


def _month(name: str) -> int:
    return next(i for i, month in enumerate(_MONTHS, 1) if month.startswith(name.lower()[:3]))


def _in_words(match: re.Match[str], today: date) -> Moment:
    name, day, year = (
        (match["m1"], match["d1"], match["y1"]) if match["dmy"] else (match["m2"], match["d2"], match["y2"])
    )
    if year:
        return _moment(match, date(int(year), _month(name), int(day)))
    # Without a year it is this year's, and may as well be another's.
    there = date(today.year, _month(name), int(day))
    return _moment(match, there, relative=True, other=there.replace(year=today.year - 1) if there.day < 29 else there)


def _of_month(match: re.Match[str], today: date) -> Moment:
    return _moment(match, *_whole("month", date(int(match["y3"]), _month(match["m3"]), 1)))


def _named(match: re.Match[str], today: date) -> Moment:
    days = {"today": 0, "yesterday": -1, "tomorrow": 1, "the day before yesterday": -2, "the day after tomorrow": 2}
    return _moment(match, today + timedelta(days[match["named"].lower()]), relative=True)


def _ago(match: re.Match[str], today: date) -> Moment:
    count = _count(match["n1"]) * (-1 if match["ago"].lower().endswith("ago") else 1)
    return _moment(match, _moved(today, count, match["u1"].lower()), relative=True)


def _edge(match: re.Match[str], today: date) -> Moment:
    unit, which = match["u2"].lower(), (match["which"] or "this").strip().lower()
    first, last = _whole(unit, _moved(today, _STEP[which], unit))
    at_end = match["side"].lower() in ("end", "last day")
    return _moment(match, last if at_end else first, relative=True)


def _span(match: re.Match[str], today: date) -> Moment:
    count, unit = _count(match["n2"]), match["u3"].lower()
    if match["way"].lower() == "next":
        return _moment(match, today, _moved(today, count, unit), relative=True)
    return _moment(match, _moved(today, -count, unit), today, relative=True)


def _near(match: re.Match[str], today: date) -> Moment | None:
    how, unit = match["how"].lower(), match["u4"].lower()
    if unit in _DAYS:
        ahead = (_DAYS.index(unit) - today.weekday()) % 7
        if how == "next":
            return _moment(match, today + timedelta(ahead or 7), relative=True)
        if how == "last":
            return _moment(match, today + timedelta((ahead or 7) - 7 if ahead else -7), relative=True)
        return None
    if unit == "day":
        return None
    return _moment(match, *_whole(unit, _moved(today, _STEP[how], unit)), relative=True)


_STEP: Final = {"this": 0, "current": 0, "last": -1, "previous": -1, "past": -1, "next": 1}
_READ: Final[dict[str, Callable[[re.Match[str], date], Moment | None]]] = {
    "iso": _iso, "ymd": _year_first, "xxy": _year_last, "dmy": _in_words, "mdy": _in_words, "my": _of_month,
    "named": _named, "ago": _ago, "edge": _edge, "span": _span, "near": _near,
}  # fmt: skip


def _count(text: str) -> int:
    return int(text) if text.isdigit() else SMALL.get(text.lower(), 1)


def _moved(day: date, count: int, unit: str) -> date:
    """Moves a day; the 31st becomes the last one of a shorter month."""
    if unit in ("day", "week"):
        return day + timedelta(count * (7 if unit == "week" else 1))
    months = day.year * 12 + day.month - 1 + count * {"month": 1, "quarter": 3, "year": 12}[unit]
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _whole(unit: str, day: date) -> tuple[date, date]:
    """Returns the first and the last day of the week (from Monday), month, quarter or year that a day lies in."""
    if unit == "week":
        monday = day - timedelta(day.weekday())
        return monday, monday + timedelta(6)
    length = {"month": 1, "quarter": 3, "year": 12}[unit]
    first = date(day.year, (day.month - 1) // length * length + 1, 1)
    return first, _moved(first, length, "month") - timedelta(1)
