"""The judgement of one column."""

from __future__ import annotations

from collections.abc import Iterator

from data_profiler.document import Column, Finding, Severity
from data_profiler.finding import listed, of_column, rows_of
from data_profiler.value_findings import date_findings, number_findings


def column_findings(column: Column, rows: int) -> list[Finding]:
    """Returns what is worth saying about a column.

    Args:
        column: as profiled.
        rows: how many rows were profiled.
    """
    if not rows:
        return []
    rules = (_types, _missing, number_findings, date_findings, _codes, _texts, _personal, _nested)
    return [found for rule in rules for found in rule(column, rows)]


def _types(column: Column, rows: int) -> Iterator[Finding]:
    odd, count = column["exceptions"], column["count"]
    kinds = [name for name in column["value_types"] if name not in ("missing", "null")]
    if len(kinds) > 1:
        text = f"the type changes by row: {listed(column['value_types'])}"
        yield of_column(
            column, "high", "mixed_types", text, odd["count"], "Write one type; convert the others.", odd["examples"]
        )
    elif odd["count"] and column["type"] != "text":
        text = f"most values are {_noun(column['type'])}s, {odd['count']} of {count} are not"
        severity: Severity = "high" if odd["count"] <= 0.2 * count else "medium"
        advice = "Correct them, or load the column as text."
        yield of_column(column, severity, "mixed_types", text, odd["count"], advice, odd["examples"])
    elif odd["count"] >= 0.1 * count and odd["count"]:
        text = f"words and numbers are mixed: {odd['count']} of {count} values are numbers or dates"
        severity = "medium" if odd["count"] >= 0.3 * count else "low"
        yield of_column(
            column,
            severity,
            "mixed_types",
            text,
            odd["count"],
            "Check that the column has one meaning.",
            odd["examples"],
        )
    stored = "string" in kinds if kinds else column["physical_type"] in ("VARCHAR", "BLOB")
    # JSON has no dates: a text is how they are stored.
    wrong = ("integer", "decimal", "boolean") if kinds else ("integer", "decimal", "boolean", "date", "datetime")
    if stored and len(kinds) < 2 and column["type"] in wrong and count >= 2:
        text = f"{_noun(column['type'])}s are stored as text"
        yield of_column(column, "low", "stored_as_text", text, count, f"Store them as {_noun(column['type'])}s.")
    if column["physical_type"] == "BLOB" and column["patterns"]:
        text = "text is stored as bytes without saying that it is UTF-8"
        yield of_column(
            column, "info", "text_as_bytes", text, count, "Declare the column as text (UTF8) when you write it."
        )


def _missing(column: Column, rows: int) -> Iterator[Finding]:
    missing = column["missing"]
    markers = missing["markers"]
    if column["type"] != "nested" and not column["count"]:
        text = f"every value means missing: {listed(markers)}" if markers else "no row has a value"
        yield of_column(column, "medium", "empty_column", text, rows, "Drop the column, or ask why it is empty.")
        return
    if markers:
        text = f"missing values are written as {listed(markers)}"
        advice = "Declare these texts as missing when you load the file."
        yield of_column(column, "medium", "missing_marker", text, sum(markers.values()), advice)
    if missing["kept_na"]:
        text = "NA stands among two-letter codes and was taken for a code (Namibia, North America), not for missing"
        yield of_column(column, "info", "na_is_a_code", text, 1, "Keep your tools from reading NA as missing here.")
    absent = column["value_types"].get("missing", 0)
    if absent:
        text = f"the key is missing in {absent} of {rows} records"
        yield of_column(column, "medium", "missing_key", text, absent, "Expect records without it, or write null.")
    share = missing["count"] / rows
    if share >= 0.5 and rows >= 4 and not absent:
        yield of_column(
            column,
            "low",
            "mostly_missing",
            f"{share:.0%} of the rows have no value",
            missing["count"],
            "Check whether the column is of use.",
        )
    if column["distinct"]["count"] == 1 and column["count"] == rows and rows >= 5:
        text = "every row has the same value"
        yield of_column(column, "low", "constant_column", text, rows, "Drop it, or keep it out of analyses.")
    if column["control_characters"]["count"]:
        odd = column["control_characters"]
        text = f"NUL or replacement characters in {rows_of(odd['count'])}"
        yield of_column(
            column, "medium", "control_characters", text, odd["count"], "Clean them at the source.", odd["examples"]
        )


def _codes(column: Column, rows: int) -> Iterator[Finding]:
    zeros = column["leading_zeros"]
    if zeros["count"]:
        text = f"digits with leading zeros, which are lost when they are read as numbers, in {rows_of(zeros['count'])}"
        yield of_column(
            column, "medium", "leading_zeros", text, zeros["count"], "Load the column as text.", zeros["examples"]
        )


def _texts(column: Column, rows: int) -> Iterator[Finding]:
    odd = column["whitespace"]
    if odd["count"]:
        text = f"blanks around the value in {rows_of(odd['count'])}"
        yield of_column(column, "low", "blanks_around", text, odd["count"], "Trim the values.", odd["examples"])
    for group in column["variants"]:
        main, *others = group["values"]
        names = ", ".join(f"{v['value']!r} ({v['count']})" for v in others)
        text = f"{names} may mean {main['value']!r} ({main['count']}): they differ by {group['reason']}"
        count = sum(v["count"] for v in others)
        yield of_column(
            column, "medium", "near_duplicate_category", text, count, "Decide on one spelling and map the others to it."
        )


def _personal(column: Column, rows: int) -> Iterator[Finding]:
    personal = column["personal"]
    if personal:
        about = "" if personal["exact"] else "about "
        text = f"looks like personal data ({personal['kind']}) in {about}{rows_of(personal['count'])}"
        advice = "Check who may see the file; mask or drop the column before you share it."
        yield of_column(
            column, personal["severity"], "personal_data", text, personal["count"], advice, personal["examples"]
        )


def _nested(column: Column, rows: int) -> Iterator[Finding]:
    nested = column["nested"]
    if nested is None:
        return
    text = column["reading"] + (f", {nested['items'][0]} to {nested['items'][1]} items" if nested["items"] else "")
    yield of_column(
        column, "info", "nested_values", text, column["count"], "Flatten the column before you load it into a table."
    )
    if nested["all_null"] and column["count"]:
        yield of_column(
            column,
            "medium",
            "only_nulls_inside",
            "the values are there, but hold nothing",
            column["count"],
            "Ask what wrote the column.",
        )
    if nested["null_items"]:
        text = f"null items in the lists: {nested['null_items']}"
        yield of_column(
            column, "low", "null_items", text, nested["null_items"], "Expect them when you unnest the lists."
        )


def _noun(kind: str) -> str:
    return {"integer": "number", "decimal": "number", "datetime": "date", "code": "code", "uuid": "UUID"}.get(
        kind, kind
    )
