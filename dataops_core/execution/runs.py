"""The life of a run in the store: started, taken over, finished, cancelled; one commit each, in the session's scope.

The run's record is the acknowledgement. The fence is a record of its own whose token every later commit depends upon;
the lease is another, so that renewing it disturbs nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from dataops_core import history
from dataops_core.archives import reading as archived
from dataops_core.contracts.records import ANY, Delete, Put, Record, When, Write
from dataops_core.errors import Conflict, FenceLost, InvalidValue, NotFound
from dataops_core.execution import turns
from dataops_core.execution.fences import Fences, Silence
from dataops_core.execution.run_records import FINAL, STATUSES, get_run, list_runs, no_run
from dataops_core.execution.scope import FENCE, LEASE, RunScope
from dataops_core.history import Draft
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import Listing, attempts

__all__ = ["FINAL", "STATUSES", "Ending", "Runs"]

#: Timings kept in a run's record; the newest of a run of many nodes.
_TIMINGS: Final = 200


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
    """Run records, and what ends or begins an attempt. How a run comes to be is `acceptance`.

    Args:
        stores: where they are kept.
        lease_seconds: how long a worker may be silent before its run is taken over.
    """

    def __init__(self, stores: Stores, *, lease_seconds: float = 30.0) -> None:
        self.stores, self.lease_seconds = stores, lease_seconds
        self.fences = Fences(stores.records, lease_seconds)

    def cancel(self, run_id: str, said: Draft | None = None) -> Record:
        """Ends a run that is not over: nothing of it commits any more, and its turn is passed on.

        What its worker does outside the store is not undone. Cancelling a cancelled run changes nothing.

        Args:
            run_id: which.
            said: the message that asks for it, kept in the same commit.

        Raises:
            NotFound: no such run.
            Conflict: the run is over.
        """
        for _ in attempts():
            stored = self.stores.records.get(schema.RUNS, run_id)
            run = self.get(run_id) if stored is None else stored.record
            if run["status"] == "cancelled":
                return run
            if stored is None or run["status"] in FINAL:
                raise Conflict(f"run {run_id!r} is over: {run['status']}", hint=f"dataops runs show {run_id}")
            now = self.stores.records.now()
            session, when = self.session(run["session_id"])
            if said and said.message_id and history.reserved(self.stores.records, run["session_id"], said.message_id):
                raise Conflict(f"message id {said.message_id!r:.80} already stands for another message")
            told = Draft("assistant", f"{run['workflow']} was cancelled.", run["workflow"], run_id=run_id)
            drafts = [told] if said is None else [replace(said, run_id=run_id), told]
            writes, messages = history.append(session, drafts, blobs=self.stores.blobs, at=schema.iso(now))
            run.update(status="cancelled", answer_message=messages[-1].number, finished_at=schema.iso(now))
            for gone in ("open", "owner", "question"):
                run.pop(gone, None)
            turns.pass_on(session, run_id)
            turns.unpark(session, run_id)
            writes += [
                Put(schema.RUNS, run, stored.token),
                Put(schema.SESSIONS, session, when),
                Delete(schema.RUN_ITEMS, run_id, FENCE, ANY),
                Delete(schema.RUN_ITEMS, run_id, LEASE, ANY),
            ]
            try:
                self.stores.records.commit(writes)
            except Conflict:
                continue
            return run
        raise Conflict(f"session {schema.session_of(run_id)!r} is too busy", hint="try again")

    def start(self, run_id: str, *, force: bool = False, silence: Silence | None = None) -> tuple[Record, str] | None:
        """Starts an attempt of a run that has the turn, or takes over one whose lease is over.

        Args:
            run_id: which.
            force: take over even though the lease is not over (its worker is known to be dead).
            silence: what the caller has observed so far; a lease that nobody renewed for its whole length is over,
                whatever the clocks say.

        Returns:
            The record and the new fence, or None when the run is final, waits for its turn or an answer, or is alive.
        """
        records = self.stores.records
        for _ in attempts():
            stored = records.get(schema.RUNS, run_id)
            if stored is None:
                raise no_run(run_id)
            run = stored.record
            session, _token = self.session(run["session_id"])
            if run["status"] not in ("pending", "running") or session.get("turn") != run_id:
                return None
            held = self.fences.read(run_id)
            now = records.now()
            mine = run["status"] == "pending" and held.owner == self.fences.owner
            silent = silence is not None and silence.over(run_id, held)
            if not (mine or force or silent or held.over(now)):
                return None
            if run["status"] == "running" and held.owner:
                # Its worker died. One that stopped in good order gave its lease back.
                run["lost"] = run.get("lost", 0) + 1
            run.update(attempt=run["attempt"] + 1, status="running", owner=self.fences.owner)
            if run["attempt"] == 1:
                run["started_at"] = schema.iso(now)
            fence = self.fences.fence(run_id, now, held.fence)
            try:
                records.commit([Put(schema.RUNS, run, stored.token), fence, self.fences.lease(run_id, now)])
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
                session, token = self.session(scope.session_id)
            except NotFound:
                raise FenceLost(f"the session of run {scope.run_id!r} was deleted") from None
            run.update(status=ending.status, nodes=scope.timings[-_TIMINGS:])
            if scope.artifact_ids:
                run["artifacts"] = list(scope.artifact_ids)
            # A run that started when it was accepted has no other start; waiting for an answer does not count.
            started = run.get("resumed_at") or run.get("started_at") or run["created_at"]
            run["duration_ms"] = round(run.get("duration_ms", 0) + (now - schema.seconds(started)) * 1000, 1)
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
            turns.pass_on(session, scope.run_id)
            if ending.status == "interrupted":
                turns.park(session, scope.run_id)
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

    def get(self, run_id: str) -> Record:
        """Returns a run's record, also from the archive of its session; raises NotFound."""
        try:
            return get_run(self.stores.records, run_id)
        except NotFound:
            if (run := archived.find_run(self.stores, run_id)) is None:
                raise
            return run

    def list(self, **filters: Any) -> Listing[Record]:
        """Lists runs; `filters` are those of `run_records.list_runs`."""
        session_id, kept = filters.get("session_id"), None
        if session_id is not None and filters.get("open") is None:
            told = {name: value for name, value in filters.items() if name not in ("session_id", "open")}
            kept = archived.list_runs(self.stores, session_id, **told)
        return list_runs(self.stores.records, **filters) if kept is None else kept

    def holds(self, run_id: str, fence: str) -> bool:
        """Says whether a fence is still the run's: nobody has finished, cancelled or taken it over."""
        held = self.fences.read(run_id).fence
        return held is not None and held.token == fence

    def way_to_answer(self, run: Record) -> str:
        """Returns the command that answers an interrupted run, or ends it where its question cannot be seen."""
        if run["run_id"] in self.session(run["session_id"])[0].get("questions", ()):
            return f'dataops ask --session {run["session_id"]} "..."'
        return f"a restored context hides its question; dataops runs cancel {run['run_id']}"

    def worker_gone(self, run: Record) -> bool:
        """Says whether nobody is at a run that is not over: its worker stopped, or its lease is over."""
        open_ = run["status"] in ("pending", "running")
        return open_ and self.fences.read(run["run_id"]).over(self.stores.records.now())

    def holder(self, session_id: str) -> str | None:
        """Returns the run that has a session's turn, or None."""
        turn = self.session(session_id)[0].get("turn")
        return None if turn is None else str(turn)

    def parked(self, session_id: str) -> Record | None:
        """Returns the run of a session that asked last and waits for an answer, or None."""
        waiting = self.session(session_id)[0].get("questions")
        return self.get(waiting[-1]) if waiting else None

    def session(self, session_id: str) -> tuple[Record, When]:
        """Returns a session's record and its token; raises NotFound."""
        try:
            stored = self.stores.records.get(schema.SESSIONS, session_id)
        except InvalidValue:
            stored = None
        if stored is None:
            raise NotFound(f"no session {session_id!r:.80}", hint="dataops sessions list shows the sessions there are")
        return stored.record, stored.token
