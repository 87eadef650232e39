"""What a message means: an answer, a choice, a query for a workflow, or none of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataops_core import history, settings
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.records import Record
from dataops_core.errors import Conflict, DataOpsError, InvalidValue
from dataops_core.execution.acceptance import Choice, said_before
from dataops_core.execution.questions import check
from dataops_core.execution.run_records import list_runs
from dataops_core.execution.runs import Runs
from dataops_core.orchestrator import replies
from dataops_core.orchestrator.state import OrchestratorState, Reply
from dataops_core.plugin.manager import plugins
from dataops_core.routing.again import refers_back, repeats
from dataops_core.routing.answers import is_cancel, understand
from dataops_core.routing.choosing import Pick, pick
from dataops_core.routing.parameters import Extraction, extract, validate
from dataops_core.routing.router import Candidate, Decision, Router
from dataops_core.storage.opening import open_stores
from dataops_core.workflow_registry import WORKFLOW_REGISTRY

_EARLIER = 5  # runs that a message may go back to

_router: tuple[tuple[Any, ...], Router] | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What is open in the session of a message, and what was run.

    Args:
        session_id: which, or None for a new one.
        parked: the run that waits for an answer.
        choice: the choice among workflows that is open, as the session's record keeps it.
        earlier: its newest runs as {workflow, values}, where the message may speak of them.
    """

    session_id: str | None = None
    parked: Record | None = None
    choice: Record | None = None
    earlier: tuple[Mapping[str, Any], ...] = ()


def router() -> Router:
    """Returns the router over the installed workflows, rebuilt when the catalogue has changed."""
    global _router
    manifests = plugins().manifests()
    key = tuple(sorted((name, m.version, hash(m.example_queries)) for name, m in manifests.items()))
    if _router is None or _router[0] != key:
        cache = settings.current().home / "cache" / "router.index"
        _router = (key, Router(manifests.values(), cache=cache))
    return _router[1]


def decide(state: OrchestratorState) -> tuple[OrchestratorState, Reply | None]:
    """Decides what a message means.

    Returns:
        What is told of it, with the `task` that runs it; or with the reply, where there is nothing to run.

    Raises:
        InvalidValue: it is empty.
        NotFound: no such session.
        Conflict: it answers a question that is not open any more.
    """
    query = state.get("user_query", "")
    if not isinstance(query, str) or not query.strip():
        raise InvalidValue("the query is empty", hint='ask something, e.g. "profile orders.csv"')
    here = Session()
    if session_id := state.get("session_id"):
        runs = Runs(open_stores())
        said = said_before(runs, session_id, state.get("message_id"))
        if said is not None:
            return {"task": {"do": "attend", "run_id": said.run["run_id"]}}, None
        here = _session(runs, session_id, query)
        _require_open(state.get("answer_to"), here)
    if here.choice is not None and (picked := pick(query, here.choice["workflows"])):
        return _chosen(state, picked, here, here.choice)
    decision = router().route(query)
    told: OrchestratorState = {
        "candidates": [_candidate(c) for c in decision.candidates],
        "confidence": decision.confidence,
    }
    if here.parked is not None and (answered := _answer(state, query, here.parked, decision)):
        return {**told, **answered[0]}, answered[1]
    if decision.outcome == "capabilities":
        return told, replies.capabilities(plugins().manifests().values(), here.parked)
    if decision.outcome == "recall":
        return told, replies.recall(open_stores(), here.session_id, state.get("user_id", "local"), here.parked)
    workflow, values = decision.workflow, dict[str, Any]()
    if decision.confidence < 1 and here.earlier and repeats(query):
        workflow, values = here.earlier[0]["workflow"], dict(here.earlier[0]["values"])
    if workflow is None:
        return told, _undecided(told, decision, here)
    return _run(state, told, workflow, query, here, values)


def _session(runs: Runs, session_id: str, query: str) -> Session:
    record, _token = runs.session(session_id)
    waiting = record.get("questions")
    earlier: tuple[Mapping[str, Any], ...] = ()
    if refers_back(query):
        found = list_runs(runs.stores.records, session_id=session_id, limit=_EARLIER)
        earlier = tuple({"workflow": run["workflow"], "values": run["input"]} for run in found)
    return Session(session_id, runs.get(waiting[-1]) if waiting else None, record.get("choice"), earlier)


def _require_open(seen: Mapping[str, str | None] | None, here: Session) -> None:
    """Raises Conflict when the question that an answer was typed under is not the open one any more."""
    if not seen:
        return
    if seen.get("run_id") is None:
        if here.choice is None or here.choice["id"] != seen["id"]:
            raise Conflict("that choice was made meanwhile", hint=f"dataops sessions show {here.session_id}")
    elif here.parked is None or (here.parked["run_id"], here.parked["question"]["id"]) != (seen["run_id"], seen["id"]):
        raise Conflict(
            f"the question of run {seen['run_id']!r} was answered or cancelled meanwhile",
            hint=f"dataops runs show {seen['run_id']}",
        )


