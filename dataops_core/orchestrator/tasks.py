"""The task that runs a workflow: its values, from the query, from what was said since, and from before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dataops_core import settings
from dataops_core.contracts.manifest import Manifest
from dataops_core.errors import InvalidValue
from dataops_core.execution.runs import Runs
from dataops_core.orchestrator.situation import Situation, last_files
from dataops_core.orchestrator.state import OrchestratorState, Reply
from dataops_core.routing.parameters import Extraction, extract, validate
from dataops_core.storage.opening import open_stores
from dataops_core.workflow_registry import WORKFLOW_REGISTRY


def run_task(
    state: OrchestratorState,
    told: OrchestratorState,
    workflow: str,
    query: str,
    here: Situation,
    values: dict[str, Any],
    rest: str = "",
    more: Mapping[str, Any] | None = None,
) -> tuple[OrchestratorState, Reply | None]:
    """Returns the task that runs a workflow with the values of a query, of what was said since, and of before."""
    manifest = WORKFLOW_REGISTRY.manifest(workflow)
    told = {**told, "workflow": workflow}
    try:
        found = _found(query, rest, manifest, here, values)
        # Who goes on from a run and says nothing clear means the little that there is; the answer tells it.
        meant = {name: s.value for name, s in found.suggestions.items()} if values and not found.values else {}
        checked = validate(
            {**values, **meant, **found.values},
            manifest,
            cwd=Path.cwd(),
            allowed_paths=settings.current().allowed_paths,
        )
    except InvalidValue as wrong:
        return told, Reply("needs_input", wrong.message, wrong, here.parked)
    rules = (
        dict.fromkeys(values, "earlier")
        | dict.fromkeys(meant, "understood")
        | {name: source.rule for name, source in found.sources.items()}
    )
    told["values"] = {name: {"value": v, "from": rules.get(name, "default")} for name, v in checked.items()}
    lacking = {parameter.name: parameter for parameter in manifest.missing(checked)}
    suggested = {name: suggestion.value for name, suggestion in found.suggestions.items()}
    if lacking and here.session_id:
        suggested = {**last_files(Runs(open_stores()), here, lacking.values()), **suggested}
    told["suggestions"] = {
        name: {"value": suggestion.value, "reason": suggestion.reason}
        for name, suggestion in found.suggestions.items()
        if name not in lacking and name not in meant  # those are offered with the question
    }
    names = ("session_id", "message_id")
    task = {
        "do": "run",
        "workflow": workflow,
        "values": checked,
        "query": state["user_query"],
        "note": "; ".join(found.notes),
        "suggested": suggested,
        "user_id": state.get("user_id", "local"),
        "parked": here.parked and {"run_id": here.parked["run_id"], "question": here.parked["question"]},
        **{name: state[name] for name in names if state.get(name)},  # type: ignore[literal-required]
        **(more or {}),
    }
    return {**told, "task": task}, None


def _found(query: str, rest: str, manifest: Manifest, here: Situation, before: Mapping[str, Any]) -> Extraction:
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
    if found.notes and not manifest.missing({**before, **found.values}):
        # What was said and not understood is told, never dropped for a default.
        raise InvalidValue("; ".join(found.notes), hint="say it as name=value", details={"workflow": manifest.name})
    return found
