"""Loading CSV and TSV: every cell as text, every row numbered, nothing dropped.

A plain file goes straight into DuckDB. What is not plain (another encoding, lone CR, blank lines, NUL bytes, broken
quotes, rows too long) is first rewritten as a plain one by Python's csv module, line by line: DuckDB's own forgiving
mode loses cells and rows without a word.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import duckdb

from data_profiler.dialect import COMMENT, csv_options
from data_profiler.document import Decision, Dialect, Source, text_of
from data_profiler.encoding import LONGEST_LINE
from data_profiler.engine import Engine, literal
from dataops_core.errors import InvalidValue

Share = Callable[[float], None]


#: So many quotes that are never closed are repaired; with more, quotes are no quotes in this file.
MOST_REPAIRS = 5
_END = "\x00end of file\x00"


class _OpenQuoteError(Exception):
    """A row that begins in `line` (from 1, after skipped lines) opens a quote and never closes it."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass
class TextFacts:
    """What is known of a text table beside its cells."""

    blank_lines: int = 0
    comment_lines: int = 0
    line_ends: dict[str, int] = field(default_factory=dict)
    open_quotes: list[int] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)


def load_text(engine: Engine, source: Source, progress: Share) -> TextFacts:
    """Creates the table `loaded(rid, cells, extra, c0, c1, ...)`.

    `cells` is how many cells the row has in the file, `extra` what it has beyond the table's width. Empty cells are
    NULL.

    Raises:
        InvalidValue: the file cannot be cut into cells.
    """
    dialect, encoding = text_of(source)
    width = len(dialect["names"])
    why = "" if encoding["plain"] else "it is not plain UTF-8 text with one kind of line end and no blank lines"
    if not dialect["quote"] or dialect["skip_space"] or dialect["comment"] or dialect["escape"] == "\\":
        why = "its quoting or its comments need it"
    if not why:
        try:
            _load_directly(engine, source, width)
            if _complete(engine, source):
                return TextFacts()
            why = "DuckDB reads another number of rows than there are lines"
        except duckdb.InvalidInputException:
            why = "some rows break the rules of CSV"
        engine.run("DROP TABLE IF EXISTS loaded")
    facts = _rewrite_repaired(engine, source, progress)
    _load_rewritten(engine, width)
    facts.decisions.insert(0, {"subject": "reading", "decided": "rewritten first, then loaded", "why": why})
    return facts


def _rewrite_repaired(engine: Engine, source: Source, progress: Share) -> TextFacts:
    """Rewrites the file; a line whose quote is never closed is read once more, without quotes."""
    dialect, _ = text_of(source)
    literal_lines: list[int] = []
    while True:
        facts = TextFacts()
        try:
            _rewrite(source, engine.rewritten, literal_lines, facts, progress)
        except _OpenQuoteError as error:
            if len(literal_lines) < MOST_REPAIRS:
                literal_lines.append(error.line)
            else:
                dialect["quote"] = dialect["escape"] = ""
                literal_lines.clear()
            continue
        facts.open_quotes = [line + dialect["skipped_lines"] for line in literal_lines]
        if literal_lines:
            lines = ", ".join(map(str, facts.open_quotes))
            facts.decisions.append(
                {
                    "subject": "quotes",
                    "decided": f"ordinary characters in line {lines}",
                    "why": "a quote is opened there and never closed",
                }
            )
        return facts


def _load_directly(engine: Engine, source: Source, width: int) -> None:
    dialect, encoding = text_of(source)
    cells = "CASE " + " ".join(f"WHEN r{i} IS NOT NULL THEN {i + 1}" for i in reversed(range(width))) + " ELSE 0 END"
    read = _read_csv(
        engine.source,
        [f"r{i}" for i in range(width)],
        delim=literal(dialect["delimiter"]),
        quote=literal(dialect["quote"]),
        escape=literal(dialect["quote"]),
        skip=str(dialect["skipped_lines"]),
        # Told \r\n, DuckDB 2.0 reads no row at all; left alone, it finds it by itself.
        **({} if encoding["line_end"] == "CRLF" else {"new_line": "'\\n'"}),
        header=str(dialect["header"]).lower(),
    )
    columns = "".join(f", nullif(r{i}, '') AS c{i}" for i in range(width))
    engine.run(
        f"CREATE TABLE loaded AS SELECT row_number() OVER () AS rid, {cells} AS cells, NULL::VARCHAR AS extra{columns}"
        f" FROM {read}"
    )


