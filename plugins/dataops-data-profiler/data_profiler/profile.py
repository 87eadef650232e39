"""The profile of a file: load it once, describe every column, look for keys, duplicates and totals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from data_profiler.columns import profile_column
from data_profiler.document import SCHEMA_VERSION, Encoding, Profile, Source
from data_profiler.engine import opened
from data_profiler.keys import candidate_keys, duplicate_rows, spoiled_keys
from data_profiler.sums import total_columns, total_rows
from data_profiler.table import load
from dataops_core.errors import Conflict

Progress = Callable[[float, str], None]
#: The share of the work that loading is, for the progress that is shown.
_LOADING = 0.4


def profile(source: Source, sample_rows: int = 0, progress: Progress = lambda _share, _message: None) -> Profile:
    """Profiles a file; findings are left to `judge`.

    Args:
        source: the result of `detect`.
        sample_rows: rows to draw at random for the columns; 0 takes all.
        progress: told the share that has been done (0 to 1) and a line to show.

    Raises:
        InvalidValue: the file cannot be read as decided.
        Conflict: it changed meanwhile.
    """
    path = Path(source["path"])
    with opened(path) as engine:
        progress(0.0, f"loading {source['name']}")
        table = load(
            engine,
            source,
            sample_rows,
            lambda share: progress(_LOADING * share, f"loading {source['name']}: {share:.0%}"),
        )
        rows = table.rows["profiled"]
        columns = []
        for number, field in enumerate(table.fields):
            share = _LOADING + (0.95 - _LOADING) * number / len(table.fields)
            progress(share, f"column {number + 1} of {len(table.fields)}: {field.name}")
            columns.append(profile_column(engine, field, rows))
        progress(0.95, "looking for keys, duplicates and totals")
        keys = candidate_keys(engine, table, columns)
        keys["spoiled"] = spoiled_keys(engine, source["name"], columns)
        duplicates = duplicate_rows(engine, table)
        table.rows["totals"] = total_rows(engine, table, columns)
        sums = total_columns(engine, table, columns)
    _unchanged(path, source)
    if source["encoding"] is not None:
        source["encoding"]["mixed_line_ends"] = _mixed(source["encoding"], table.line_ends)
    return {
        "schema_version": SCHEMA_VERSION,
        "source": {**source, "decisions": source["decisions"] + table.decisions},
        "rows": table.rows,
        "columns": columns,
        "keys": keys,
        "duplicates": duplicates,
        "sums": sums,
        "findings": [],
    }


def _unchanged(path: Path, source: Source) -> None:
    status = path.stat()
    if (status.st_size, status.st_mtime_ns) != (source["size_bytes"], source["modified_ns"]):
        raise Conflict(
            f"the file {source['name']!r} changed while it was profiled", hint="profile it again when it is complete"
        )


def _mixed(encoding: Encoding, inside: dict[str, int]) -> bool:
    """Line ends inside quoted cells are part of values; only those between rows count."""
    outside = [count - inside.get(kind, 0) for kind, count in encoding["line_ends"].items()]
    return sum(count > 0 for count in outside) > 1
