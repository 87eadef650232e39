"""One finding, and the words in it."""

from __future__ import annotations

from collections.abc import Sequence

from data_profiler.document import Column, Example, Finding, Severity


def finding(
    severity: Severity, code: str, message: str, count: int, *, column: str | None = None,
    examples: Sequence[Example] = (), advice: str,
) -> Finding:  # fmt: skip
    """Makes one finding."""
    return {
        "severity": severity, "code": code, "column": column, "message": message, "count": count,
        "examples": list(examples), "advice": advice,
    }  # fmt: skip


def of_column(
    column: Column,
    severity: Severity,
    code: str,
    message: str,
    count: int,
    advice: str,
    examples: Sequence[Example] = (),
) -> Finding:
    """Makes one finding about a column."""
    return finding(severity, code, message, count, column=column["name"], examples=examples, advice=advice)


def rows_of(count: int, word: str = "row") -> str:
    """Returns "1 row", "2 rows"."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def listed(counts: dict[str, int]) -> str:
    """Returns "a (3), b (1)", most first, no more than six."""
    return ", ".join(f"{name} ({count})" for name, count in sorted(counts.items(), key=lambda item: -item[1])[:6])
