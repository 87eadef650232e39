"""The judgement of numbers, dates and times."""

from __future__ import annotations

import re
from collections.abc import Iterator

from data_profiler.document import Column, Example, Finding
from data_profiler.finding import listed, of_column, rows_of
from data_profiler.shapes import DATES

_DATE_NAME = re.compile(r"(^|[^a-z])(date|data|datum|day|dt|fecha)([^a-z]|$)", re.IGNORECASE)


def number_findings(column: Column, rows: int) -> Iterator[Finding]:
    """Yields what is worth saying about numbers."""
    kinds = column["kinds"]
    numeric = column["type"] in ("integer", "decimal")
    if numeric:
        commas = sum(count for kind, count in kinds.items() if kind.endswith("decimal comma"))
        if commas or "grouped by dot" in kinds:
            count = commas + kinds.get("grouped by dot", 0)
            what = "a comma before the decimals" if commas else "dots between thousands"
            yield of_column(
                column,
                "medium",
                "decimal_comma",
                f"numbers are written with {what}",
                count,
                "Tell your tools the decimal and thousands signs.",
            )
        grouped = kinds.get("grouped by comma", 0) + kinds.get("grouped by space", 0)
        if grouped:
            text = f"numbers with separators between thousands in {rows_of(grouped)}"
            yield of_column(
                column, "medium", "thousands_separator", text, grouped, "Remove the separators when you load the file."
            )
        signs = sum(kinds.get(kind, 0) for kind in kinds if kind.startswith(("percent", "money", "in paren")))
        if signs:
            text = f"numbers with a currency, a percent sign or parentheses in {rows_of(signs)}"
            yield of_column(
                column, "low", "number_with_sign", text, signs, "Remove the signs, and note the unit in the name."
            )
        if "decimal comma" in kinds and "decimal" in kinds:
            text = f"decimals are written both with a point and with a comma: {listed(kinds)}"
            yield of_column(
                column,
                "high",
                "mixed_number_formats",
                text,
                min(kinds["decimal comma"], kinds["decimal"]),
                "Write all numbers one way.",
            )
        if "day.month" in column["reading"]:
            text = "decimal numbers that could each be a date (day.month)"
            yield of_column(
                column,
                "info",
                "date_like_number",
                text,
                column["count"],
                "Make sure that no tool turns them into dates.",
            )
        if column["type"] == "integer" and _compact_dates(column):
            text = "whole numbers that are dates written YYYYMMDD"
            yield of_column(column, "low", "date_as_number", text, column["count"], "Load them as dates.")
    for sentinel in column["sentinels"]:
        text = f"{sentinel['value']} stands {_times(sentinel['count'])} and probably means unknown"
        found: list[Example] = [{"row": row, "value": str(sentinel["value"])} for row in sentinel["rows"]]
        yield of_column(
            column,
            "medium",
            "sentinel",
            text,
            sentinel["count"],
            "Replace it by a missing value before any statistics.",
            found,
        )
    outliers = column["outliers"]
    if outliers:
        low, high = outliers["low_fence"], outliers["high_fence"]
        expected = f"{low:.6g} to {high:.6g}"
        if column["numbers"] and float(column["numbers"]["min"]) >= low:
            expected = f"at most {high:.6g}"
        text = f"far from all other values (expected {expected}) in {rows_of(outliers['count'])}"
        yield of_column(
            column,
            "medium",
            "outlier",
            text,
            outliers["count"],
            "Look at these rows: a slip, another unit, or a true exception.",
            outliers["examples"],
        )


def date_findings(column: Column, rows: int) -> Iterator[Finding]:
    """Yields what is worth saying about dates and times."""
    zones = dict(column["dates"]["zones"]) if column["dates"] else {}
    if column["type"] == "time" and {"time", "time with zone"} <= column["kinds"].keys():
        zones = {"none": column["kinds"]["time"], "with zone": column["kinds"]["time with zone"]}
    zones.pop("date only", None)
    if len(zones) > 1:
        text = f"times are in different zones, or in none: {listed(zones)}"
        yield of_column(
            column,
            "high",
            "mixed_time_zones",
            text,
            column["count"] - max(zones.values()),
            "Convert all times to UTC and write the zone.",
        )
    dates = column["dates"]
    if dates is None:
        return
    forms = {kind: count for kind, count in column["kinds"].items() if kind in DATES}
    main = max(forms.values(), default=0)
    zoned = forms.keys() <= {"date-time y-m-d", "date-time y-m-d with zone"}
    if len(forms) > 1 and not zoned:
        text = f"dates are written in different ways: {listed(forms)}"
        yield of_column(
            column,
            "high",
            "mixed_date_formats",
            text,
            sum(forms.values()) - main,
            "Write all dates as YYYY-MM-DD.",
            dates["odd"],
        )
    uneven = len({len(p["pattern"]) for p in column["patterns"]}) > 1
    if list(forms) == ["date y/m/d"] and not dates["with_time"] and uneven:
        text = "days or months are written with and without a leading zero"
        yield of_column(column, "low", "uneven_dates", text, column["count"], "Write two digits for day and month.")
    if dates["invalid"]["count"]:
        text = f"looks like a date and is none in {rows_of(dates['invalid']['count'])}"
        yield of_column(
            column,
            "high",
            "invalid_date",
            text,
            dates["invalid"]["count"],
            "Correct them; a month has at most 31 days.",
            dates["invalid"]["examples"],
        )
    if dates["with_time"] and dates["with_time"] == dates["at_midnight"] and dates["with_time"] == column["count"]:
        text = "every date carries the time 0:00:00, which says nothing"
        yield of_column(column, "low", "useless_time", text, dates["with_time"], "Store dates without a time.")
    order = dates.get("order")
    if order and all(order):
        text = f"{order[0]} dates can only be day/month and {order[1]} only month/day"
        yield of_column(
            column,
            "high",
            "day_month_conflict",
            text,
            min(order),
            "Find out which source writes which; the rest is ambiguous.",
        )
    elif order == [0, 0]:
        slashed = sum(count for kind, count in forms.items() if kind.startswith("date with slashes"))
        text = "no date with slashes tells whether the day or the month comes first; read month first"
        yield of_column(
            column, "medium", "ambiguous_date_order", text, slashed, "Ask the source, and write dates as YYYY-MM-DD."
        )


def _compact_dates(column: Column) -> bool:
    numbers = column["numbers"]
    length = column["length"]
    if not numbers or not length or length["min"] != 8 or length["max"] != 8:
        return False
    ends = [str(numbers["min"]), str(numbers["max"]), *(v["value"] for v in column["top_values"])]
    plausible = all(re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", end) for end in ends)
    return plausible and (bool(_DATE_NAME.search(column["name"])) or len(column["top_values"]) >= 5)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
