"""Acceptance: what is asked, and what is answered, becomes a run's in one commit, with its place in the session's line.

What is returned from here is acknowledged: the run's record says so, and every process can go on from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dataops_core import history
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.records import ABSENT, Put, Record, When, Write
from dataops_core.errors import Conflict
from dataops_core.execution import questions, turns
from dataops_core.execution.run_records import get_run, no_run
from dataops_core.execution.runs import Runs
from dataops_core.history import Draft
from dataops_core.session import new_record, require_active
from dataops_core.storage import schema
from dataops_core.storage.ownership import attempts, pointer


@dataclass(frozen=True, slots=True)
class Accepted:
    """A run as accepted: its record, when it may start at once the fence of its attempt, and the message's number."""

    run: Record
    fence: str | None
    message: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice among workflows, as the session's record keeps it until something else is said.

    Args:
        id: of the choice.
        query_message: the number of the message that asked for something, before it was asked which workflow is meant.
    """

    id: str
    query_message: int


def accept(
    runs: Runs,
    manifest: Manifest,
    values: Mapping[str, Any],
    query: Draft,
    *,
    session_id: str | None = None,
    user_id: str = "local",
    note: str = "",
    suggested: Mapping[str, Any] | None = None,
    confirmed: bool = False,
    choice: Choice | None = None,
    refuse: bool = False,
) -> Accepted:
    """Accepts a run in one commit: its record, the query's message, and the session's turn.

    A run that lacks a required value, or one of a workflow that asks first, is accepted as interrupted: its question is
    a message of the same commit.

    Args:
        runs: where it is kept.
        manifest: of the workflow.
        values: its parameters, validated.
        query: the message that asks for it.
        session_id: where; a session is made, in the same commit, when there is none.
        user_id: whose a new session is.
        note: what was seen in the query and not used; told with the question for a value that is missing.
        suggested: values that may be meant, by name; offered with the questions.
        confirmed: whether the workflow may run without the question of one that asks first.
        choice: the choice among workflows that the message makes.
        refuse: whether to refuse when another run has the turn, rather than to wait in line.

    Raises:
        NotFound: no such session.
        Conflict: the session takes no messages, the turn is taken and `refuse` is set, or the choice was made before.
    """
    records = runs.stores.records
    for _ in attempts():
        now = records.now()
        at = schema.iso(now)
        when: When = ABSENT
        if session_id is None:
            session = new_record(user_id, at=at)
        else:
            session, when = runs.session(session_id)
        require_active(session, now)
        if known := said_before(runs, session["session_id"], query.message_id, query.content, strict=True):
            return known
        choose(session, choice)
        number = session["revision"] + 1
        run: Record = {
            "run_id": schema.new_owned_id(session["session_id"]),
            "session_id": session["session_id"],
            "workflow": manifest.name,
            "version": manifest.version,
            "input": dict(values),
            "attempt": 0,
            "created_at": at,
        }
        if choice is not None:
            run["query_message"] = choice.query_message
        if suggested:
            run["suggested"] = dict(suggested)
        draft = replace(query, run_id=run["run_id"], workflow=manifest.name if query.workflow else None)
        fence = None
        if question := _lacking(manifest, run, 1, note, confirmed=confirmed):
            writes = _ask(runs, session, run, draft, question, at)
        else:
            writes, fence = _line_up(runs, session, run, draft, refuse, now)
        try:
            records.commit(
                [
                    Put(schema.RUNS, run, ABSENT),
                    Put(schema.SESSIONS, session, when),
                    Put(schema.SESSION_ITEMS, pointer("run", run["run_id"]), ABSENT),
                    *writes,
                ]
            )
        except Conflict:
            continue
        return Accepted(run, fence, number)
    raise Conflict(f"session {session_id!r} is too busy", hint="try again")


def answer(
    runs: Runs,
    run_id: str,
    manifest: Manifest,
    value: Any,
    said: Draft,
    *,
    values: Mapping[str, Any] | None = None,
    question_id: str | None = None,
    refuse: bool = False,
) -> Accepted:
    """Answers the question of an interrupted run in one commit: the message, the value, and the session's turn.

    Args:
        runs: where it is kept.
        run_id: which.
        manifest: of its workflow.
        value: the answer; of a parameter, its validated value.
        said: the message that answers.
        values: of other parameters that the same message gives, validated. With them a question whether to run at all
            is asked anew, whatever the value.
        question_id: the question that is answered; the present one by default.
        refuse: whether to refuse when another run has the turn, rather than to wait in line.

    Returns:
        The run: with a fence when it may go on at once; interrupted again when it lacks another value; cancelled when
        the answer is that it may not begin.

    Raises:
        NotFound: no such run.
        Conflict: it waits for no answer, or for the answer to another question, or the turn is taken.
        InvalidValue: the value is not what the question's schema allows.
    """
    records, session_id = runs.stores.records, schema.session_of(run_id)
    for _ in attempts():
        stored = records.get(schema.RUNS, run_id)
        if stored is None:
            raise no_run(run_id)
        session, when = runs.session(session_id)
        now = records.now()
        if known := said_before(runs, session_id, said.message_id, said.content, strict=True):
            return known
        run = stored.record
        question = _asked(run, question_id)
        questions.check(value, question)
        choose(session, None)
        require_active(session, now)
        confirms = question.get("confirms", False)
        if question["parameter"]:
            run["input"] = {**run["input"], **(values or {}), question["parameter"]: value}
        elif confirms:
            run["input"] = {**run["input"], **(values or {})}
        run.pop("question")
        # Only the newest value is still needed: a worker that dies before the node took it leaves it to the next.
        before = [{name: a[name] for name in a if name != "value"} for a in run.get("answers", ())]
        number = before[-1]["number"] + 1 if before else 1
        given = {"question": question["id"], "message": session["revision"] + 1, "number": number, "value": value}
        run["answers"] = [*before, given][-questions.ANSWERS :]
        draft, fence = replace(said, run_id=run_id, workflow=None), None
        # What a node asks comes after every question of ours. A confirmation that changes values is asked anew.
        confirmed = not values if confirms else not question["parameter"]
        asks = _lacking(manifest, run, number + 1, confirmed=confirmed)
        if confirms and value is False and not values:
            writes = _refused(runs, session, run, draft, schema.iso(now))
        elif asks:
            writes = _ask(runs, session, run, draft, asks, schema.iso(now))
        else:
            turns.unpark(session, run_id)
            run["resumed_at"] = schema.iso(now)
            writes, fence = _line_up(runs, session, run, draft, refuse, now)
        try:
            records.commit([Put(schema.RUNS, run, stored.token), Put(schema.SESSIONS, session, when), *writes])
        except Conflict:
            continue
        return Accepted(run, fence, given["message"])
    raise Conflict(f"session {session_id!r} is too busy", hint="try again")


def said_before(
    runs: Runs, session_id: str, message_id: str | None, text: str, *, strict: bool = False
) -> Accepted | None:
    """Returns the run that a message of this id asked for, or answered, when it was said before; else None.

    Raises:
        Conflict: the id stands for another text; or, with `strict`, the message was said before and asked for no run.
    """
    if message_id is None:
        return None
    number = history.reserved(runs.stores.records, session_id, message_id)
    if number is None:
        return None
    message = history.read(runs.stores.records, runs.stores.blobs, session_id, number)
    if message.content != text:
        raise Conflict(
            f"message id {message_id!r:.80} already stands for another text", hint="give each message its own"
        )
    if message.run_id is None:
        if strict:
            raise Conflict(f"message id {message_id!r} already stands for a message that asked for no run")
        return None
    return Accepted(get_run(runs.stores.records, message.run_id), None)


def choose(session: Record, choice: Choice | None) -> None:
    """Takes the choice among workflows that is open out of a session's record: whatever is said next ends it.

    Raises:
        Conflict: a choice is made that is not open any more.
    """
    is_open = session.pop("choice", None)
    if choice is not None and (is_open is None or is_open["id"] != choice.id):
        raise Conflict(
            "that choice is not open any more: it was made, or something else was said since",
            hint="ask again what you asked before",
        )


def _lacking(manifest: Manifest, run: Record, number: int, note: str = "", *, confirmed: bool) -> Record | None:
    """Returns the question that stands between a run and its beginning, or None."""
    if lacking := manifest.missing(run["input"]):
        return questions.for_parameters(lacking, number, note, run.get("suggested", {}))
    run.pop("suggested", None)
    return questions.for_confirmation(manifest, run["input"], number) if manifest.confirm and not confirmed else None


def _refused(runs: Runs, session: Record, run: Record, said: Draft, at: str) -> list[Write]:
    """Ends a run that may not begin; returns the rows of what was said."""
    run.update(status="cancelled", finished_at=at)
    run.pop("open", None)
    turns.unpark(session, run["run_id"])
    told = Draft("assistant", f"{run['workflow']} was not run.", run["workflow"], run_id=run["run_id"])
    writes, messages = history.append(session, [said, told], blobs=runs.stores.blobs, at=at)
    run["answer_message"] = messages[1].number
    return writes


def _asked(run: Record, question_id: str | None) -> Record:
    """Returns the question that an answer to a run is for; raises Conflict."""
    run_id = run["run_id"]
    if run["status"] != "interrupted":
        raise Conflict(
            f"run {run_id!r} waits for no answer: it is {run['status']}; the answer was not kept",
            hint=f"dataops runs show {run_id}",
        )
    question: Record = run["question"]
    if question_id is not None and question_id != question["id"]:
        raise Conflict(
            f"question {question_id!r:.80} of run {run_id!r} is not open; it asks now: {question['prompt']} "
            "(the answer was not kept)",
            hint=f"answer question {question['id']!r}",
        )
    return question


def _ask(runs: Runs, session: Record, run: Record, said: Draft, question: Record, at: str) -> list[Write]:
    """Makes a run wait for an answer; returns the rows of what was said and of the question."""
    run.update(status="interrupted", open="question", question=question)
    turns.park(session, run["run_id"])
    asked = Draft("assistant", question["prompt"], run["workflow"], run_id=run["run_id"])
    writes, messages = history.append(session, [said, asked], blobs=runs.stores.blobs, at=at)
    run.setdefault("query_message", messages[0].number)
    run["answer_message"] = messages[1].number
    return writes


def _line_up(
    runs: Runs, session: Record, run: Record, said: Draft, refuse: bool, now: float
) -> tuple[list[Write], str | None]:
    """Gives a run the turn, or its place in the line; returns the rows, and the fence of a run that has the turn."""
    if refuse and session.get("turn"):
        raise Conflict(
            f"session {session['session_id']!r} is busy with run {session['turn']!r}",
            hint="wait until it ends, or cancel it",
        )
    writes, messages = history.append(session, [said], blobs=runs.stores.blobs, at=schema.iso(now))
    run.setdefault("query_message", messages[0].number)
    run["open"] = "run"
    if not turns.take(session, run["run_id"]):
        run["status"] = "pending"
        return [*writes, runs.fences.lease(run["run_id"], now)], None
    run.update(status="running", attempt=run["attempt"] + 1, owner=runs.fences.owner)
    fence = runs.fences.fence(run["run_id"], now)
    return [*writes, fence], fence.token
