"""The words of answers that start no run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dataops_core import history
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.records import Record
from dataops_core.errors import NoMatch
from dataops_core.execution.run_records import FINAL, list_runs
from dataops_core.orchestrator.state import Reply
from dataops_core.routing.router import Decision
from dataops_core.session_manager import SessionManager
from dataops_core.storage.opening import Stores

_SESSIONS = 10  # of a user that are looked through for what was found last time
_NEAR = 0.2  # a candidate of less than this share of the best score is not offered


def capabilities(manifests: Iterable[Manifest], parked: Record | None) -> Reply:
    """Tells what the installed workflows can do, a line each."""
    known = sorted(manifests, key=lambda manifest: str(manifest.name))
    if not known:
        text = "No workflow is installed yet. Install one with pip, e.g. dataops-data-profiler."
    else:
        examples = [manifest.example_queries[0] for manifest in known if manifest.example_queries][:3]
        lines = [f"- {manifest.name}: {manifest.description}" for manifest in known]
        text = "\n".join(["I can run these workflows:", *lines, *(f'Try: "{example}"' for example in examples)])
    return Reply("answered", text, parked=parked, workflows=None)


def none_fits(decision: Decision) -> Reply:
    """Says that no workflow does what is asked, and names the nearest."""
    nearest = ", ".join(candidate.workflow for candidate in decision.candidates)
    told = f"The nearest are: {nearest}" if nearest else decision.reason.capitalize()
    hint = "say what you want in other words, or name one: /NAME ...; dataops list shows what they do"
    error = NoMatch(f"None of the installed workflows does that. {told}.", hint=hint)
    return Reply("no_match", error.message, error)


def nothing_open() -> Reply:
    """Says that an answer answers nothing."""
    error = NoMatch(
        "No question is open here, so there is nothing to answer or cancel.",
        hint="ask again what you want; dataops runs list --open shows what is unfinished",
    )
    return Reply("no_match", error.message, error)


def which(decision: Decision, manifests: Mapping[str, Manifest], parked: Record | None) -> Reply:
    """Asks which of the nearest workflows is meant."""
    least = _NEAR * decision.candidates[0].score
    near = [manifests[c.workflow] for c in decision.candidates if c.score >= least]
    if len(near) == 1:
        text = f"Do you mean {near[0].name}: {near[0].description.rstrip('.')}? (yes or no)"
    else:
        lines = [f"{number}. {m.name}: {m.description}" for number, m in enumerate(near, 1)]
        text = "\n".join(["Which of these do you mean?", *lines, "Answer with a number or a name, or with none."])
    return Reply("undecided", text, parked=parked, workflows=tuple(str(manifest.name) for manifest in near))


def none_of_these(parked: Record | None) -> Reply:
    """Says what to do when none of the workflows is meant that were offered."""
    return Reply("answered", 'Then say it in other words, or ask "what can you do?".', parked=parked)


def not_understood(parked: Record, why: str) -> Reply:
    """Says why a message is no answer, and asks again."""
    return Reply("interrupted", f"{why} {parked['question']['prompt']}", None, parked, workflows=None)


def recall(stores: Stores, session_id: str | None, user_id: str, parked: Record | None) -> Reply:
    """Tells what the last run of a session has found; without a session, of the user's newest one that has a run."""
    manager = SessionManager(stores)
    sessions = (
        [session_id]
        if session_id
        else [s.session_id for s in manager.list_sessions(user_id, status="active", limit=_SESSIONS)]
    )
    for known in sessions:
        run = next((run for run in _newest(stores, known) if run["status"] in FINAL), None)
        if run is not None:
            at = f"{str(run['finished_at'])[:16].replace('T', ' ')} UTC"
            told = history.read(stores.records, stores.blobs, known, run["answer_message"]).content
            asked = history.read(stores.records, stores.blobs, known, run["query_message"]).content
            text = f'{run["workflow"]} on "{" ".join(asked.split())[:200]}" ({run["status"]}, {at}):\n{told}'
            return Reply("answered", text, None, parked, None, tuple(run.get("artifacts", ())))
    return Reply("answered", "Nothing has been run yet.", parked=parked, workflows=None)


def _newest(stores: Stores, session_id: str) -> Sequence[Record]:
    return list_runs(stores.records, session_id=session_id, limit=20)
