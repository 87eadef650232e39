"""A backend that numbers the calls of other stores, and strikes the process down at one of them.

It comes in by the door that every backend uses, the URL scheme `numbered`, so it is also there in the child processes
of `isolation: process`. Without a strike it only counts.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from campaign.servers import addresses
from dataops_core.contracts.blobs import BlobInfo, BlobStore
from dataops_core.contracts.hookspecs import hookimpl
from dataops_core.contracts.records import ABSENT, Check, Delete, Put, RecordStore, Table, Write
from dataops_core.execution.scope import FENCE, LEASE
from dataops_core.storage import schema
from dataops_core.storage.file_blobs import FileBlobs
from dataops_core.storage.folders import path_of_url, url_of_path
from dataops_core.storage.sqlite_records import SqliteRecords

DATAOPS_API = 1
SCHEME = "numbered"
#: Requests of an upload to S3 in parts; of what takes only one request, the call of the store is number enough.
_IN_PARTS = ("create_multipart_upload", "upload_part", "upload_part_copy", "complete_multipart_upload")
T = TypeVar("T")


@dataclass(frozen=True)
class Strike:
    """Where a process strikes itself: `when` is before, middle (of a blob's bytes) or after the call of that number."""

    number: int
    when: str
    signal: int = signal.SIGKILL


class Calls:
    """The store calls of this process.

    `trace` holds a dict a call: `what`, the `phase` of a run that its commit is (or None), and `when` it can be struck.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Held by every commit, so that none is under way in another thread where a process strikes itself.
        self.quiet = threading.Lock()
        self.arm(None)

    def arm(self, strike: Strike | None) -> None:
        """Begins to count anew."""
        self.trace: list[dict[str, Any]] = []
        self.strike = strike
        #: Writes of commits that were accepted after a strike that the process lived through (SIGSTOP, SIGCONT).
        self.accepted_since: list[str] = []
        self._struck = False

    def made(self, what: str, call: Callable[[], T], *, phase: str | None = None) -> T:
        """Numbers a call, makes it, and strikes before or after it."""
        entry = self.number(what, phase)
        self.reach(entry, "before")
        result = call()
        self.reach(entry, "after")
        return result

    def number(self, what: str, phase: str | None = None) -> dict[str, Any]:
        """Gives the next number to a call."""
        with self._lock:
            entry = {"number": len(self.trace) + 1, "what": what, "phase": phase, "when": []}
            self.trace.append(entry)
            return entry

    def reach(self, entry: dict[str, Any], when: str) -> None:
        """Notes that a call got this far, and strikes when this is the place."""
        entry["when"].append(when)
        strike = self.strike
        if strike is not None and (entry["number"], when) == (strike.number, strike.when):
            self._struck = True
            _here(strike.signal)

    def freeze_when_told(self) -> None:
        """Freezes this process when SIGUSR1 comes, in no commit of any thread: SQLite's lock would freeze with it."""

        def freeze(*_: Any) -> None:
            with self.quiet:
                self._struck = True
                _here(signal.SIGSTOP)

        signal.signal(signal.SIGUSR1, freeze)

    def accepted(self, writes: Sequence[Write]) -> None:
        """Notes a commit that the store took although this process was frozen meanwhile."""
        if self._struck:
            self.accepted_since += [f"{type(w).__name__} {w.table.name}" for w in writes if not isinstance(w, Check)]


calls = Calls()


def _here(number: int) -> None:
    """Strikes this very thread: a signal to the process may stop another one first, and this one a little later."""
    signal.pthread_kill(threading.get_ident(), number)


def _in_a_child() -> None:
    """Takes a strike from the environment, in the interpreter of `isolation: process`; only the first child is struck.

    `CAMPAIGN_STRIKE` is the number, when, and the file that says that it was done; `CAMPAIGN_TRACE` takes the trace.
    """
    number, when, done = os.environ.get("CAMPAIGN_STRIKE", "0 never /").split(" ", 2)
    if number != "0" and not os.path.exists(done):
        Path(done).touch()
        calls.arm(Strike(int(number), when))
    if trace := os.environ.get("CAMPAIGN_TRACE"):
        atexit.register(lambda: Path(trace).write_text(json.dumps(calls.trace)))


_in_a_child()


class NumberedRecords:
    """A record store with numbered calls. A lease's renewal comes by the clock and has no number."""

    def __init__(self, inner: RecordStore) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Numbered."""
        return calls.made("get", lambda: self._inner.get(*args, **kwargs))

    def get_many(self, *args: Any, **kwargs: Any) -> Any:
        """Numbered."""
        return calls.made("get_many", lambda: self._inner.get_many(*args, **kwargs))

    def range(self, *args: Any, **kwargs: Any) -> Any:
        """Numbered."""
        return calls.made("range", lambda: self._inner.range(*args, **kwargs))

    def query(self, *args: Any, **kwargs: Any) -> Any:
        """Numbered."""
        return calls.made("query", lambda: self._inner.query(*args, **kwargs))

    def scan(self, *args: Any, **kwargs: Any) -> Any:
        """Numbered."""
        return calls.made("scan", lambda: self._inner.scan(*args, **kwargs))

    def commit(self, writes: Sequence[Write]) -> list[str]:
        """Numbered, unless it only renews a lease."""
        with calls.quiet:
            if all(w.table is schema.RUN_ITEMS and _item(w) in (LEASE, FENCE) for w in writes):
                tokens = self._inner.commit(writes)
            else:
                phase = phase_of(writes)
                tokens = calls.made("commit", lambda: self._inner.commit(writes), phase=phase)
            calls.accepted(writes)
        return tokens


class NumberedBlobs:
    """What stands before a blob store's own methods; a put can also be struck in the middle of its bytes."""

    def put(self, key: str, stream: BinaryIO, **kwargs: Any) -> BlobInfo:
        """Numbered."""
        entry = calls.number("put")
        calls.reach(entry, "before")
        struck: Any = _Struck(stream, lambda: calls.reach(entry, "middle"))
        info: BlobInfo = super().put(key, struck, **kwargs)  # type: ignore[misc]
        calls.reach(entry, "after")
        return info

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Numbered."""
        return calls.made("open", lambda: super(NumberedBlobs, self).open(*args, **kwargs))

    def head(self, key: str) -> Any:
        """Numbered."""
        return calls.made("head", lambda: super(NumberedBlobs, self).head(key))

    def copy(self, src: str, dst: str) -> BlobInfo:
        """Numbered as one call; the put within it is numbered too, so a copy is struck in the middle as well."""
        return calls.made("copy", lambda: super(NumberedBlobs, self).copy(src, dst))

    def delete(self, key: str) -> None:
        """Numbered."""
        calls.made("delete", lambda: super(NumberedBlobs, self).delete(key))

    def list(self, *args: Any, **kwargs: Any) -> Any:
        """Numbered."""
        return calls.made("list", lambda: super(NumberedBlobs, self).list(*args, **kwargs))


class _Struck:
    """A stream that tells when its second read comes: some bytes are written then, and not yet all that must be."""

    def __init__(self, stream: BinaryIO, middle: Callable[[], None]) -> None:
        self._stream, self._middle, self._reads = stream, middle, 0

    def read(self, size: int = -1) -> bytes:
        self._reads += 1
        if self._reads == 2:
            self._middle()
        return self._stream.read(size)


def phase_of(writes: Sequence[Write]) -> str | None:
    """Returns what a commit is in a run's life: accept, take-over, step, question, answer, cancel, finish; or None."""
    run = next((w for w in writes if isinstance(w, Put) and w.table is schema.RUNS), None)
    fences = [w for w in writes if w.table is schema.RUN_ITEMS and _item(w) == FENCE]
    if run is None:
        return "step" if fences else None
    status = run.record["status"]
    if status == "cancelled":
        return "cancel"
    if any(isinstance(w, Delete) for w in fences):
        return "question" if status == "interrupted" else "finish"
    if not any(w.table is schema.SESSIONS for w in writes):
        return "take-over" if run.record["attempt"] > 1 else "accept"
    if run.when is not ABSENT:
        return "answer"
    return "question" if status == "interrupted" else "accept"


def _item(write: Write) -> str | None:
    item = write.record.get("item") if isinstance(write, Put) else write.sort
    return None if item is None else str(item)


def urls(home: Path) -> dict[str, str]:
    """Returns the variables that put both stores of a home behind the numbering."""
    return {
        "DATAOPS_RECORDS_URL": url_of_path(home / "dataops.db", f"{SCHEME}:///"),
        "DATAOPS_BLOBS_URL": url_of_path(home / "blobs", f"{SCHEME}://"),
    }


@hookimpl
def dataops_record_store(url: str, tables: Sequence[Table]) -> NumberedRecords:
    """Opens `numbered:////absolute/path`, or what serves the home."""
    path = path_of_url(url, SCHEME, relative=True)
    elsewhere = addresses(path.parent).get("records")
    if elsewhere is None:
        return NumberedRecords(SqliteRecords(path, tables))
    from dataops_core.plugin.manager import plugins

    return NumberedRecords(plugins().record_store(elsewhere, tables))


def _number_parts(service: Any) -> None:
    plain = service.call

    def call(operation: str, *args: Any, **kwargs: Any) -> Any:
        def made() -> Any:
            return plain(operation, *args, **kwargs)

        return calls.made(operation, made) if operation in _IN_PARTS else made()

    service.call = call


@hookimpl
def dataops_blob_store(url: str) -> BlobStore:
    """Opens `numbered:///absolute/path`, or what serves the home."""
    path = path_of_url(url, SCHEME, relative=False)
    elsewhere = addresses(path.parent).get("blobs")
    store: Any = FileBlobs(path)
    if elsewhere is not None:
        from dataops_core.plugin.manager import plugins

        store = plugins().blob_store(elsewhere)
        _number_parts(store.service)
    # A subclass and no wrapper: a copy's own put is numbered, too.
    store.__class__ = type(f"Numbered{type(store).__name__}", (NumberedBlobs, type(store)), {})
    return store  # type: ignore[no-any-return]
