"""The life of a run in the store: accepted, started, taken over, finished; one commit each, in the session's scope.

The run's record is the acknowledgement. The fence is a record of its own whose token every later commit depends upon;
the lease is another, so that renewing it disturbs nobody.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dataops_core import history
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.records import ABSENT, ANY, Check, Delete, Put, Record, When, Write
from dataops_core.errors import Conflict, FenceLost, InvalidValue, NotFound
from dataops_core.execution.run_records import FINAL, STATUSES, get_run, list_runs, no_run
from dataops_core.execution.scope import FENCE, LEASE, RunScope
from dataops_core.history import Draft
from dataops_core.session import new_record, require_active
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import Listing, attempts, pointer

__all__ = ["FINAL", "STATUSES", "Accepted", "Ending", "Runs", "pass_turn"]

NEW: Final[When] = ABSENT
#: Timings kept in a run's record; the newest of a run of many nodes.
_TIMINGS: Final = 200


@dataclass(frozen=True, slots=True)
class Accepted:
    """A run as accepted: its record and, when it may start at once, the fence of its first attempt."""

    run: Record
    fence: str | None


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended.

    Args:
        status: a final status, or `interrupted`.
        answer: what the asker is told; a message of the session.
        error: code, message and hint, where there is one.
        question: what is asked, when the run is interrupted.
        success: what the workflow itself says of its success, or None.
    """

    status: str
    answer: str = ""
    error: Mapping[str, Any] | None = None
    question: Mapping[str, Any] | None = None
    success: bool | None = None


