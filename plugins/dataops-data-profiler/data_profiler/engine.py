"""DuckDB, locked in: one input file, one scratch folder, bounded memory, nothing else."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from data_profiler.scratch import scratch_folder
from dataops_core.errors import DataOpsError, InvalidValue, Unreachable

#: What DuckDB may hold in memory; Python, the libraries and read buffers come on top.
MEMORY_LIMIT = "400MB"
THREADS = 2
#: Files below this size are loaded into memory, by one thread; larger ones into a database on disk. In bytes.
IN_MEMORY = 16 * 1024 * 1024
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": MEMORY_LIMIT,
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
}

# What an input can cause; any other error of DuckDB is a mistake of ours and is shown as one.
_UNREADABLE = (
    duckdb.InvalidInputException,
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    duckdb.SerializationException,
    duckdb.NotImplementedException,
)


@dataclass(frozen=True)
class Engine:
    """An open DuckDB and the two files that it may read.

    Args:
        connection: the connection.
        source: a link to the input file under a name of ours, so that no foreign path is ever read as a pattern.
        rewritten: where the input is rewritten to, when it has to be.
    """

    connection: duckdb.DuckDBPyConnection
    source: Path
    rewritten: Path

    def rows(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Runs a statement and returns all of its rows."""
        return self.connection.execute(sql, parameters or []).fetchall()

    def row(self, sql: str, parameters: list[Any] | None = None) -> tuple[Any, ...]:
        """Runs a statement and returns its one row."""
        found = self.connection.execute(sql, parameters or []).fetchone()
        return found if found is not None else ()

    def run(self, sql: str, parameters: list[Any] | None = None) -> None:
        """Runs a statement."""
        self.connection.execute(sql, parameters or [])


@contextmanager
def opened(path: Path) -> Iterator[Engine]:
    """Opens DuckDB on one file, with a scratch folder that is removed afterwards.

    Args:
        path: the input file.

    Raises:
        InvalidValue: DuckDB cannot read the file.
        Unreachable: the disk for scratch files is full.
    """
    with scratch_folder() as folder:
        try:
            with _connected(folder, path) as engine:
                yield engine
        except _UNREADABLE as error:
            raise _said(error, path) from error
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise _full(folder) from error
            said = f"the file {path.name!r} cannot be read: {error.strerror}"
            raise InvalidValue(said, hint="check the disk") from error


@contextmanager
def _connected(folder: Path, path: Path) -> Iterator[Engine]:
    _demand_space(folder, path)
    source, rewritten = folder / "source", folder / "rewritten.csv"
    os.symlink(path, source)
    small = path.stat().st_size < IN_MEMORY
    settings = {**_SETTINGS, "threads": 1 if small else THREADS, "temp_directory": str(folder / "spill")}
    database = ":memory:" if small else str(folder / "scratch.duckdb")
    with duckdb.connect(database, config=settings) as connection:
        allowed = ", ".join(literal(str(p)) for p in (source, path, rewritten))
        connection.execute(f"SET allowed_paths = [{allowed}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET enable_progress_bar = false")
        # Times without a zone are compared as they are written, wherever the profile is made.
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET lock_configuration = true")
        yield Engine(connection, source, rewritten)


def ident(name: str) -> str:
    """Quotes a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quotes a text for SQL, for the places that take no parameter."""
    return "'" + text.replace("'", "''") + "'"


def _demand_space(folder: Path, path: Path) -> None:
    # Rewritten text and the scratch database: twice the file is enough for everything that was measured.
    needed = 2 * path.stat().st_size
    if shutil.disk_usage(folder).free < needed:
        raise _full(folder, f": profiling {path.name!r} needs {needed >> 20} MiB")


def _full(folder: Path, more: str = "") -> DataOpsError:
    hint = "free some space, or set TMPDIR to a folder on a larger disk"
    return Unreachable(f"the disk of the temporary folder {str(folder.parent)!r} is full{more}", hint=hint)


def _said(error: duckdb.Error, path: Path) -> DataOpsError:
    lines = str(error).strip().splitlines()
    first = lines[0] if lines else type(error).__name__
    if "No space left" in str(error) or "max_temp_directory_size" in str(error):
        return _full(path.parent)
    if isinstance(error, duckdb.OutOfMemoryException):
        return InvalidValue(
            f"profiling {path.name!r} needs more memory than {MEMORY_LIMIT}",
            hint="profile a sample (sample_rows), or a file with fewer columns",
        )
    return InvalidValue(
        f"the file {path.name!r} cannot be read: {first.replace(str(path.parent), '…')}",
        hint="the file may be damaged; try to open it with the program that wrote it",
    )
