"""RunScope: what one attempt of a run holds in memory until the commit that it belongs to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final

from dataops_core.artifact_commits import artifact_writes, require_unswept
from dataops_core.artifact_store import ArtifactStore
from dataops_core.contracts.events import KEPT, Event
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.records import ABSENT, MAX_COMMIT_WRITES, Check, Put, Record, Write
from dataops_core.errors import Conflict, FenceLost, RunTimeout
from dataops_core.execution.cache import Cache
from dataops_core.plugin.manager import plugins
from dataops_core.session_manager import SessionManager
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import attempts

Listener = Callable[[Event], None]
FENCE: Final = "fence"
LEASE: Final = "lease"
#: Events ride with checkpoints; a run without any does not let them grow without bound.
_EVENTS_PER_ROW: Final = 200
#: A commit holds 50 writes; the ending needs some for itself.
_DROP_AT_ONCE: Final = 20


#: Set when this process is to end: no further node is started, and its runs are left to others.
draining = threading.Event()


class Drained(BaseException):
    """A run stops between two nodes, since its process is to end. Not for middlewares or nodes to catch."""


class RunScope:
    """One attempt of a run: its services, its staged artifacts and events, and commits under its fence.

    Args:
        stores: where the run is kept.
        run: the run's record.
        fence: the token that every commit of this attempt depends upon.
        manifest: of the workflow.
        llm: the chat model, or None.
        listener: hears every event of this attempt, in this process.
        caching: whether `services.cache` is there.
        timeout: seconds that the attempt may take, or None.
        tell_plugins: whether events go to plugins; a child process leaves that to its parent.
    """

    def __init__(
        self,
        stores: Stores,
        run: Record,
        fence: str,
        manifest: Manifest,
        *,
        llm: Any = None,
        listener: Listener | None = None,
        caching: bool = True,
        timeout: float | None = None,
        tell_plugins: bool = True,
    ) -> None:
        self.stores, self.run, self.fence, self.manifest = stores, run, fence, manifest
        self.run_id: str = run["run_id"]
        self.session_id: str = run["session_id"]
        self.attempt: int = run["attempt"]
        self.durability = manifest.durability
        self.artifacts = ArtifactStore(stores)
        self.sessions = SessionManager(stores)
        self.llm = llm
        self.cache = Cache(stores.records) if caching else None
        self.keep_events = True
        self.timings: list[dict[str, Any]] = list(run.get("nodes", ()))
        self.artifact_ids: list[str] = list(run.get("artifacts", ()))
        self.lost = threading.Event()
        #: Sort keys of what this attempt wrote for itself only; a success deletes them as it ends.
        self.items: list[str] = []
        self.timeout = timeout
        #: Whether large graph values were written to the blob store.
        self.large_values = False
        self._deadline: float | None = None
        self._listener, self._tell_plugins = listener, tell_plugins
        self._staged: dict[str, Record] = {}
        self._pending: dict[str, Record] = {}
        self._events: list[Event] = []
        self._seq = 0
        self._lock = threading.RLock()

    def emit(self, type: str, data: Mapping[str, Any] | None = None) -> None:
        """Announces an event of this run; kept types ride in the next commit."""
        with self._lock:
            self._seq += 1
            event = Event(
                type,
                schema.iso(),
                self.session_id,
                self.run_id,
                self.manifest.name,
                self.attempt,
                self._seq,
                data or {},
            )
            if type in KEPT and self.keep_events and len(self._events) < _EVENTS_PER_ROW:
                self._events.append(event)
        self.relay(event)

    def progress(self, said: Any) -> None:
        """Announces what a node says of its progress: `{"progress": 0.4, "message": "..."}`, or a text."""
        self.emit("node.progress", said if isinstance(said, Mapping) else {"message": str(said)[:500]})

    def relay(self, event: Event) -> None:
        """Announces an event that is kept already, or need not be."""
        if self._listener is not None:
            self._listener(event)
        if self._tell_plugins:
            plugins().emit(event)

    def staged(self, artifact_id: str) -> Record | None:
        """Returns the record of an artifact of this attempt, committed or not, or None."""
        return self._staged.get(artifact_id)

    def stage(self, records: Sequence[Record]) -> None:
        """Takes the artifacts of a node that succeeded; they become visible with the next commit."""
        with self._lock:
            for record in records:
                artifact_id = record["artifact_id"]
                if artifact_id not in self._staged:
                    self._staged[artifact_id] = self._pending[artifact_id] = record
                    if artifact_id not in self.artifact_ids:
                        self.artifact_ids.append(artifact_id)

    def begin(self) -> None:
        """Starts the clock of the attempt; waiting for a place among others does not count."""
        if self.timeout is not None:
            self._deadline = time.monotonic() + self.timeout

    def check(self) -> None:
        """Asked before every node: whether this worker may go on with the run.

        Raises:
            FenceLost: the run is no longer ours.
            RunTimeout: its time is up.
            Drained: the process is to end.
        """
        if self.lost.is_set():
            raise FenceLost(f"run {self.run_id!r} is no longer this worker's")
        if draining.is_set():
            raise Drained
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise timed_out(self.run_id, self.timeout or 0)

    @property
    def is_new(self) -> bool:
        """Whether this run cannot have rows of the graph in the store yet."""
        return self.attempt == 1 and not self.items

    @property
    def leaves_state(self) -> bool:
        """Whether rows or values of the graph are left after the ending commit."""
        return self.attempt > 1 or len(self.items) > _DROP_AT_ONCE or self.large_values

    def commit(self, plan: Callable[[], Sequence[Write]], *, retry: Callable[[Conflict], bool] | None = None) -> None:
        """Commits writes of this run with everything that is staged, on the condition of the fence.

        Args:
            plan: makes the writes; called again after a conflict that is not about the fence.
            retry: says whether such a conflict is worth another attempt; always by default.

        Raises:
            FenceLost: the run was taken over or cancelled.
            Conflict: a conflict that `retry` refuses.
        """
        with self._lock:
            for _ in attempts():
                writes = list(plan())
                room = MAX_COMMIT_WRITES - len(writes) - 2
                ready = list(self._pending.values())[: max(room // 4, 0)]
                artifacts = artifact_writes(self.stores, [dict(record) for record in ready])
                events = self._event_row()
                fenced = any(getattr(w, "sort", None) == FENCE and w.when == self.fence for w in writes)
                if not fenced:
                    writes.insert(0, Check(schema.RUN_ITEMS, self.run_id, FENCE, self.fence))
                try:
                    self.stores.records.commit([*writes, *artifacts, *events])
                except Conflict as conflict:
                    self._refused(conflict, ready, retry)
                    continue
                for record in ready:
                    self._pending.pop(record["artifact_id"], None)
                self.items += [
                    w.record["item"] for w in (*writes, *events) if isinstance(w, Put) and w.table is schema.RUN_ITEMS
                ]
                self._events.clear()
                for record in ready:
                    self.emit("artifact.stored", _told(record))
                return
        raise Conflict(f"run {self.run_id!r} cannot commit: its session is too busy", hint="try again")

    def commit_staged(self, *, leave: int = 8) -> None:
        """Commits staged artifacts until at most `leave` are left for the commit that follows."""
        while len(self._pending) > leave:
            self.commit(tuple)

    def droppable(self, keeps: bool) -> list[str]:
        """Returns the sort keys that the ending commit deletes with it: all of a small success, none otherwise."""
        return [] if keeps or len(self.items) > _DROP_AT_ONCE else self.items

    def _refused(self, conflict: Conflict, ready: list[Record], retry: Callable[[Conflict], bool] | None) -> None:
        fence = self.stores.records.get(schema.RUN_ITEMS, self.run_id, FENCE)
        if fence is None or fence.token != self.fence:
            self.lost.set()
            raise FenceLost(f"run {self.run_id!r} was taken over or cancelled") from None
        for record in ready:
            # An earlier attempt's step stored the same content under the same id: it is there, once.
            artifact_id = record["artifact_id"]
            try:
                if require_unswept(self.stores, artifact_id):
                    self._pending.pop(artifact_id, None)
            except Conflict:
                # Its content is gone, so no later commit of this attempt may name it: the run fails, and can say so.
                self._pending.pop(artifact_id, None)
                self.artifact_ids.remove(artifact_id)
                raise
        if retry is not None and not retry(conflict):
            raise conflict

    def _event_row(self) -> list[Write]:
        if not self._events or not self.keep_events:
            return []
        item = f"events#{self.attempt:06d}#{self._events[0].seq:09d}"
        told = [{"type": e.type, "at": e.at, "seq": e.seq, "data": dict(e.data)} for e in self._events]
        return [Put(schema.RUN_ITEMS, {"run_id": self.run_id, "item": item, "events": told}, ABSENT)]


#: The attempt that this context executes, or None.
current_run: ContextVar[RunScope | None] = ContextVar("dataops_current_run", default=None)


def timed_out(run_id: str, timeout: float) -> RunTimeout:
    """Returns the error of a run that took longer than it may."""
    return RunTimeout(
        f"run {run_id!r} took longer than the {timeout:g} s it may",
        hint="raise resources.timeout in the workflow's manifest, or WORKFLOW_TIMEOUT",
    )


def elapsed_ms(start: float) -> float:
    """Returns the milliseconds since a `time.perf_counter()` reading, to a hundredth."""
    return round((time.perf_counter() - start) * 1000, 2)


def _told(record: Record) -> dict[str, Any]:
    return {key: record.get(key) for key in ("artifact_id", "name", "artifact_type", "content_type", "size_bytes")}