class Runs:
    """Run records, fences, leases and turns.

    Args:
        stores: where they are kept.
        lease_seconds: how long a worker may be silent before its run is taken over.
    """

    def __init__(self, stores: Stores, *, lease_seconds: float = 30.0) -> None:
        self.stores, self.lease_seconds = stores, lease_seconds
        self.owner = f"{socket.gethostname()}:{os.getpid()}"

    def accept(
        self,
        manifest: Manifest,
        values: Mapping[str, Any],
        query: Draft,
        *,
        session_id: str | None = None,
        user_id: str = "local",
        refuse: bool = False,
    ) -> Accepted:
        """Accepts a run: its record, the query's message and the session's turn, in one commit.

        Args:
            manifest: of the workflow.
            values: its parameters, validated.
            query: the message that asks for it.
            session_id: where; a session is made, in the same commit, when there is none.
            user_id: whose a new session is.
            refuse: whether to refuse when another run has the turn, rather than to wait in line.

        Raises:
            NotFound: no such session.
            Conflict: the session takes no messages, or the turn is taken and `refuse` is set.
        """
        records = self.stores.records
        for _ in attempts():
            now = records.now()
            at = schema.iso(now)
            if session_id is None:
                session, when = new_record(user_id, at=at), NEW
            else:
                session, when = self._session(session_id)
            require_active(session, now)
            if query.message_id and (known := self._asked_before(session["session_id"], query.message_id)):
                return known
            run = self._record(manifest, values, session, at)
            starts = not session.get("turn")
            if starts:
                session["turn"] = run["run_id"]
                run["status"], run["attempt"], run["owner"] = "running", 1, self.owner
            elif refuse:
                raise Conflict(
                    f"session {session['session_id']!r} is busy with run {session['turn']!r}",
                    hint="wait until it ends, or cancel it",
                )
            else:
                session["queue"] = [*session.get("queue", ()), run["run_id"]]
            draft = _answering(query, run["run_id"], run["workflow"] if query.workflow else None)
            messages, said = history.append(session, [draft], blobs=self.stores.blobs, at=at)
            run["query_message"] = said[0].number
            fence = Put(schema.RUN_ITEMS, {"run_id": run["run_id"], "item": FENCE, "owner": self.owner}, ABSENT)
            writes: list[Write] = [
                Put(schema.RUNS, run, ABSENT),
                Put(schema.SESSIONS, session, when),
                *messages,
                Put(schema.SESSION_ITEMS, pointer("run", run["run_id"]), ABSENT),
                self._lease(run["run_id"], now),
            ]
            try:
                records.commit([*writes, fence] if starts else writes)
            except Conflict:
                continue
            return Accepted(run, fence.token if starts else None)
        raise Conflict(f"session {session_id!r} is too busy", hint="try again")

    def start(self, run_id: str, *, force: bool = False) -> tuple[Record, str] | None:
        """Starts an attempt of a run that has the turn, or takes over one whose lease is over.

        Args:
            run_id: which.
            force: take over even though the lease is not over (its worker is known to be dead).

        Returns:
            The record and the new fence, or None when the run is final, waits for its turn or an answer, or is alive.
        """
        records = self.stores.records
        for _ in attempts():
            stored = records.get(schema.RUNS, run_id)
            if stored is None:
                raise no_run(run_id)
            run = stored.record
            session, _token = self._session(run["session_id"])
            if run["status"] not in ("pending", "running") or session.get("turn") != run_id:
                return None
            lease = records.get(schema.RUN_ITEMS, run_id, LEASE)
            mine = lease is not None and lease.record["owner"] == self.owner and run["status"] == "pending"
            if lease is not None and lease.record["until"] > records.now() and not (mine or force):
                return None
            old = records.get(schema.RUN_ITEMS, run_id, FENCE)
            fence = Put(
                schema.RUN_ITEMS,
                {"run_id": run_id, "item": FENCE, "owner": self.owner},
                old.token if old else ABSENT,
            )
            now = records.now()
            run["attempt"], run["status"], run["owner"] = run["attempt"] + 1, "running", self.owner
            if run["attempt"] == 1:
                run["started_at"] = schema.iso(now)
            try:
                records.commit([Put(schema.RUNS, run, stored.token), fence, self._lease(run_id, now)])
            except Conflict:
                continue
            return run, fence.token
        return None

    def finish(
        self, scope: RunScope, ending: Ending, leftovers: Sequence[Write] = (), *, keeps_state: bool = False
    ) -> Record:
        """Ends an attempt: status, answer message, next turn, in one commit under the fence.

        Args:
            scope: the attempt.
            ending: how it ended.
            leftovers: writes of the checkpointer that were not committed yet.
            keeps_state: whether the graph's state and the events stay; a success needs them no more.

        Raises:
            FenceLost: somebody else took the run over, or it was cancelled.
        """
        run: Record = dict(scope.run)
        scope.keep_events = keeps_state
        rows = list(leftovers) if keeps_state else []
        while len(rows) > 20:
            batch, rows = rows[:20], rows[20:]
            scope.commit(lambda batch=batch: batch)  # type: ignore[misc]
        scope.commit_staged()

        def plan() -> list[Write]:
            now = self.stores.records.now()
            at = schema.iso(now)
            try:
                session, token = self._session(scope.session_id)
            except NotFound:
                raise FenceLost(f"the session of run {scope.run_id!r} was deleted") from None
            run.update(status=ending.status, nodes=scope.timings[-_TIMINGS:])
            if scope.artifact_ids:
                run["artifacts"] = list(scope.artifact_ids)
            # A run that started when it was accepted has no other start.
            started = run.get("started_at") or run["created_at"]
            run["duration_ms"] = round((now - schema.seconds(started)) * 1000, 1)
            run.pop("owner", None)
            for name, value in (("error", ending.error), ("question", ending.question), ("success", ending.success)):
                run.pop(name, None)
                if value is not None:
                    run[name] = dict(value) if isinstance(value, Mapping) else value
            if ending.status in FINAL:
                run["finished_at"] = at
                run.pop("open", None)
            else:
                run["open"] = "question"
            writes: list[Write] = []
            if ending.answer:
                draft = Draft(
                    "assistant", ending.answer, scope.manifest.name, tuple(scope.artifact_ids), None, scope.run_id
                )
                writes, said = history.append(session, [draft], blobs=self.stores.blobs, at=at)
                run["answer_message"] = said[0].number
            pass_turn(session, scope.run_id)
            drop = [Delete(schema.RUN_ITEMS, scope.run_id, item, ANY) for item in scope.droppable(keeps_state)]
            return [
                Put(schema.RUNS, run, ANY),
                Put(schema.SESSIONS, session, token),
                *writes,
                *rows,
                Delete(schema.RUN_ITEMS, scope.run_id, FENCE, scope.fence),
                Delete(schema.RUN_ITEMS, scope.run_id, LEASE, ANY),
                *drop,
            ]

        scope.commit(plan)
        return run

    def renew(self, run_id: str, fence: str) -> None:
        """Renews a lease; raises FenceLost when the run is no longer this worker's."""
        records = self.stores.records
        try:
            records.commit([self._lease(run_id, records.now()), Check(schema.RUN_ITEMS, run_id, FENCE, fence)])
        except Conflict:
            raise FenceLost(f"run {run_id!r} was taken over or cancelled") from None

    def release(self, run_id: str, fence: str) -> None:
        """Ends a lease early, so that the next process that looks goes on with the run at once."""
        row = {"run_id": run_id, "item": LEASE, "owner": "", "until": 0}
        try:
            self.stores.records.commit([Put(schema.RUN_ITEMS, row, ANY), Check(schema.RUN_ITEMS, run_id, FENCE, fence)])
        except Conflict:
            return  # somebody else has it already

    def keep_waiting(self, run_id: str) -> None:
        """Renews the lease of a run that waits for its turn."""
        self.stores.records.commit([self._lease(run_id, self.stores.records.now())])

    def get(self, run_id: str) -> Record:
        """Returns a run's record; raises NotFound."""
        return get_run(self.stores.records, run_id)

    def list(self, **filters: Any) -> Listing[Record]:
        """Lists runs; `filters` are those of `run_records.list_runs`."""
        return list_runs(self.stores.records, **filters)

    def holder(self, session_id: str) -> str | None:
        """Returns the run that has a session's turn, or None."""
        turn = self._session(session_id)[0].get("turn")
        return None if turn is None else str(turn)

    def _asked_before(self, session_id: str, message_id: str) -> Accepted | None:
        number = history.reserved(self.stores.records, session_id, message_id)
        if number is None:
            return None
        message = history.read(self.stores.records, self.stores.blobs, session_id, number)
        if message.run_id is None:
            raise Conflict(f"message id {message_id!r} already stands for a message that asked for no run")
        return Accepted(self.get(message.run_id), None)

    def _record(self, manifest: Manifest, values: Mapping[str, Any], session: Record, at: str) -> Record:
        return {
            "run_id": schema.new_owned_id(session["session_id"]),
            "session_id": session["session_id"],
            "workflow": manifest.name,
            "version": manifest.version,
            "input": dict(values),
            "status": "pending",
            "attempt": 0,
            "created_at": at,
            "open": "run",
        }

    def _session(self, session_id: str) -> tuple[Record, When]:
        try:
            stored = self.stores.records.get(schema.SESSIONS, session_id)
        except InvalidValue:
            stored = None
        if stored is None:
            raise NotFound(f"no session {session_id!r:.80}", hint="dataops sessions list shows the sessions there are")
        return stored.record, stored.token

    def _lease(self, run_id: str, now: float) -> Put:
        row = {"run_id": run_id, "item": LEASE, "owner": self.owner, "until": now + self.lease_seconds}
        return Put(schema.RUN_ITEMS, row, ANY)


def pass_turn(session: Record, run_id: str) -> None:
    """Takes a run out of a session's line and gives the turn to the next."""
    queue = [waiting for waiting in session.pop("queue", ()) if waiting != run_id]
    if session.get("turn") == run_id:
        session.pop("turn")
        if queue:
            session["turn"] = queue.pop(0)
    if queue:
        session["queue"] = queue


def _answering(query: Draft, run_id: str, workflow: str | None) -> Draft:
    return Draft(query.role, query.content, workflow, query.artifacts, query.message_id, run_id)