def _undecided(told: OrchestratorState, decision: Decision, here: Session) -> Reply:
    if decision.outcome == "ask":
        return replies.which(decision, plugins().manifests(), here.parked)
    if here.parked is not None:
        # Nothing else fits either: most likely a try to answer.
        told["workflow"] = here.parked["workflow"]
        return replies.not_understood(here.parked, "That is no answer to the question.")
    return replies.none_fits(decision)


def _chosen(
    state: OrchestratorState, picked: Pick, here: Session, choice: Record
) -> tuple[OrchestratorState, Reply | None]:
    """Runs the workflow that was chosen with what the message before asked for."""
    if picked.workflow is None:
        return {}, replies.none_of_these(here.parked)
    stores, number = open_stores(), choice["query_message"]
    query = history.read(stores.records, stores.blobs, str(here.session_id), number).content
    more = {"choice": Choice(choice["id"], number)}
    return _run(state, {}, picked.workflow, query, here, {}, picked.rest, more)


def _answer(
    state: OrchestratorState, query: str, parked: Record, decision: Decision
) -> tuple[OrchestratorState, Reply | None] | None:
    """Returns what a message does to the run that waits for an answer, or None when it is about something else."""
    run_id, question = parked["run_id"], parked["question"]
    told: OrchestratorState = {"workflow": parked["workflow"]}
    if is_cancel(query):
        return {**told, "task": {"do": "cancel", "run_id": run_id}}, None
    manifest = WORKFLOW_REGISTRY.manifest(parked["workflow"])
    lacking = [parameter.name for parameter in manifest.missing(parked["input"])]
    allowed = settings.current().allowed_paths
    try:
        answer = understand(query, question, manifest, decision, lacking=lacking, cwd=Path.cwd(), allowed_paths=allowed)
        if answer is None:
            return None
        check(answer.value, question)
    except InvalidValue as wrong:
        return told, replies.not_understood(parked, f"{wrong.message}{f' ({wrong.hint})' if wrong.hint else ''}.")
    task = {
        "do": "answer",
        "run_id": run_id,
        "value": answer.value,
        "values": dict(answer.values),
        "question_id": question["id"],
        "text": query,
        "message_id": state.get("message_id"),
    }
    return {**told, "task": task}, None


def _run(
    state: OrchestratorState,
    told: OrchestratorState,
    workflow: str,
    query: str,
    here: Session,
    values: dict[str, Any],
    rest: str = "",
    more: Mapping[str, Any] | None = None,
) -> tuple[OrchestratorState, Reply | None]:
    """Returns the task that runs a workflow with the values of a query, of what was said since, and of before."""
    manifest = WORKFLOW_REGISTRY.manifest(workflow)
    told = {**told, "workflow": workflow}
    try:
        found = _found(query, rest, manifest, here)
        checked = validate(
            {**values, **found.values}, manifest, cwd=Path.cwd(), allowed_paths=settings.current().allowed_paths
        )
    except InvalidValue as wrong:
        return told, Reply("needs_input", wrong.message, wrong, here.parked)
    rules = dict.fromkeys(values, "earlier") | {name: source.rule for name, source in found.sources.items()}
    told["values"] = {name: {"value": v, "from": rules.get(name, "default")} for name, v in checked.items()}
    lacking = {parameter.name for parameter in manifest.missing(checked)}
    told["suggestions"] = {
        name: {"value": suggestion.value, "reason": suggestion.reason}
        for name, suggestion in found.suggestions.items()
        if name not in lacking  # those are offered with the question
    }
    names = ("session_id", "message_id")
    task = {
        "do": "run",
        "workflow": workflow,
        "values": checked,
        "query": state["user_query"],
        "note": "; ".join(found.notes),
        "suggested": {name: suggestion.value for name, suggestion in found.suggestions.items()},
        "user_id": state.get("user_id", "local"),
        "parked": here.parked and {"run_id": here.parked["run_id"], "question": here.parked["question"]},
        **{name: state[name] for name in names if state.get(name)},  # type: ignore[literal-required]
        **(more or {}),
    }
    return {**told, "task": task}, None


def _found(query: str, rest: str, manifest: Manifest, here: Session) -> Extraction:
    """Returns what a query gives, and what was said since, which counts more.

    Raises:
        InvalidValue: something was said and not understood, and nothing is asked that could tell it.
    """
    found = extract(query, manifest, cwd=Path.cwd(), earlier=here.earlier)
    if rest:
        since = extract(rest, manifest, cwd=Path.cwd(), earlier=here.earlier)
        found = Extraction(
            {**found.values, **since.values},
            {**found.sources, **since.sources},
            (*found.notes, *since.notes),
            {**found.suggestions, **since.suggestions},
        )
    if found.notes and not manifest.missing(found.values):
        # What was said and not understood is told, never dropped for a default.
        raise InvalidValue("; ".join(found.notes), hint="say it as name=value", details={"workflow": manifest.name})
    return found


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "workflow": candidate.workflow,
        "score": round(candidate.score, 4),
        "example": candidate.example,
        "words": list(candidate.words),
    }


def error_of(reply: Reply) -> dict[str, Any] | None:
    """Returns the error that a reply tells of, as it is shown."""
    error: DataOpsError | None = reply.error
    return error.as_dict() if error else None
