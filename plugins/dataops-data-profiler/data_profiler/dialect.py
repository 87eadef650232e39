"""How the cells of a text table are written: delimiter, quotes, comments, what stands before the table, the header."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import Any

from data_profiler.document import Decision, Dialect

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
COMMENT = "#"
_QUOTES = {'"': "double quotes", "'": "single quotes", "": "no quotes"}
# What a header cell is not: a number, a date, an amount of money, a time.
_DATUM = re.compile(r"[+-]?[$€£¥]?\s*\d[\d.,'\u00a0 ]*\s*[%€]?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?|\d{1,2}:\d\d.*")
_YEAR = re.compile(r"(19|20)\d\d")


@dataclass
class _Reading:
    """The sample, read one way."""

    delimiter: str
    quote: str
    escape: str
    skip_space: bool
    rows: list[list[str]]
    lines: list[int]
    width: int
    share: float


def sniff(sample: str, complete: bool, *, tab_expected: bool = False) -> tuple[Dialect, list[Decision]]:
    """Decides the dialect from the first characters of a file.

    Args:
        sample: the decoded head of the file, without byte order mark.
        complete: the sample is the whole file; otherwise its last line is left out.
        tab_expected: the extension promises tabs; decides a tie.

    Returns:
        The dialect, and what was decided and why.
    """
    hint, sample, hinted = _separator_line(sample)
    if not complete:
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    reading = _best(sample, hint, tab_expected)
    unclosed = not reading.quote
    if unclosed:
        # Quotes spoil the table: some are never closed. The others still quote; the loader repairs those lines.
        reading.quote = reading.escape = '"'
        reading.rows = [[cell.strip('"') for cell in row] for row in reading.rows]
    comment, start = _start(reading)
    header, why_header = _header(reading.rows[start:] or [[]], comment)
    names = [name.strip("\ufeff") for name in reading.rows[start]] if header and start < len(reading.rows) else []
    width = max(len(names), reading.width)
    skipped = (reading.lines[start - 1] if start else 0) + hinted
    dialect: Dialect = {
        "delimiter": reading.delimiter,
        "quote": reading.quote,
        "escape": reading.escape,
        "skip_space": reading.skip_space,
        "comment": comment,
        "skipped_lines": skipped,
        "header": header,
        "names": names + [""] * (width - len(names)),
        "header_line": skipped + 1,
    }
    return dialect, _decisions(dialect, reading, hint, why_header, start, unclosed)


def csv_options(dialect: Dialect) -> dict[str, Any]:
    """Returns the arguments of `csv.reader` for a dialect."""
    return _options(dialect["delimiter"], dialect["quote"], dialect["escape"], dialect["skip_space"])


def _options(delimiter: str, quote: str, escape: str, skip_space: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"delimiter": delimiter, "skipinitialspace": skip_space}
    if not quote:
        return {**options, "quoting": csv.QUOTE_NONE}
    return {
        **options,
        "quotechar": quote,
        "doublequote": escape == quote,
        "escapechar": "\\" if escape == "\\" else None,
    }


def _separator_line(sample: str) -> tuple[str, str, int]:
    """Excel writes and obeys a first line such as `sep=;`."""
    match = re.match(r'"?sep=(.)"?(\r\n|\n|\r)', sample)
    return (match[1], sample[match.end() :], 1) if match else ("", sample, 0)


def _best(sample: str, hint: str, tab_expected: bool) -> _Reading:
    readings = []
    for delimiter, quote in product([hint] if hint else list(DELIMITERS), ('"', "'", "")):
        if quote == "'" and not re.search(
            rf"(^|{re.escape(delimiter)})\s?'[^'\r\n]*'({re.escape(delimiter)}|$)", sample, re.MULTILINE
        ):
            continue
        escapes = (quote, "\\") if quote and f"\\{quote}" in sample else (quote,)
        spaces = (False, True) if quote and f"{delimiter} {quote}" in sample else (False,)
        for escape, skip_space in product(escapes, spaces):
            readings.append(_read(sample, delimiter, quote, escape, skip_space))

    def score(reading: _Reading) -> tuple[float, ...]:
        several = reading.width > 1
        # Wide and regular beats regular alone; in a tie double quotes, doubled inside, are what everybody writes.
        return (
            several,
            round(reading.share, 2) + 0.02 * min(reading.width, 8) if several else 0.0,
            reading.quote == '"',
            reading.escape == reading.quote,
            reading.skip_space,
            reading.delimiter == ("\t" if tab_expected else ","),
            reading.width,
        )

    return max(readings, key=score)


def _read(sample: str, delimiter: str, quote: str, escape: str, skip_space: bool) -> _Reading:
    rows: list[list[str]] = []
    lines: list[int] = []
    options = _options(delimiter, quote, escape, skip_space)
    reader = csv.reader(io.StringIO(sample, newline=""), **options)
    limit = csv.field_size_limit(len(sample) + 1)
    try:
        for row in reader:
            rows.append(row)
            lines.append(reader.line_num)
            if len(rows) >= 2000:
                break
    finally:
        csv.field_size_limit(limit)
    widths = Counter(len(row) for row in rows if row)
    # The commonest width; among equally common ones, the header's, which comes first.
    width = max(widths, key=lambda w: (widths[w] if w > 1 else 0.3 * widths[w], w == len(rows[0]))) if widths else 1
    share = widths[width] / max(widths.total(), 1)
    # A quote at the wrong place says that the cells were cut at the wrong places.
    if not quote:
        share -= min(0.3, sum(cell.count('"') for row in rows for cell in row) / max(len(rows), 1))
    elif _breaks_rules(sample, options):
        share -= 0.2
    return _Reading(delimiter, quote, escape, skip_space, rows, lines, width, share)


def _breaks_rules(sample: str, options: dict[str, Any]) -> bool:
    try:
        for _ in csv.reader(io.StringIO(sample, newline=""), strict=True, **options):
            pass
    except csv.Error as error:
        # The sample may end inside a quoted cell.
        return "unexpected end" not in str(error)
    return False


def _start(reading: _Reading) -> tuple[str, int]:
    """Returns the mark of comments and the number of rows before the table."""
    comment = ""
    for position, row in enumerate(reading.rows):
        if row and row[0].startswith(COMMENT) and len(row) != reading.width:
            comment = COMMENT
        elif row and (len(row) > 1 or reading.width == 1):
            # A lone commented line in a table of one column is a comment when the next line is not.
            below = next((other for other in reading.rows[position + 1 :] if other), [""])
            if reading.width == 1 and row[0].startswith(COMMENT) and not below[0].startswith(COMMENT):
                comment = COMMENT
                continue
            return comment, position
    return comment, 0


def _header(rows: list[list[str]], comment: str) -> tuple[bool, str]:
    first, body = rows[0], [row for row in rows[1:200] if any(cell.strip() for cell in row)]
    cells = [cell.strip() for cell in first]
    data = [cell for cell in cells if cell and _DATUM.fullmatch(cell)]
    if data and all(_YEAR.fullmatch(cell) for cell in data) and len(data) == len(set(data)) and len(data) < len(cells):
        data = []
    if data:
        return False, f"the first row holds the value {data[0]!r}, which is no name"
    if not any(cells):
        return False, "the first row is blank"
    typed = [
        cells[i]
        for i in range(len(cells))
        if cells[i] and any(i < len(row) and _DATUM.fullmatch(row[i].strip()) for row in body)
    ]
    if typed:
        return True, f"the first row is text, while values such as those below {' '.join(typed[0].split())!r} are not"
    again = [
        cells[i] for i in range(len(cells)) if cells[i] and any(i < len(r) and r[i].strip() == cells[i] for r in body)
    ]
    if len(body) >= 3 and 2 * len(again) >= sum(map(bool, cells)):
        return False, f"the first row's {again[0]!r} occurs again below it, as a value does"
    if max(map(len, cells)) > 100:
        return False, "the first row holds text too long for a name"
    return True, "the first row is short text that does not occur again below it" + (
        "" if body else "; nothing follows"
    )


def _decisions(
    dialect: Dialect, reading: _Reading, hint: str, why_header: str, start: int, unclosed: bool
) -> list[Decision]:
    delimiter = dialect["delimiter"]
    name = DELIMITERS.get(delimiter, repr(delimiter))
    several = len(dialect["names"]) > 1
    if hint:
        why = "the first line says so (sep=)"
    elif several:
        same = sum(len(row) == reading.width for row in reading.rows[start:])
        why = f"it cuts {same} of the first {sum(map(bool, reading.rows[start:]))} rows into {reading.width} cells"
    else:
        why = "no delimiter cuts the lines into a regular table: one column"
    out: list[Decision] = [{"subject": "delimiter", "decided": name, "why": why}]
    escaped = ", a backslash escapes" if dialect["escape"] == "\\" else ""
    spaced = ", after a space" if dialect["skip_space"] else ""
    why = (
        "some are never closed"
        if unclosed
        else "they give the most regular table"
        if escaped or spaced or dialect["quote"] != '"'
        else "RFC 4180"
    )
    out.append({"subject": "quotes", "decided": _QUOTES[dialect["quote"]] + escaped + spaced, "why": why})
    if dialect["skipped_lines"]:
        what = "with a comment" if dialect["comment"] else "before the table"
        lines = "line" if dialect["skipped_lines"] == 1 else "lines"
        above = [" ".join(row) for row in reading.rows[:start] if row][:1]
        said = f"they do not have the table's {reading.width} cells" if several else f"they begin with {COMMENT}"
        first = f"; the first reads {above[0][:60]!r}" if above else ""
        out.append(
            {"subject": "start", "decided": f"{dialect['skipped_lines']} {lines} {what} skipped", "why": said + first}
        )
    out.append({"subject": "header", "decided": "first row" if dialect["header"] else "none", "why": why_header})
    return out
