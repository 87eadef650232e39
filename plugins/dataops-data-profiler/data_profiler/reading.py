"""What the texts of a column are meant to be: numbers, dates, codes, words. Decided from the forms of all values."""

from __future__ import annotations

from dataclasses import dataclass, field

from data_profiler import dates
from data_profiler.document import Counted, counted
from data_profiler.engine import Engine
from data_profiler.privacy import shown
from data_profiler.shapes import DATES, NUMBERS, examples, family, kind_counts

_EXAMPLES = 5
#: A family of kinds is the column's type from this share of the values on; the others are exceptions.
MOST = 0.5
_BOOLEANS = (
    {"true", "false"},
    {"yes", "no"},
    {"y", "n"},
    {"t", "f"},
    {"on", "off"},
    {"ja", "nein"},
    {"oui", "non"},
    {"si", "no"},
)


@dataclass
class Reading:
    """What a column is taken for.

    Args:
        type: the type, as in the profile.
        why: a line for people.
        kinds: how many values are written in which kind.
        exceptions: values that do not fit the type.
        leading_zeros: whole numbers written with leading zeros.
        days_first: how dates with slashes are read.
        order: rows that can only be day/month, and only month/day; None without such dates.
        dated: a condition in SQL for the values that look like dates.
    """

    type: str
    why: str
    kinds: dict[str, int] = field(default_factory=dict)
    exceptions: Counted = field(default_factory=counted)
    leading_zeros: Counted = field(default_factory=counted)
    days_first: bool = False
    order: list[int] | None = None
    dated: str = "true"


def read_text(engine: Engine, count: int, distinct: int) -> Reading:
    """Decides the type of a column of texts.

    Args:
        engine: with the tables `counts` and `shapes`.
        count: how many rows have a value.
        distinct: how many values there are.
    """
    kinds = kind_counts(engine)
    if list(kinds) == ["text"]:
        # A sample of words stands for all of them.
        kinds = {"text": count}
    shares: dict[str, int] = {}
    for kind, number in kinds.items():
        shares[family(kind)] = shares.get(family(kind), 0) + number
    main = max(shares, key=lambda name: shares[name])
    if shares[main] < MOST * count or main == "text":
        main = "text"
    if main == "text" and distinct <= 8 and _boolean(engine):
        return Reading("boolean", "every value is one of two that say yes or no", kinds)
    odd = [kind for kind in kinds if family(kind) != main]
    reading = Reading(main, "", kinds, exceptions=_exceptions(engine, odd, count - shares.get(main, 0)))
    if main == "number":
        return _number(engine, reading, count)
    if main == "date":
        return _date(engine, reading)
    if main == "text":
        if not shares.get("number"):
            reading.exceptions = counted()
        reading.why = "words or mixed characters" if not odd else f"{shares.get('text', 0)} of {count} values are words"
        return reading
    reading.why = "every value is one" if not odd else f"{shares[main]} of {count} values are"
    return reading


def _number(engine: Engine, reading: Reading, count: int) -> Reading:
    styles = [kind for kind in reading.kinds if kind in NUMBERS]
    whole = set(styles) <= {"integer", "grouped by comma", "grouped by space", "grouped by dot"}
    # 1,234.50 is grouped, but no whole number.
    grouped = whole and bool({"grouped by comma", "grouped by space"} & set(styles))
    fraction = grouped and engine.row("SELECT bool_or(contains(v, '.')) FROM counts")[0]
    reading.type = "integer" if whole and not fraction else "decimal"
    zeros = engine.row(
        "SELECT coalesce(sum(n), 0)::BIGINT, min(length(v)), max(length(v)) FROM counts"
        " WHERE v LIKE '0%' AND length(v) > 1 AND regexp_full_match(v, '\\d+')"
    )
    if zeros[0]:
        found = engine.rows(
            "SELECT r, v FROM counts WHERE v LIKE '0%' AND length(v) > 1 AND regexp_full_match(v,"
            " '\\d+') ORDER BY r LIMIT 5"
        )
        reading.leading_zeros = {"count": zeros[0], "examples": [{"row": r, "value": shown(v)} for r, v in found]}
        lengths = engine.row("SELECT count(DISTINCT length(v)) FROM counts")[0]
        if reading.type == "integer" and (lengths == 1 or zeros[0] >= 0.05 * count):
            reading.type = "code"
            reading.why = "digits with leading zeros: a code, not a number"
            return reading
    reading.why = "numbers written as " + ", ".join(styles)
    if styles == ["decimal"] and _like_dates(engine):
        reading.why += "; each could also be a date in day.month form"
    return reading


def _like_dates(engine: Engine) -> bool:
    """Tells whether every decimal could be a day and a month, as 4.5 could."""
    return bool(
        engine.row(
            r"SELECT bool_and(regexp_full_match(v, '(0?[1-9]|[12]\d|3[01])\.(0?[1-9]|1[0-2])')) FROM"
            r" (SELECT v FROM counts LIMIT 1000)"
        )[0]
    )


def _date(engine: Engine, reading: Reading) -> Reading:
    dated = [kind for kind in reading.kinds if kind in DATES]
    reading.type = "date"
    if any(kind.startswith("date with slashes") for kind in dated):
        first, second = dates.slash_order(engine)
        reading.order = [first, second]
        reading.days_first = first > second
    reading.why = "dates written as " + ", ".join(kind.removeprefix("date ") for kind in dated)
    if reading.order is not None:
        said = "day first" if reading.days_first else "month first"
        reading.why += f"; read {said}" + ("" if any(reading.order) else ", which no value decides")
    if reading.exceptions["count"]:
        reading.dated = r"regexp_matches(v, '^\d{1,4}[-/.]\d|^\d{1,2}\.?[ -][A-Za-z]{3}|^[A-Za-z]{3,9}\.? \d')"
    return reading


def _boolean(engine: Engine) -> bool:
    values = {value.lower() for (value,) in engine.rows("SELECT v FROM counts")}
    return any(values <= pair and (len(values) == 2 or len(min(pair)) > 1) for pair in _BOOLEANS)


def _exceptions(engine: Engine, odd: list[str], count: int) -> Counted:
    if not odd or not count:
        return counted()
    found = examples(engine, odd, _EXAMPLES)
    return {"count": count, "examples": [{"row": s.row, "value": shown(s.example)} for s in found]}
