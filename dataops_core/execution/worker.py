"""Worker: executes the attempts of runs in this process: holds their leases, waits for turns, and finishes them."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, Final, TypeVar

from dataops_core import settings
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.records import Record
from dataops_core.errors import Conflict, DataOpsError, FenceLost, NotFound
from dataops_core.execution import attempt, supervisor
from dataops_core.execution.acceptance import Accepted
from dataops_core.execution.fences import Silence
from dataops_core.execution.graphs import saver_of
from dataops_core.execution.leases import held
from dataops_core.execution.recall import recalled
from dataops_core.execution.results import RunResult, given_up, result_of
from dataops_core.execution.runs import FINAL, Ending, Runs
from dataops_core.execution.scope import Drained, Listener, RunScope, draining
from dataops_core.execution.slots import aslot, slot
from dataops_core.session import announce
from dataops_core.storage.opening import Stores, open_stores
from dataops_core.workflow_registry import WORKFLOW_REGISTRY

T = TypeVar("T")
log = logging.getLogger(__name__)
_POLL_SECONDS: Final = (0.02, 0.5)


class Worker:
    """Executes runs in this process.

    Args:
        stores: where runs are kept.
        llm: the chat model that workflows are given, or None.
        listener: hears every event of the runs that this worker executes.
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

    def drive(self, accepted: Accepted) -> RunResult:
        """Executes an accepted run, waiting for its turn; a dead holder's run is finished first."""
        run_id, fence = accepted.run["run_id"], accepted.fence
        if fence is not None:
            return self.execute(accepted.run, fence)
        silence, wait = Silence(self.runs.lease_seconds), _POLL_SECONDS[0]
        renew_at = time.monotonic() + self.runs.lease_seconds / 3
        while True:
            run = self.runs.get(run_id)
            if run["status"] in (*FINAL, "interrupted"):
                return result_of(self.stores, run)
            if draining.is_set():
                self.runs.fences.leave(run_id)
                raise Drained
            holder = self.runs.holder(run["session_id"])
            if holder is not None and (started := self.runs.start(holder, silence=silence)) is not None:
                result = self.execute(*started)
                if holder == run_id:
                    return result
                continue
            if run["status"] == "pending" and time.monotonic() > renew_at:
                self.runs.fences.keep_waiting(run_id)
                renew_at = time.monotonic() + self.runs.lease_seconds / 3
            time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311
            wait = min(wait * 1.5, _POLL_SECONDS[1])

    async def adrive(self, accepted: Accepted) -> RunResult:
        run, fence = accepted.run, accepted.fence
        if run["status"] == "interrupted":
            return result_of(self.stores, run, answer=run["question"]["prompt"])
        if fence is None or WORKFLOW_REGISTRY.manifest(run["workflow"]).isolation == "process":
            return await apart(self.drive, accepted)
        try:
            with self._working(run, fence) as scope:
                async with aslot():
                    ending, state = await attempt.aexecute(scope)
                    finished = await asyncio.to_thread(self.finish, scope, ending)
        except FenceLost:
            return await apart(self._taken, run)
        return result_of(self.stores, finished, state=state, answer=ending.answer)

    def execute(self, run: Record, fence: str) -> RunResult:
        state: Any = None
        try:
            with self._working(run, fence) as scope, slot():
                ending = given_up(run, scope.manifest)
                if ending is None and scope.manifest.isolation == "process":
                    ending = supervisor.supervise(scope)
                    if ending is None:
                        if self.runs.holds(run["run_id"], fence):
                            raise supervisor.ChildLost("its process ended before the run did")
                        return self._taken(run)
                elif ending is None:
                    ending, state = attempt.execute(scope)
                finished = self.finish(scope, ending)
        except FenceLost:
            return self._taken(run)
        except supervisor.ChildLost as lost:
            log.info("run %s: %s", run["run_id"], lost)
            started = self.runs.start(run["run_id"], force=True)
            return self._taken(run) if started is None else self.execute(*started)
        return result_of(self.stores, finished, state=state, answer=ending.answer)

    @contextmanager
    def _working(self, run: Record, fence: str) -> Iterator[RunScope]:
        """Holds the lease of an attempt; whatever stops it before its end leaves the run to whoever looks next."""
        scope = self.scope(run, fence, WORKFLOW_REGISTRY.manifest(run["workflow"]))
        with held(self.runs, scope):
            if scope.attempt == 1:
                scope.emit("run.accepted", {"input": run["input"]})
            scope.emit("run.started" if scope.attempt == 1 else "run.resumed", {"attempt": scope.attempt})
            try:
                yield scope
            except (FenceLost, supervisor.ChildLost):
                raise
            except BaseException:
                # Ctrl-C, SIGTERM, or a store that went away: the next process goes on from the last step.
                try:
                    self.runs.fences.release(scope.run_id, scope.fence)
                except DataOpsError as error:
                    log.info("the lease of run %s could not be given back: %s", scope.run_id, error)
                raise
            finally:
                saver_of(self.stores).detach(scope.run_id)

    def _taken(self, run: Record) -> RunResult:
        """Returns what comes of a run that this worker lost to another, or that its child process finished."""
        try:
            return self.drive(Accepted(self.runs.get(run["run_id"]), None))
        except NotFound:
            raise Conflict(f"session {run['session_id']!r} was deleted while run {run['run_id']!r} ran") from None

    def finish(self, scope: RunScope, ending: Ending) -> Record:
        """Ends an attempt in the store and drops the graph state that nobody needs any more."""
        saver = saver_of(self.stores)
        keeps, rows = ending.status != "success" or settings.current().success_retention_seconds > 0, []
        if keeps:
            try:
                rows = saver.take(scope.run_id)
            except Exception as error:  # the state holds what cannot be kept: nobody could go on from it
                ending = attempt.failed(scope, error)
        run = self.runs.finish(scope, ending, rows, keeps_state=keeps)
        if number := run.get("answer_message"):
            announce("message.added", scope.session_id, number=number, role="assistant")
        scope.emit("run.interrupted" if ending.status == "interrupted" else "run.finished", {"status": run["status"]})
        if not keeps and scope.leaves_state:
            saver.drop(scope.run_id)
        return run

    def scope(self, run: Record, fence: str, manifest: Manifest, *, supervised: bool = False) -> RunScope:
        """Returns what an attempt of a run holds in memory; of a supervised one the parent watches the time."""
        chosen = settings.current()
        timeout = next(t for t in (self.timeout, manifest.timeout, chosen.workflow_timeout) if t is not None)
        return RunScope(
            self.stores,
            recalled(self.stores, run) if run["attempt"] > 1 else run,
            fence,
            manifest,
            llm=self.llm,
            listener=self.listener,
            caching=chosen.enable_caching,
            timeout=None if supervised else timeout,
            tell_plugins=not supervised,
        )


async def apart(fn: Callable[..., T], *args: Any) -> T:
    """Calls what may take long in a thread of its own: the event loop's few threads are for short work."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="dataops-run")
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, copy_context().run, fn, *args)
    finally:
        executor.shutdown(wait=False)