def _complete(engine: Engine, source: Source) -> bool:
    """Compares the rows with the lines of the file, where no quotes hide line ends."""
    dialect, encoding = text_of(source)
    (rows,) = engine.row("SELECT count(*) FROM loaded")
    lines = sum(encoding["line_ends"].values()) - dialect["skipped_lines"] - dialect["header"]
    # The last line may lack its end.
    return rows in (lines, lines + 1) if not encoding["quotes"] else rows > 0 or lines <= 0


def _load_rewritten(engine: Engine, width: int) -> None:
    names = ["cells", "extra", *(f"r{i}" for i in range(width))]
    read = _read_csv(
        engine.rewritten, names, delim="','", quote="'\"'", escape="'\"'", skip="0", header="false", new_line="'\\n'"
    )
    columns = "".join(f", nullif(r{i}, '') AS c{i}" for i in range(width))
    engine.run(
        "CREATE TABLE loaded AS SELECT row_number() OVER () AS rid, cells::BIGINT AS cells, nullif(extra, '') AS extra"
        f"{columns} FROM {read}"
    )
    engine.rewritten.unlink()


def _read_csv(path: Path, names: list[str], **options: str) -> str:
    columns = "{" + ", ".join(f"'{name}': 'VARCHAR'" for name in names) + "}"
    given = ", ".join(f"{key} = {value}" for key, value in options.items())
    longest = max(min(4 * LONGEST_LINE, path.stat().st_size + 1), 64 * 1024)
    # Short rows are padded with NULL, while empty cells stay '': no cell can hold the null string, a NUL.
    return (
        f"read_csv({literal(str(path))}, columns = {columns}, {given}, auto_detect = false, null_padding = true,"
        f" nullstr = [chr(0) || 'none'], strict_mode = true, parallel = false, compression = 'none',"
        f" max_line_size = {longest}, buffer_size = {longest})"
    )


def _rewrite(source: Source, target: Path, literal_lines: list[int], facts: TextFacts, progress: Share) -> None:
    dialect, encoding = text_of(source)
    path, width, ends = Path(source["path"]), len(dialect["names"]), facts.line_ends
    limit = csv.field_size_limit(LONGEST_LINE)
    errors = "replace" if encoding["damaged"] else "strict"
    try:
        with (
            path.open(encoding=encoding["codec"], errors=errors, newline="") as text,
            target.open("w", encoding="utf-8", errors="replace", newline="") as out,
        ):
            for _ in range(dialect["skipped_lines"]):
                text.readline()
            writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
            header = dialect["header"]
            for row in _rows(_watched(text, path, progress), dialect, sorted(literal_lines)):
                for cell in row:
                    if "\r" in cell or "\n" in cell:
                        pairs = cell.count("\r\n")
                        ends["CRLF"] = ends.get("CRLF", 0) + pairs
                        ends["LF"] = ends.get("LF", 0) + cell.count("\n") - pairs
                        ends["CR"] = ends.get("CR", 0) + cell.count("\r") - pairs
                if not row:
                    facts.blank_lines += 1
                elif header:
                    header = False
                elif dialect["comment"] and row[0].startswith(COMMENT) and len(row) != width:
                    facts.comment_lines += 1
                else:
                    writer.writerow([len(row), dialect["delimiter"].join(row[width:]), *row[:width]])
    except UnicodeError as error:
        raise InvalidValue(
            f"the file {path.name!r} is not valid {encoding['name']}: {error}", hint="write it again as UTF-8"
        ) from error
    finally:
        csv.field_size_limit(limit)


def _rows(lines: Iterator[str], dialect: Dialect, literal_lines: list[int]) -> Iterator[list[str]]:
    """Cuts lines into cells; the given lines (from 1) without quotes."""
    done = 0
    for line in [*literal_lines, None]:
        part = lines if line is None else islice(lines, line - done - 1)
        yield from _whole_rows(part, csv_options(dialect), done)
        if line is not None:
            yield from csv.reader([next(lines)], delimiter=dialect["delimiter"], quoting=csv.QUOTE_NONE)
            done = line


def _whole_rows(lines: Iterable[str], options: dict[str, Any], offset: int) -> Iterator[list[str]]:
    # A line of our own after the last shows whether a quote is still open there: it is then part of a cell.
    reader = csv.reader(chain(lines, [_END]), **options)
    complete = 0
    try:
        for row in reader:
            if row == [_END]:
                return
            if row and row[-1].endswith(_END):
                raise _OpenQuoteError(offset + complete + 1)
            complete = reader.line_num
            yield row
    except csv.Error as error:
        raise _OpenQuoteError(offset + complete + 1) from error


def _watched(text: TextIO, path: Path, progress: Share) -> Iterator[str]:
    size, seen = max(path.stat().st_size, 1), 0
    step = size // 50
    for line in text:
        seen += len(line)
        if seen > step:
            progress(min(seen / size, 1.0))
            step += size // 50
        yield line
