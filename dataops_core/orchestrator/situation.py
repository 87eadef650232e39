"""What is open in the session of a message, and what was run in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dataops_core.contracts.manifest import Parameter
from dataops_core.contracts.records import Record
from dataops_core.errors import Conflict
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
    earlier = _earlier(runs, session_id) if refers_back(query) else ()
    return Situation(session_id, runs.get(waiting[-1]) if waiting else None, record.get("choice"), earlier)


def _earlier(runs: Runs, session_id: str) -> tuple[Mapping[str, Any], ...]:
    found = list_runs(runs.stores.records, session_id=session_id, limit=_EARLIER)
    return tuple({"workflow": run["workflow"], "values": run["input"]} for run in found)


def require_open(seen: Mapping[str, str | None] | None, here: Situation) -> None:
    """Raises Conflict when the question that an answer was typed under is not the open one any more."""
    if not seen:
        return
    if seen["run_id"] is None:
        if here.choice is None or here.choice["id"] != seen["id"]:
            raise Conflict(
                "that choice is not open any more: it was made, or something else was said since",
                hint="ask again what you asked before",
            )
    elif here.parked is None or (here.parked["run_id"], here.parked["question"]["id"]) != (
        seen["run_id"],
        seen["id"],
    ):
        raise Conflict(
            f"the question of run {seen['run_id']!r} was answered or cancelled meanwhile",
            hint=f"dataops runs show {seen['run_id']}",
        )


def answered_meanwhile(seen: Mapping[str, str | None] | None, here: Situation) -> Conflict | None:
    """Returns the error for an answer, when what is open now is not what was open as the message was written.

    Args:
        seen: `run_id` and `id` of the question that was open then, both None for none; None when nobody looked.
        here: what is open now.
    """
    if seen is None or open_question(here) in (None, dict(seen)):
        return None
    return Conflict(
        "another question is asked here meanwhile, and this message was written before it; it was not kept",
        hint=f"dataops sessions show {here.session_id}, and say it again",
    )


def open_question(here: Situation) -> dict[str, str | None] | None:
    """Returns `run_id` and `id` of the question that the next message answers, or None; a choice is asked last."""
    if here.choice is not None:
        return {"run_id": None, "id": here.choice["id"]}
    if here.parked is not None:
        return {"run_id": here.parked["run_id"], "id": here.parked["question"]["id"]}
    return None


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
