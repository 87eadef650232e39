"""Runner: the one door to running workflows: it accepts what is asked and answered, and resumes and cancels runs."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

from dataops_core import settings
from dataops_core.contracts.events import Event
from dataops_core.errors import Conflict, DataOpsError
from dataops_core.execution import acceptance
from dataops_core.execution.acceptance import Accepted, Choice
from dataops_core.execution.graphs import saver_of
from dataops_core.execution.results import RunResult, command, result_of
from dataops_core.execution.runs import FINAL
from dataops_core.execution.worker import Worker, apart
from dataops_core.history import Draft
from dataops_core.plugin.manager import plugins
from dataops_core.session import announce
from dataops_core.storage import schema
from dataops_core.workflow_registry import WORKFLOW_REGISTRY

__all__ = ["Asked", "RunResult", "Runner", "command"]

log = logging.getLogger(__name__)


class Asked(TypedDict, total=False):
    """Who asks for a run, where and how.

    `session_id`: where; a run without one gets a session of its own. `user_id`: whose that session is ("local").
    `query`: the words that asked for it. `message_id`: the caller's id of the query: the same id again returns the
    first run. `note`: what was seen in the query and not used, told with the question for a value that is missing.
    `suggested`: values that may be meant, by name, offered with the questions. `confirmed`: a workflow that asks before
    it runs (`confirm` in its manifest) runs without. `choice`: the choice among workflows that the query makes; the
    message that it goes back to is the run's query.
    """

    session_id: str | None
    user_id: str
    query: str | None
    message_id: str | None
    note: str
    suggested: Mapping[str, Any] | None
    confirmed: bool
    choice: Choice | None


class Runner(Worker):
    """Runs workflows on the stores of the settings; see `Worker` for its arguments."""

    def run(self, workflow: str, values: Mapping[str, Any], **asked: Unpack[Asked]) -> RunResult:
        """Runs a workflow and returns when it has ended, or waits for an answer.

        A required parameter without a value is asked for, and so is whether a workflow with `confirm` may run: the run
        is accepted, and interrupted.

        Args:
            workflow: its name.
            values: its parameters, validated (see `dataops_core.routing.parameters.validate`).
            asked: who asks, where and how; see `Asked`.

        Raises:
            NotFound, PluginFailed: the workflow or session is not there, or its plugin does not work.
            Conflict: the session takes no runs.
        """
        return self.drive(self._accept(workflow, values, asked))

    async def arun(self, workflow: str, values: Mapping[str, Any], **asked: Unpack[Asked]) -> RunResult:
        """Async `run`; blocking work leaves the event loop."""
        return await self.adrive(await asyncio.to_thread(self._accept, workflow, values, asked))

    def answer(
        self,
        run_id: str,
        value: Any,
        *,
        values: Mapping[str, Any] | None = None,
        question_id: str | None = None,
        text: str | None = None,
        message_id: str | None = None,
    ) -> RunResult:
        """Answers what an interrupted run asks, and goes on with it.

        Args:
            run_id: which.
            value: the answer, JSON-able; of a parameter, its validated value.
            values: of other parameters that were given with it, validated.
            question_id: the `id` of the question that is answered; the present one by default.
            text: the words of the answer.
            message_id: the caller's id of the answer: the same id again counts once, and returns what came of it.

        Raises:
            NotFound: no such run.
            Conflict: it waits for no answer, or for the answer to another question.
            InvalidValue: the value is not what the question's schema allows; it can be answered again.
        """
        return self.drive(self._answer(run_id, value, values, question_id, text, message_id))

    async def aanswer(
        self,
        run_id: str,
        value: Any,
        *,
        values: Mapping[str, Any] | None = None,
        question_id: str | None = None,
        text: str | None = None,
        message_id: str | None = None,
    ) -> RunResult:
        """Async `answer`."""
        return await self.adrive(
            await asyncio.to_thread(self._answer, run_id, value, values, question_id, text, message_id)
        )

    def cancel(self, run_id: str, *, text: str | None = None, message_id: str | None = None) -> RunResult:
        """Cancels a run that is not over: nothing of it is kept from then on, and the next in line has the turn.

        Its worker notices at its next step, or when it renews its lease. What a node does outside DataOps meanwhile is
        not undone.

        Args:
            run_id: which.
            text: the words that ask for it, kept as a message of the session.
            message_id: the caller's id of that message.

        Raises:
            NotFound: no such run.
            Conflict: the run is over.
        """
        run = self.runs.cancel(run_id, None if text is None else Draft("user", text, message_id=message_id))
        saver_of(self.stores).drop(run_id)
        told = {"status": run["status"]}
        plugins().emit(
            Event("run.finished", schema.iso(), run["session_id"], run_id, run["workflow"], run["attempt"], data=told)
        )
        return result_of(self.stores, run)

    async def acancel(self, run_id: str, *, text: str | None = None, message_id: str | None = None) -> RunResult:
        """Async `cancel`."""
        return await asyncio.to_thread(self.cancel, run_id, text=text, message_id=message_id)

    def attend(self, run_id: str) -> RunResult:
        """Waits until a run is over or asks something, and goes on with it whenever its worker is gone."""
        return self.drive(Accepted(self.runs.get(run_id), None))

    async def aattend(self, run_id: str) -> RunResult:
        """Async `attend`."""
        return await apart(self.attend, run_id)

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
            raise Conflict(
                f"run {run_id!r} waits for an answer: {run['question']['prompt']}",
                hint=self.runs.way_to_answer(run),
            )
        WORKFLOW_REGISTRY.manifest(run["workflow"])
        plugins().load_middleware()
        if self.runs.holder(run["session_id"]) != run_id:
            return self.drive(Accepted(run, None))
        started = self.runs.start(run_id, force=force)
        if started is None:
            raise Conflict(
                f"another worker is at run {run_id!r}",
                hint=f"its lease ends {self.runs.lease_seconds:.0f} s after its death; --force takes the run over now",
            )
        return self.execute(*started)

    def resume_open(self) -> list[RunResult]:
        """Takes over every open run whose worker is gone, and returns what came of them.

        One that cannot be taken over, since its workflow is not installed any more, say, is logged and left.
        """
        results: list[RunResult] = []
        cursor: str | None = None
        while True:
            page = self.runs.list(open="run", cursor=cursor)
            for run in page:
                try:
                    WORKFLOW_REGISTRY.manifest(run["workflow"])
                    plugins().load_middleware()
                    if (started := self.runs.start(run["run_id"])) is not None:
                        results.append(self.execute(*started))
                except DataOpsError as error:
                    log.warning("run %s cannot go on: %s", run["run_id"], error)
            if (cursor := page.cursor) is None:
                return results

    def _accept(self, workflow: str, values: Mapping[str, Any], asked: Asked) -> Accepted:
        manifest = WORKFLOW_REGISTRY.manifest(workflow)
        plugins().load_middleware()
        more: dict[str, Any] = dict(asked)
        query, message_id = more.pop("query", None), more.pop("message_id", None)
        text = query if query is not None else command(manifest.name, values)
        said = Draft("user", text, message_id=message_id)
        refuse = settings.current().turn_policy == "refuse"
        accepted = acceptance.accept(self.runs, manifest, values, said, refuse=refuse, **more)
        announce("message.added", accepted.run["session_id"], number=accepted.message, role="user")
        return accepted

    def _answer(
        self,
        run_id: str,
        value: Any,
        values: Mapping[str, Any] | None,
        question_id: str | None,
        text: str | None,
        message_id: str | None,
    ) -> Accepted:
        manifest = WORKFLOW_REGISTRY.manifest(self.runs.get(run_id)["workflow"])
        plugins().load_middleware()
        said = text if text is not None else value if isinstance(value, str) else json.dumps(value, default=str)
        accepted = acceptance.answer(
            self.runs,
            run_id,
            manifest,
            value,
            Draft("user", said, message_id=message_id),
            values=values,
            question_id=question_id,
            refuse=settings.current().turn_policy == "refuse",
        )
        announce("message.added", accepted.run["session_id"], number=accepted.message, role="user")
        return accepted
