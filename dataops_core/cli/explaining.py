"""`dataops ask --explain`: what a query leads to, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dataops_core.cli.invocation import Invocation

_OUTCOMES = {
    "run": "runs {workflow}",
    "ask": "asks which workflow is meant, most likely {workflow}",
    "none": "none of the installed workflows does that",
    "capabilities": "tells what the installed workflows can do",
    "recall": "tells what was found last time",
}


def tell_why(call: Invocation, query: str) -> None:
    """Prints what a query would lead to. Nothing is run or kept."""
    from dataops_core.orchestrator.explaining import explain

    told = explain(query)
    call.answer({"query": query, **told}, _lines(told))


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    sure = f" (confidence {told['confidence']:.2f})" if told["candidates"] else ""
    yield _OUTCOMES[told["outcome"]].format(workflow=told["workflow"]) + sure
    yield f"  because {told['reason']}"
    for rank, candidate in enumerate(told["candidates"][1:], 2):
        knows = f", knows {', '.join(candidate['words'])}" if candidate["words"] else ""
        yield f"  {rank}. {candidate['workflow']} {candidate['score']:.2f}{knows}"
    for value in told.get("values", ()):
        yield f"  {value['name']}={_shown(value['value'])}  from {value['text']!r} ({_why(value)})"
    for value in told.get("suggestions", ()):
        yield f"  {value['name']}? asked, suggesting {_shown(value['value'])}  from {value['text']!r} ({_why(value)})"
    suggested = {value["name"] for value in told.get("suggestions", ())}
    for name in told.get("missing", ()):
        if name not in suggested:
            yield f"  {name}? asked"
    for name, value in told.get("defaults", {}).items():
        yield f"  {name}={_shown(value)}  by default"
    for note in told.get("notes", ()):
        yield f"  note: {note}"


def _why(value: Mapping[str, Any]) -> str:
    return f"{value['rule']}: {value['reason']}" if value["reason"] else str(value["rule"])


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:200]
