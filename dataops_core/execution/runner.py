"""Runner: accepts runs, waits for turns, executes attempts and finishes them; the one door to running a workflow."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dataops_core import history, settings
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.records import Record
from dataops_core.errors import Conflict, FenceLost
from dataops_core.execution import supervisor
from dataops_core.execution.attempt import aexecute, execute
from dataops_core.execution.graphs import saver_of
from dataops_core.execution.leases import held
from dataops_core.execution.runs import FINAL, Accepted, Ending, Runs
from dataops_core.execution.scope import Listener, RunScope
from dataops_core.history import Draft
from dataops_core.plugin.manager import plugins
from dataops_core.session import announce
from dataops_core.storage.opening import Stores, open_stores
from dataops_core.workflow_registry import WORKFLOW_REGISTRY

log = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run. `state` is the graph's final state where it ran in this process, else None."""

    run_id: str
    session_id: str
    workflow: str
    status: str
    answer: str = ""
    artifacts: tuple[str, ...] = ()
    error: Mapping[str, Any] | None = None
    question: Mapping[str, Any] | None = None
    nodes: tuple[Mapping[str, Any], ...] = ()
    duration_ms: float = 0.0
    attempt: int = 1
    state: Any = field(default=None, repr=False)


class Runner:
    """Runs workflows on the stores of the settings.

    Args:
        stores: where runs are kept.
        llm: the chat model that workflows are given, or None.
        listener: hears every event of the runs that this runner executes.
        timeout: seconds that a run may take, in place of what its manifest says.
    """

    def __init__(
        self,
        stores: Stores | None = None,
        *,
        llm: Any = None,
        listener: Listener | None = None,
        timeout: float | None = None,
    ) -> None:
        self.stores = stores or open_stores()
        self.runs = Runs(self.stores, lease_seconds=settings.current().lease_seconds)
        self.llm, self.listener, self.timeout = llm, listener, timeout

    def run(
        self,
        workflow: str,
        values: Mapping[str, Any],
        *,
        session_id: str | None = None,
        user_id: str = "local",
        query: str | None = None,
        message_id: str | None = None,
    ) -> RunResult:
        """Runs a workflow and returns when it has ended, or waits for an answer.

        Args:
            workflow: its name.
            values: its parameters, validated (see `dataops_core.routing.parameters.validate`).
            session_id: where; a run without one gets a session of its own.
            user_id: whose that session is.
            query: the words that asked for it.
            message_id: the caller's id of the query: the same id again returns the first run.

        Raises:
            NotFound, PluginFailed: the workflow or session is not there, or its plugin does not work.
            Conflict: the session takes no runs.
        """
        manifest = WORKFLOW_REGISTRY.manifest(workflow)
        plugins().load_middleware()
        accepted = self._accept(manifest, values, session_id, user_id, query, message_id)
        return self._drive(accepted)

    async def arun(
        self,
        workflow: str,
        values: Mapping[str, Any],
        *,
        session_id: str | None = None,
        user_id: str = "local",
        query: str | None = None,
        message_id: str | None = None,
    ) -> RunResult:
        """Async `run`; blocking work leaves the event loop."""
        manifest = WORKFLOW_REGISTRY.manifest(workflow)
        plugins().load_middleware()
        accepted = await asyncio.to_thread(self._accept, manifest, values, session_id, user_id, query, message_id)
        if accepted.fence is None or manifest.isolation == "process":
            return await asyncio.to_thread(self._drive, accepted)
        scope = self.scope(accepted.run, accepted.fence, manifest)
        with held(self.runs, scope):
            self._announce_start(scope)
            try:
                ending, state = await aexecute(scope)
                run = await asyncio.to_thread(self.finish, scope, ending)
            except FenceLost:
                return await asyncio.to_thread(self._taken, scope)
            except BaseException:
                self.runs.release(scope.run_id, scope.fence)
                raise
            finally:
                saver_of(self.stores).detach(scope.run_id)
        return self._result(run, state, ending.answer)

    def resume(self, run_id: str, *, force: bool = False) -> RunResult:
        """Goes on with an unfinished run from its first unfinished step, when its lease is over.

        Args:
            run_id: which.
            force: take it over even from a worker whose lease is not over.

        Raises:
            NotFound: no such run.
            Conflict: the run is final, waits for an answer, or another worker is at it.
        """
        run = self.runs.get(run_id)
        if run["status"] in FINAL:
            raise Conflict(f"run {run_id!r} is over: {run['status']}", hint=f"dataops runs show {run_id}")
        if run["status"] == "interrupted":
            raise Conflict(f"run {run_id!r} waits for an answer", hint="answer it in its session")
        WORKFLOW_REGISTRY.manifest(run["workflow"])
        plugins().load_middleware()
        if self.runs.holder(run["session_id"]) != run_id:
            return self._drive(Accepted(run, None))
        started = self.runs.start(run_id, force=force)
        if started is None:
            raise Conflict(
                f"another worker is at run {run_id!r}",
                hint=f"wait up to {self.runs.lease_seconds:.0f} s for its lease to end, or cancel the run",
            )
        return self._execute(*started)

    def resume_open(self) -> list[RunResult]:
        """Takes over every open run whose worker is gone, and returns what came of them."""
        results: list[RunResult] = []
        cursor: str | None = None
        while True:
            page = self.runs.list(open=True, cursor=cursor)
            for run in page:
                plugins().load_middleware()
                if (started := self.runs.start(run["run_id"])) is not None:
                    results.append(self._execute(*started))
            if (cursor := page.cursor) is None:
                return results

    def _accept(
        self,
        manifest: Manifest,
        values: Mapping[str, Any],
        session_id: str | None,
        user_id: str,
        query: str | None,
        message_id: str | None,
    ) -> Accepted:
        text = query if query is not None else command(manifest.name, values)
        accepted = self.runs.accept(
            manifest,
            values,
            Draft("user", text, message_id=message_id),
            session_id=session_id,
            user_id=user_id,
            refuse=settings.current().turn_policy == "refuse",
        )
        run = accepted.run
        announce("message.added", run["session_id"], number=run["query_message"], role="user")
        return accepted

    def _drive(self, accepted: Accepted) -> RunResult:
        """Executes an accepted run, waiting for its turn; a dead holder's run is finished first."""
        run = accepted.run
        if accepted.fence is not None:
            return self._execute(run, accepted.fence)
        renew_at = time.monotonic() + self.runs.lease_seconds / 3
        while True:
            run = self.runs.get(run["run_id"])
            if run["status"] in (*FINAL, "interrupted"):
                return self._result(run, None)
            holder = self.runs.holder(run["session_id"])
            if holder is not None and (started := self.runs.start(holder)) is not None:
                result = self._execute(*started)
                if holder == run["run_id"]:
                    return result
                continue
            if run["status"] == "pending" and time.monotonic() > renew_at:
                self.runs.keep_waiting(run["run_id"])
                renew_at = time.monotonic() + self.runs.lease_seconds / 3
            time.sleep(_POLL_SECONDS)

    def _execute(self, run: Record, fence: str) -> RunResult:
        manifest = WORKFLOW_REGISTRY.manifest(run["workflow"])
        scope = self.scope(run, fence, manifest)
        state: Any = None
        child_lost: Exception | None = None
        with held(self.runs, scope):
            self._announce_start(scope)
            try:
                if given_up(run, manifest):
                    ending = gave_up(run)
                elif manifest.isolation == "process":
                    told = supervisor.supervise(scope)
                    if told is None:
                        return self._taken(scope)
                    ending = told
                else:
                    ending, state = execute(scope)
                finished = self.finish(scope, ending)
            except FenceLost:
                return self._taken(scope)
            except supervisor.ChildLost as lost:
                child_lost = lost
            except BaseException:
                # Ctrl-C, SIGTERM, or a store that went away: whoever looks next goes on from the last step.
                self.runs.release(scope.run_id, scope.fence)
                raise
            finally:
                saver_of(self.stores).detach(scope.run_id)
        if child_lost is not None:
            log.warning("run %s: %s", scope.run_id, child_lost)
            started = self.runs.start(scope.run_id, force=True)
            return self._taken(scope) if started is None else self._execute(*started)
        return self._result(finished, state, ending.answer)

    def finish(self, scope: RunScope, ending: Ending) -> Record:
        """Ends an attempt in the store and drops the graph state that nobody needs any more."""
        saver = saver_of(self.stores)
        keeps = ending.status != "success" or settings.current().success_retention_seconds > 0
        run = self.runs.finish(scope, ending, saver.take(scope.run_id), keeps_state=keeps)
        if number := run.get("answer_message"):
            announce("message.added", scope.session_id, number=number, role="assistant")
        scope.emit("run.interrupted" if ending.status == "interrupted" else "run.finished", {"status": run["status"]})
        if not keeps and scope.leaves_state:
            saver.drop(scope.run_id)
        return run

    def _taken(self, scope: RunScope) -> RunResult:
        """Returns what the store says of a run that this worker lost, or that its child process finished."""
        return self._result(self.runs.get(scope.run_id), None)

    def scope(self, run: Record, fence: str, manifest: Manifest, *, supervised: bool = False) -> RunScope:
        """Returns what an attempt of a run holds in memory; of a supervised one the parent watches the time."""
        chosen = settings.current()
        timeout = next(t for t in (self.timeout, manifest.timeout, chosen.workflow_timeout) if t is not None)
        return RunScope(
            self.stores,
            run,
            fence,
            manifest,
            llm=self.llm,
            listener=self.listener,
            caching=chosen.enable_caching,
            timeout=None if supervised else timeout,
            tell_plugins=not supervised,
        )

    def _announce_start(self, scope: RunScope) -> None:
        if scope.attempt == 1:
            scope.emit("run.accepted", {"input": scope.run["input"]})
        scope.emit("run.started" if scope.attempt == 1 else "run.resumed", {"attempt": scope.attempt})

    def _result(self, run: Record, state: Any, answer: str | None = None) -> RunResult:
        if answer is None:
            number = run.get("answer_message")
            answer = ""
            if number is not None:
                answer = history.read(self.stores.records, self.stores.blobs, run["session_id"], number).content
        return RunResult(
            run["run_id"],
            run["session_id"],
            run["workflow"],
            run["status"],
            answer,
            tuple(run.get("artifacts", ())),
            run.get("error"),
            run.get("question"),
            tuple(run.get("nodes", ())),
            run.get("duration_ms", 0.0),
            run["attempt"],
            state,
        )


def command(workflow: str, values: Mapping[str, Any]) -> str:
    """Returns an invocation in the words that would ask for it: `/name key=value ...`."""
    told = [f"{key}={value!r}" if " " in str(value) else f"{key}={value}" for key, value in values.items()]
    return " ".join([f"/{workflow}", *told])


def given_up(run: Record, manifest: Manifest) -> bool:
    """Says whether a run has lost its worker once too often."""
    lost = run["attempt"] - 1
    return run["attempt"] > manifest.max_attempts or (lost > 0 and manifest.on_worker_loss == "fail")


def gave_up(run: Record) -> Ending:
    """Returns the ending of a run that has lost its worker once too often."""
    message = f"run {run['run_id']!r} lost its worker {run['attempt'] - 1} times and is given up"
    return Ending("error", message, {"code": "run_failed", "message": message, "hint": "look at the worker's log"})
