"""What is open in the session of a message, and what was run in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dataops_core import history
from dataops_core.contracts.manifest import Parameter
from dataops_core.contracts.records import Record
from dataops_core.errors import Conflict, NotFound
from dataops_core.execution.run_records import list_runs
from dataops_core.execution.runs import Runs
from dataops_core.plugin.manager import plugins
from dataops_core.routing.again import refers_back

_EARLIER = 5  # runs that a message may go back to


@dataclass(frozen=True, slots=True)
class Situation:
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


def situation(runs: Runs, session_id: str, query: str) -> Situation:
    """Returns the situation in which a message is said; raises NotFound."""
    record, _token = runs.session(session_id)
    waiting = record.get("questions")
    parked = runs.get(waiting[-1]) if waiting else None
    if parked is not None and "question" not in parked:  # it was answered between the two reads
        parked = None
    earlier = _earlier(runs, session_id) if refers_back(query) else ()
    return Situation(session_id, parked, record.get("choice"), earlier)


def _earlier(runs: Runs, session_id: str) -> tuple[Mapping[str, Any], ...]:
    found = list_runs(runs.stores.records, session_id=session_id, limit=_EARLIER)
    return tuple({"workflow": run["workflow"], "values": run["input"]} for run in found)


def require_open(runs: Runs, seen: Mapping[str, str | None] | None, here: Situation) -> None:
    """Raises Conflict when the question that an answer was typed under is not the open one any more."""
    if not seen:
        return
    is_choice = seen["run_id"] is None
    if dict(seen) != (open_question(here) if is_choice else _asked(here.parked)):
        raise _closed(runs, seen, here)


def answered_meanwhile(runs: Runs, seen: Mapping[str, str | None] | None, here: Situation) -> Conflict | None:
    """Returns the error for an answer, when what is open now is not what was open as the message was written.

    Args:
        runs: where they are kept.
        seen: `run_id` and `id` of the question that was open then, both None for none; None when nobody looked.
        here: what is open now.

    Returns:
        The error, whose details name the `workflow` that asked; or None when nothing has changed.
    """
    return None if seen is None or dict(seen) == open_question(here) else _closed(runs, seen, here)


def open_question(here: Situation) -> dict[str, str | None]:
    """Returns `run_id` and `id` of the question that the next message answers, both None when nothing is asked."""
    return {"run_id": None, "id": here.choice["id"]} if here.choice is not None else _asked(here.parked)


def _asked(parked: Record | None) -> dict[str, str | None]:
    if parked is None:
        return {"run_id": None, "id": None}
    return {"run_id": parked["run_id"], "id": parked["question"]["id"]}


def _closed(runs: Runs, seen: Mapping[str, str | None], here: Situation) -> Conflict:
    """Returns the error that says what became of a question, and what is asked now."""
    run_id, asker = seen["run_id"], _asker(runs, seen, here)
    if asker is not None:
        what = f"the question of {asker['workflow']} {_end(runs, asker, seen['id'])}"
    elif run_id is not None:
        what = f"run {run_id!r:.80} asks nothing here"
    elif seen["id"] is not None:
        what = "that choice is not open any more: it was made, or something else was said since"
    else:
        what = "another question is asked here meanwhile, and this message was written before it"
    now = ""
    if here.choice is not None:
        now = ". It is asked now which workflow is meant"
    elif here.parked is not None:
        now = f". {here.parked['workflow']} asks now: {here.parked['question']['prompt']}"
    hint = f"dataops sessions show {here.session_id}, and say it again if it is still meant"
    if run_id is None and seen["id"] is not None:
        hint = "ask again what you asked before"
    details = {} if asker is None else {"workflow": asker["workflow"]}
    return Conflict(f"{what}; this message was not kept{now}", hint=hint, details=details)


def _asker(runs: Runs, seen: Mapping[str, str | None], here: Situation) -> Record | None:
    """Returns the run of this session whose question somebody saw."""
    run_id = seen["run_id"]
    if run_id is None or not run_id.startswith(f"{here.session_id}."):  # another session's answers are not told here
        return None
    with suppress(NotFound):
        return runs.get(run_id)
    return None


def _end(runs: Runs, run: Record, question_id: str | None) -> str:
    number = next((given["message"] for given in run.get("answers", ()) if given["question"] == question_id), None)
    if number is not None:
        said = history.read(runs.stores.records, runs.stores.blobs, run["session_id"], number).content
        return f"was answered meanwhile with {' '.join(said.split())!r:.80}"
    return "was cancelled meanwhile" if run["status"] == "cancelled" else "is not open any more"


def last_files(runs: Runs, here: Situation, lacking: Iterable[Parameter]) -> dict[str, Any]:
    """Returns files that the session used last: whatever lacks one may well mean the same."""
    earlier = here.earlier or _earlier(runs, str(here.session_id))
    manifests = plugins().manifests()
    used = [
        values["values"][parameter.name]
        for values in earlier
        if values["workflow"] in manifests
        for parameter in manifests[values["workflow"]].parameters
        if parameter.type == "file_path" and values["values"].get(parameter.name)
    ]
    return {parameter.name: used[0] for parameter in lacking if parameter.type == "file_path" and used}
