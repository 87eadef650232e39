"""What a message means: an answer, a choice, a query for a workflow, or none of these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataops_core import history, settings
from dataops_core.contracts.records import Record
from dataops_core.errors import DataOpsError, InvalidValue
from dataops_core.execution.acceptance import Choice, said_before
from dataops_core.execution.questions import check
from dataops_core.execution.runs import Runs
from dataops_core.orchestrator import replies
from dataops_core.orchestrator.situation import Situation, answered_meanwhile, require_open, situation
from dataops_core.orchestrator.state import OrchestratorState, Reply, require_texts
from dataops_core.orchestrator.tasks import run_task
from dataops_core.plugin.manager import plugins
from dataops_core.routing.again import adds, repeats
from dataops_core.routing.answers import is_cancel, is_elsewhere, understand
from dataops_core.routing.choosing import Pick, is_reply, pick
from dataops_core.routing.parameters import extract
from dataops_core.routing.router import Candidate, Decision, Router
from dataops_core.storage.opening import open_stores
from dataops_core.workflow_registry import WORKFLOW_REGISTRY

_router: tuple[tuple[Any, ...], Router] | None = None


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
        InvalidValue: it is empty, or what comes with it is not as `OrchestratorState` says.
        NotFound: no such session.
        Conflict: it answers a question that is not open any more, or its id stands for another text.
    """
    require_texts(state)
    query = state["user_query"]
    here, late = Situation(), None
    if session_id := state.get("session_id"):
        runs = Runs(open_stores())
        # Read before the look for a repeat, which then finds whatever the first call has changed in it.
        here = situation(runs, session_id, query)
        said = said_before(runs, session_id, state.get("message_id"), query)
        if said is not None:
            return {"task": {"do": "attend", "run_id": said.run["run_id"]}}, None
        if is_cancel(query) and (first := _first_reply(runs, session_id, state.get("message_id"), here)):
            return {}, first
        require_open(runs, state.get("answer_to"), here)
        late = answered_meanwhile(runs, state.get("seen"), here)
    if late is None and here.choice is not None and (picked := pick(query, here.choice["workflows"])):
        return _chosen(state, picked, here, here.choice)
    decision = router().route(query)
    if late is not None and not is_elsewhere(query, decision, late.details.get("workflow")):
        raise late
    told: OrchestratorState = {
        "candidates": [_candidate(c) for c in decision.candidates],
        "confidence": decision.confidence,
    }
    if late is None and here.parked is not None and (answered := _answer(state, query, here.parked, decision)):
        return {**told, **answered[0]}, answered[1]
    if decision.outcome == "capabilities":
        return told, replies.capabilities(plugins().manifests().values(), here.parked)
    if decision.outcome == "recall":
        return told, replies.recall(open_stores(), here.session_id, state.get("user_id", "local"), here.parked)
    workflow, values = decision.workflow, dict[str, Any]()
    if _goes_on(query, decision, here):
        workflow, values = here.earlier[0]["workflow"], dict(here.earlier[0]["values"])
    if workflow is None and here.parked is None and is_reply(query):
        return told, replies.nothing_open()
    if workflow is None:
        return told, _undecided(told, decision, here)
    return run_task(state, told, workflow, query, here, values)


def _first_reply(runs: Runs, session_id: str, message_id: str | None, here: Situation) -> Reply | None:
    """Returns what was replied to a message that cancelled no run, when it was said before."""
    stores = runs.stores
    number = None if message_id is None else history.reserved(stores.records, session_id, message_id)
    if number is None:
        return None
    text, nothing = history.read(stores.records, stores.blobs, session_id, number + 1).content, replies.nothing_open()
    return nothing if text == nothing.text else Reply("answered", text, parked=here.parked, workflows=None)


def _goes_on(query: str, decision: Decision, here: Situation) -> bool:
    """Says whether a message wants what was run last, done otherwise."""
    if not here.earlier or decision.confidence == 1:
        return False
    if repeats(query):
        return True
    last = here.earlier[0]["workflow"]
    if decision.outcome == "run" or not adds(query) or last not in plugins().manifests():
        return False
    if decision.candidates and decision.candidates[0].workflow == last:
        return True
    found = extract(query, plugins().manifests()[last], cwd=Path.cwd())
    return bool(found.values or found.suggestions)


def _undecided(told: OrchestratorState, decision: Decision, here: Situation) -> Reply:
    if decision.outcome == "ask":
        return replies.which(decision, plugins().manifests(), here.parked)
    if here.parked is not None:
        # Nothing else fits either: most likely a try to answer.
        told["workflow"] = here.parked["workflow"]
        return replies.not_understood(here.parked, "That is no answer to the question.")
    return replies.none_fits(decision)


def _chosen(
    state: OrchestratorState, picked: Pick, here: Situation, choice: Record
) -> tuple[OrchestratorState, Reply | None]:
    """Runs the workflow that was chosen with what the message before asked for."""
    if picked.workflow is None:
        return {}, replies.none_of_these(here.parked)
    stores, number = open_stores(), choice["query_message"]
    query = history.read(stores.records, stores.blobs, str(here.session_id), number).content
    more = {"choice": Choice(choice["id"], number)}
    return run_task(state, {}, picked.workflow, query, here, {}, picked.rest, more)


def _answer(
    state: OrchestratorState, query: str, parked: Record, decision: Decision
) -> tuple[OrchestratorState, Reply | None] | None:
    """Returns what a message does to the run that waits for an answer, or None when it is about something else."""
    run_id, question = parked["run_id"], parked["question"]
    told: OrchestratorState = {"workflow": parked["workflow"]}
    if is_cancel(query):
        task = {"do": "cancel", "run_id": run_id, "text": query, "message_id": state.get("message_id")}
        return {**told, "task": task}, None
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
