"""One SQLite file: how it is created, opened, shared by threads and let go of before a fork, and how its errors read.

A process holds two connections: one that writes and one that reads, each behind a lock. So a reader waits for no
writer, not for its fsync and not while another process holds the file, and sees whole commits only.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

from dataops_core.contracts.records import Table
from dataops_core.errors import CorruptData, DataOpsError, InvalidValue, Unreachable
from dataops_core.storage.folders import make_private_folder, refused, sync_folder
from dataops_core.storage.sqlite_schema import Plan, lay_out

PAGE_SIZE: Final = 1024
#: Pages in the log before a commit moves them into the file.
CHECKPOINT_PAGES: Final = 2000
_OPEN: WeakSet[SqliteFile] = WeakSet()
_held: list[SqliteFile] = []


class SqliteFile:
    """A SQLite file with the declared tables in it. Safe to use from many threads and processes.

    Args:
        path: the file; it and its folder are created when missing, readable by their owner only.
        tables: the declared tables.
        busy_seconds: how long to wait while another process writes.
    """

    def __init__(self, path: Path, tables: Sequence[Table], busy_seconds: float) -> None:
        self.path = path
        self.tables = tuple(tables)
        self.plans = {table.name: Plan(table) for table in self.tables}
        #: What opening the file created, a line each.
        self.done: list[str] = []
        self.write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._busy_seconds = busy_seconds
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._identity = (0, 0)
        _OPEN.add(self)

    def read(self, statement: str, arguments: Sequence[Any]) -> list[Any]:
        """Returns the rows of one SELECT, which sees every finished commit and nothing of an unfinished one."""
        with self._read_lock:
            return (self._reader or self._open_reader()).execute(statement, arguments).fetchall()

    def writer(self) -> sqlite3.Connection:
        """Returns the connection for writing; the caller holds `write_lock` as long as it uses it."""
        if self._writer is None:
            return self._open_writer()
        self._check_identity()
        return self._writer

    def close(self) -> None:
        """Closes both connections; they open again when they are needed."""
        with self._read_lock, self.write_lock:
            self._close()

    def _close(self) -> None:
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None

    def _open_reader(self) -> sqlite3.Connection:
        if self._writer is None:
            with self.write_lock:
                self.writer()
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        self._reader = connection
        return connection

    def _open_writer(self) -> sqlite3.Connection:
        created = make_private_folder(self.path.parent)
        try:
            # SQLite would create it readable by the world. Never open it twice otherwise: closing any descriptor of
            # the file would drop the locks that SQLite holds for this process.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            sync_folder(self.path.parent)
        except FileExistsError:
            pass
        except OSError as error:
            raise refused(error, f"cannot create database {self.path}") from error
        connection = self._connect()
        try:
            self._use_log(connection)
            plans, done = lay_out(connection, self.tables, self.path)
            status = os.stat(self.path)
        except BaseException:
            connection.close()
            raise
        self.plans = plans
        self.done += [f"created folder {self.path.parent}"] * created + done
        self._identity = (status.st_dev, status.st_ino)
        self._writer = connection
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        # Page size holds for an empty file only. Deleted text is overwritten where that costs no page.
        connection.executescript(
            f"PRAGMA page_size = {PAGE_SIZE}; PRAGMA synchronous = FULL; PRAGMA secure_delete = FAST; "
            f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; PRAGMA trusted_schema = OFF"
        )
        return connection

    def _use_log(self, connection: sqlite3.Connection) -> None:
        # SQLite does not wait when two processes switch a new file to the log at once.
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                ((mode,),) = connection.execute("PRAGMA journal_mode = WAL").fetchall()
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
        if mode != "wal":
            raise Unreachable(
                f"database {self.path} cannot use a write-ahead log here",
                hint="put it on a local disk: DATAOPS_RECORDS_URL or DATAOPS_HOME",
            )

    def _check_identity(self) -> None:
        # Commits to a file that was deleted or replaced would be acknowledged and lost.
        try:
            status = os.stat(self.path)
            if (status.st_dev, status.st_ino) == self._identity:
                return
        except OSError:
            pass
        raise Unreachable(
            f"database {self.path} was removed or replaced while it was in use",
            hint="put it back, or start this program again",
        )


def explained(error: Exception, path: Path) -> DataOpsError:
    """Returns what to raise for an error of SQLite: it names the file and says what to do."""
    if isinstance(error, UnicodeEncodeError):
        return InvalidValue(f"{error.object!r:.60} is not valid Unicode")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unreachable(
            f"database {path} is locked by another process",
            hint="try again; if it stays so, stop the process that holds it (`fuser` names it)",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "decode to UTF-8" in str(error):
        return CorruptData(
            f"database {path} is damaged: {error}",
            hint="restore a backup, or save what can be read: sqlite3 FILE .recover | sqlite3 NEW_FILE",
        )
    if code == sqlite3.SQLITE_FULL:
        return Unreachable(f"no space left for database {path}", hint="free some disk space; nothing was changed")
    if code == sqlite3.SQLITE_READONLY:
        return Unreachable(f"database {path} is read-only", hint="make the file and its folder writable for this user")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return Unreachable(f"database {path} cannot be opened", hint="it must be a file that this user may write")
    return Unreachable(f"database {path} does not work: {error}", hint="check the disk: space, quota, permissions")


def _before_fork() -> None:
    # A child must inherit no connection: SQLite would believe that it holds the parent's locks, and a later last close
    # in the parent would take the log away under the child. Both open again when they need to.
    for file in list(_OPEN):
        file._read_lock.acquire()
        file.write_lock.acquire()
        _held.append(file)
        file._close()


def _after_fork() -> None:
    while _held:
        file = _held.pop()
        file.write_lock.release()
        file._read_lock.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
