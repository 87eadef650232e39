"""Why a query leads where it does, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataops_core.errors import InvalidValue
from dataops_core.orchestrator.deciding import router
from dataops_core.plugin.manager import plugins
from dataops_core.routing.parameters import extract


def explain(query: str) -> dict[str, Any]:
    """Tells what a query means as the first of a new session, and why. Nothing is run or kept.

    Args:
        query: the words.

    Returns:
        `outcome` (run, ask, none, capabilities, recall), `workflow` (the best one, or None), `confidence`, `reason`,
        `candidates` {workflow, score, example, words}, and for the workflow its parameters' `values` {name, value,
        rule, text, reason}, `suggestions` likewise, `defaults`, `missing` names, and `notes`.

    Raises:
        InvalidValue: the query is no text.
    """
    if not isinstance(query, str):
        raise InvalidValue(f"a query is a text, not {type(query).__name__}")
    decision = router().route(query)
    best = decision.workflow or (decision.candidates[0].workflow if decision.outcome == "ask" else None)
    told: dict[str, Any] = {
        "outcome": decision.outcome,
        "workflow": best,
        "confidence": decision.confidence,
        "reason": decision.reason,
        "candidates": [
            {"workflow": c.workflow, "score": round(c.score, 4), "example": c.example, "words": list(c.words)}
            for c in decision.candidates
        ],
    }
    if best is None:
        return told
    manifest = plugins().manifests()[best]
    found = extract(query, manifest, cwd=Path.cwd())
    told["values"] = [
        {"name": name, "value": value, **_source(query, found.sources[name])} for name, value in found.values.items()
    ]
    told["suggestions"] = [
        {"name": name, "value": made.value, **_source(query, made)} for name, made in found.suggestions.items()
    ]
    told["missing"] = [parameter.name for parameter in manifest.missing(found.values)]
    told["defaults"] = {
        parameter.name: parameter.default
        for parameter in manifest.parameters
        if not parameter.required and parameter.default is not None and parameter.name not in found.values
    }
    told["notes"] = list(found.notes)
    return told


def _source(query: str, source: Any) -> dict[str, Any]:
    return {"rule": source.rule, "text": query[source.start : source.end], "reason": source.reason}
