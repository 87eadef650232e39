"""The report: one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from data_profiler.detect import NAMES
from data_profiler.document import SEVERITIES, Column, Finding, Profile

#: Columns beyond this many are in the overview, but have no picture.
MOST_PICTURES = 200


def page(profile: Profile) -> str:
    """Returns the report as HTML: no script, nothing loaded from elsewhere, every value escaped.

    Args:
        profile: with its findings.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from data_profiler import charts

    environment = Environment(
        loader=PackageLoader("data_profiler", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "size": size, "number": number, "share": share}
    pictures = {
        column["index"]: charts.histogram(column["histogram"], dates=column["dates"] is not None)
        for column in profile["columns"][:MOST_PICTURES]
        if column["histogram"]
    }
    return environment.get_template("report.html.j2").render(
        profile=profile,
        source=profile["source"],
        rows=profile["rows"],
        columns=profile["columns"],
        findings=profile["findings"],
        by_severity=[(severity, by_severity(profile)[severity]) for severity in SEVERITIES],
        of_column=_of_column(profile),
        format=NAMES[profile["source"]["format"]],
        pictures=pictures,
        facts=_facts,
        modified=datetime.fromtimestamp(profile["source"]["modified_ns"] / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def answer(profile: Profile) -> str:
    """Returns what the asker reads: the size of the table, how it was read, the worst findings."""
    source, rows = profile["source"], profile["rows"]
    table = f"{_counted(rows['total'], 'row')} × {_counted(len(profile['columns']), 'column')}"
    lines = [f"{source['name']}: {table}, {size(source['size_bytes'])}"]
    read = [NAMES[source["format"]]]
    if source["encoding"]:
        read.append(source["encoding"]["name"])
    read += [
        f"{d['subject']}: {d['decided']}"
        for d in source["decisions"]
        if d["subject"] in ("delimiter", "header", "start", "records")
        and not (d["subject"] == "delimiter" and d["decided"] == "comma")
    ]
    lines.append("Read as " + ", ".join(read) + ".")
    if rows["sampled"]:
        lines.append(f"Column figures are from {count(rows['profiled'])} rows drawn at random.")
    numbers = by_severity(profile)
    found = [f"{numbers[severity]} {severity}" for severity in SEVERITIES if numbers[severity]]
    lines.append("Findings: " + (", ".join(found) if found else "none") + ".")
    serious = [f for f in profile["findings"] if f["severity"] in ("high", "medium")]
    lines += [f"  {f['severity']:<6} {_told(f)}" for f in (serious or profile["findings"])[:6]]
    if len(serious) > 6:
        lines.append(f"  … and {len(serious) - 6} more of high or medium severity")
    lines.append(_missing(profile["columns"]))
    lines.append("Artifacts: report.html (to read), profile.json (for programs).")
    return "\n".join(lines)


def _missing(columns: list[Column]) -> str:
    """Returns in one line which columns lack values, those that lack most first."""
    lacking = sorted((c for c in columns if c["missing"]["count"]), key=lambda c: -c["missing"]["count"])
    if not lacking:
        return "No missing values."
    told = [f"{c['name']} {count(c['missing']['count'])}" for c in lacking[:5]]
    more = [f"{_counted(len(lacking) - 5, 'more column')}"] if len(lacking) > 5 else []
    return f"Missing values: {', '.join([*told, *more])}."


def _counted(number: int, noun: str) -> str:
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def by_severity(profile: Profile) -> Counter[str]:
    """Counts the findings by severity."""
    return Counter(f["severity"] for f in profile["findings"])


def count(value: float | None) -> str:
    """Returns a whole number with thin separators between thousands."""
    return "–" if value is None else f"{value:,.0f}".replace(",", "\u202f")


def size(value: int) -> str:
    """Returns a number of bytes as people read it."""
    amount = float(value)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError


def number(value: Any) -> str:
    """Returns a figure with at most six digits after the point; texts as they are."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.6g}".replace(",", "\u202f")
    return count(value) if isinstance(value, int) else str(value)


def share(part: float, whole: float) -> str:
    """Returns a share in percent, for people and for widths; never 0 % or 100 % when it is not exactly so."""
    if not whole:
        return "0%"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "0.1%"
    return f"{min(percent, 99.9):.1f}%" if 99.9 < percent < 100 else f"{percent:.3g}%"


def _facts(column: Column) -> list[tuple[str, Any]]:
    """The figures of a column, as pairs of label and value."""
    out: list[tuple[str, Any]] = []
    distinct = column["distinct"]
    out.append(("Distinct" if distinct["exact"] else "Distinct, about", distinct["count"]))
    numbers, dates, length = column["numbers"], column["dates"], column["length"]
    if numbers:
        quantiles = numbers["quantiles"]
        out += [
            ("Min", numbers["min"]),
            ("Median", quantiles["p50"]),
            ("Mean", numbers["mean"]),
            ("Max", numbers["max"]),
        ]
        out += [
            ("Std. deviation", numbers["stddev"]),
            ("5% – 95%", f"{number(quantiles['p5'])} – {number(quantiles['p95'])}"),
        ]
        out += [("Zeros", numbers["zeros"])] if numbers["zeros"] else []
        out += [("Negative", numbers["negatives"])] if numbers["negatives"] else []
    elif dates:
        out += [("First", dates["min"]), ("Last", dates["max"])]
    elif length:
        out.append(("Length", f"{length['min']} – {length['max']}, mean {length['mean']:g}"))
    if column["patterns"] and column["type"] not in ("integer", "decimal", "boolean"):
        out.append(("Pattern", column["patterns"][0]["pattern"]))
    return out


def _of_column(profile: Profile) -> dict[str, list[Finding]]:
    out: dict[str, list[Finding]] = {}
    for found in profile["findings"]:
        if found["column"] is not None:
            out.setdefault(found["column"], []).append(found)
    return out


def _told(found: Finding) -> str:
    where = f"{found['column']}: " if found["column"] else ""
    rows = [str(e["row"]) for e in found["examples"] if e["row"] is not None][:3]
    return where + found["message"] + (f" [row {', '.join(rows)}]" if rows else "")
