"""The shapes of `profile.json`: what each part of a profile holds. The README explains every field to readers.

Rows are numbered from 1, the first row below the header. Values that look personal are masked before they get here.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

SCHEMA_VERSION = 1

Severity = Literal["high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low", "info")


class Decision(TypedDict):
    """What was decided about the file, and why."""

    subject: str
    decided: str
    why: str


class Example(TypedDict):
    """One value, with its row where the row is known."""

    row: int | None
    value: str


class Finding(TypedDict):
    """Something that a reader of the data should know, and what to do about it."""

    severity: Severity
    code: str
    column: str | None
    message: str
    count: int
    examples: list[Example]
    advice: str


class Dialect(TypedDict):
    """How the cells of a text table are written."""

    delimiter: str
    quote: str
    escape: str
    skip_space: bool
    comment: str
    skipped_lines: int
    header: bool
    names: list[str]
    header_line: int


class Encoding(TypedDict):
    """How the characters of a text file are written. `codec` is Python's name, `name` is what people say."""

    name: str
    codec: str
    bom: bool
    line_end: str
    line_ends: dict[str, int]
    mixed_line_ends: bool
    nul_bytes: int
    damaged: int
    quotes: int
    plain: bool


class Source(TypedDict):
    """A file and everything that was decided about it before it was read."""

    path: str
    name: str
    size_bytes: int
    modified_ns: int
    format: str
    extension: str
    record_path: str
    encoding: Encoding | None
    dialect: Dialect | None
    decisions: list[Decision]


class Counted(TypedDict):
    """A number of rows and some of them."""

    count: int
    examples: list[Example]


class Rows(TypedDict):
    """The rows of the file, whatever was wrong with them."""

    total: int
    profiled: int
    sampled: bool
    first_line: int | None
    blank_lines: int
    comment_lines: int
    open_quotes: list[int]
    blank: Counted
    too_long: Counted
    too_short: Counted
    unreadable: Counted
    duplicate_keys: list[dict[str, Any]]
    totals: list[Example]


class Column(TypedDict):
    """One column. Parts that do not apply are None or empty."""

    index: int
    name: str
    header: str
    physical_type: str
    type: str
    reading: str
    count: int
    missing: dict[str, Any]
    distinct: dict[str, Any]
    length: dict[str, float] | None
    top_values: list[dict[str, Any]]
    patterns: list[dict[str, Any]]
    kinds: dict[str, int]
    kinds_exact: bool
    exceptions: Counted
    numbers: dict[str, Any] | None
    dates: dict[str, Any] | None
    histogram: dict[str, Any] | None
    outliers: dict[str, Any] | None
    sentinels: list[dict[str, Any]]
    personal: dict[str, Any] | None
    variants: list[dict[str, Any]]
    whitespace: Counted
    leading_zeros: Counted
    control_characters: Counted
    nested: dict[str, Any] | None
    value_types: dict[str, int]


class Profile(TypedDict):
    """The whole of `profile.json`."""

    schema_version: int
    source: Source
    rows: Rows
    columns: list[Column]
    keys: dict[str, Any]
    duplicates: dict[str, Any]
    sums: list[dict[str, Any]]
    findings: list[Finding]


def text_of(source: Source) -> tuple[Dialect, Encoding]:
    """Returns dialect and encoding of a text table.

    Raises:
        ValueError: the source is no CSV or TSV.
    """
    dialect, encoding = source["dialect"], source["encoding"]
    if dialect is None or encoding is None:
        raise ValueError(f"{source['format']} has no dialect")
    return dialect, encoding


def counted() -> Counted:
    """Returns a count of nothing."""
    return {"count": 0, "examples": []}
