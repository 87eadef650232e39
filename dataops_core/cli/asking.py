"""A conversation on a terminal: what a run asks is asked at once, and the answer goes on with it."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import click

from dataops_core.cli.executing import executing, tell
from dataops_core.cli.invocation import Invocation, is_terminal
from dataops_core.cli.progress import Progress
from dataops_core.cli.text import line

#: What an outcome is that waits for somebody to answer.
ASKS: Final = ("interrupted", "undecided")


def converses(call: Invocation) -> bool:
    """Says whether somebody sits at both ends, and waits for no JSON."""
    return not call.json and is_terminal(sys.stdin) and is_terminal(sys.stderr)


def prompted(question: str, suggestion: Any = None) -> str:
    """Returns what is typed in answer to a question, on standard error; nothing typed is the suggestion.

    Raises:
        click.Abort: the input ended, or Ctrl-C.
    """
    default = None if suggestion is None else suggestion if isinstance(suggestion, str) else json.dumps(suggestion)
    return str(click.prompt("\n".join(map(line, question.split("\n"))), default=default, err=True, prompt_suffix=" "))


def open_in(call: Invocation, session_id: str) -> dict[str, str | None]:
    """Returns the question that is open in a session, as the orchestrator takes what somebody saw."""
    from dataops_core.storage import schema

    stored = call.stores.records.get(schema.SESSIONS, session_id)
    session = {} if stored is None else stored.record
    if choice := session.get("choice"):
        return {"run_id": None, "id": choice["id"]}
    if waiting := session.get("questions"):
        run = call.stores.records.get(schema.RUNS, waiting[-1])
        if run is not None and "question" in run.record:
            return {"run_id": waiting[-1], "id": run.record["question"]["id"]}
    return {"run_id": None, "id": None}


def asked_of(call: Invocation, asked: dict[str, Any], *, traced: bool) -> tuple[dict[str, Any], Progress]:
    """Asks DataOps, and returns the outcome as `tell` takes it, with what was seen of the run.

    Args:
        call: the invocation.
        asked: the orchestrator's input.
        traced: whether the nodes are shown as a tree in the end.
    """
    with executing(call, traced=traced) as progress:
        from dataops_core.orchestrator import listening, orchestrator_graph

        with listening(progress):
            state = orchestrator_graph.invoke(asked)
    outcome = {
        "workflow": state.get("workflow"),
        "run_id": state.get("run_id"),
        "session_id": state.get("session_id"),
        "status": state["status"],
        "answer": state["final_response"],
        "artifacts": list(state.get("artifacts") or ()),
        "question": state.get("question"),
        "confidence": state.get("confidence"),
        "candidates": list(state.get("candidates") or ()),
        "values": state.get("values") or {},
        "suggestions": state.get("suggestions") or {},
        "error": state.get("error"),
    }
    return outcome, progress


def go_on(call: Invocation, outcome: dict[str, Any], progress: Progress, *, traced: bool) -> None:
    """Tells an outcome; on a terminal the questions that it asks are asked first, until there are none."""
    while outcome["status"] in ASKS and converses(call):
        question = outcome["question"]
        try:
            text = prompted(outcome["answer"] or question["prompt"], question["suggestion"])
        except click.Abort:
            call.say("")
            break
        asked = {
            "user_query": text,
            "user_id": call.settings.user,
            "session_id": outcome["session_id"],
            "answer_to": {"run_id": question["run_id"], "id": question["id"]},
        }
        told, progress = asked_of(call, asked, traced=traced)
        outcome = {**outcome, **told}
    tell(call, outcome, progress.nodes, traced=traced)
