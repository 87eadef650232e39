"""Around everything that runs a workflow: logs, progress, Ctrl-C; and how its outcome is told."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from dataops_core.artifact import Artifact
from dataops_core.cli import signals
from dataops_core.cli.invocation import Interrupted, Invocation
from dataops_core.cli.progress import Node, Progress, trace, wanted
from dataops_core.cli.text import size
from dataops_core.errors import Conflict, DataOpsError, NotFound

if TYPE_CHECKING:
    from dataops_core.execution.runner import RunResult


@contextmanager
def executing(call: Invocation, *, traced: bool) -> Iterator[Progress]:
    """Runs a block that executes workflows; yields the listener for their events.

    Raises:
        Interrupted: Ctrl-C or SIGTERM came; it names the run that is kept.
    """
    from dataops_core import logs
    from dataops_core.execution.scope import Drained, draining

    logs.configure(call.settings, "WARNING", tracebacks=call.debug)
    progress = Progress(live=wanted(call.quiet), finals=not traced)
    try:
        with signals.drained_by(draining.set), stdout_on_stderr(), progress:
            yield progress
    except (KeyboardInterrupt, Drained):
        raise _kept(progress) from None
    except DataOpsError as error:  # a store that went away, say
        if progress.run_id is not None and not progress.over and not isinstance(error, NotFound | Conflict):
            error.hint = f"{error.hint}\nthen go on with: dataops runs resume {progress.run_id}".strip()
        raise
    finally:
        for warning in call.plugins.warnings:
            call.warn(warning)


def tell(call: Invocation, outcome: dict[str, Any], nodes: Sequence[Node], *, traced: bool) -> None:
    """Prints the outcome of a run: the answer to stdout, what was kept and where to stderr.

    Args:
        call: the invocation.
        outcome: `workflow`, `run_id`, `session_id`, `status`, `answer`, `artifacts` (ids), `question`, `error`.
        nodes: that ran in this process.
        traced: whether to print the tree of nodes.
    """
    artifacts = [_facts(a) for a in _kept_artifacts(call, outcome["artifacts"])]
    error = outcome["error"] or _asked(outcome)
    if error is not None and not error.get("hint") and outcome["run_id"]:
        error = {**error, "hint": f"dataops runs show {outcome['run_id']}"}
    told = {
        **outcome,
        "artifacts": artifacts,
        "nodes": [{"node": n.name, "step": n.step, "ms": n.ms, "error": n.error} for n in nodes],
        "error": error,
    }
    if traced and outcome["run_id"] is not None:
        for text in trace(outcome["workflow"], outcome["status"], nodes, artifacts):
            call.say(text)
    if error is not None:
        call.failed(error, told)
    else:
        call.answer(told, [outcome["answer"]])
    if outcome["status"] not in ("interrupted", "undecided"):
        for note in (taken(outcome.get("values") or {}), perhaps(outcome.get("suggestions") or {})):
            if note:
                call.note(note)
    for a in artifacts:
        version = f" v{a['version']}" if (a["version"] or 1) > 1 else ""
        call.note(f"artifact {a['name'] or a['artifact_type']}{version}  {size(a['size_bytes'])}  {a['artifact_id']}")
    for a in artifacts[:1]:
        call.note(f"dataops artifacts get {a['artifact_id']} writes {a['name'] or 'it'} to a file")
    if outcome["session_id"]:
        call.note(f"session {outcome['session_id']}")
    parked = outcome["question"]
    if parked and outcome["status"] not in ("interrupted", "undecided"):
        call.note(f"still open: {parked['prompt']}")


def taken(values: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns what a run took that its query did not state in so many words: defaults, and what is from before."""
    told = {"default": "by default", "earlier": "as before", "understood": "as it was understood"}
    return ", ".join(
        f"{name}={json.dumps(given['value'], ensure_ascii=False)} {told[given['from']]}"
        for name, given in values.items()
        if given["from"] in told
    )


def perhaps(suggestions: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns how to say what a query may have meant and did not clearly say."""
    told = [f"{name}={json.dumps(made['value'], ensure_ascii=False)}" for name, made in suggestions.items()]
    return f"not used, since it is not clear: {', '.join(told)}; say so with: again with {told[0]}" if told else ""


def outcome_of(result: RunResult) -> dict[str, Any]:
    """Returns a run's result as `tell` takes it."""
    return {
        "workflow": result.workflow,
        "run_id": result.run_id,
        "session_id": result.session_id,
        "status": result.status,
        "answer": result.answer,
        "artifacts": list(result.artifacts),
        "question": dict(result.question) if result.question else None,
        "attempt": result.attempt,
        "duration_ms": result.duration_ms,
        "error": dict(result.error) if result.error else None,
    }


def _asked(outcome: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the error that a question is when nobody is there to answer, and that a cancelled run is."""
    if outcome["status"] == "cancelled":
        return {"code": "cancelled", "message": f"run {outcome['run_id']!r} was cancelled", "hint": ""}
    if outcome["status"] not in ("interrupted", "undecided"):
        return None
    question = outcome["question"] or {}
    if outcome["status"] == "undecided":
        *offered, _none = question["schema"]["enum"]
        message = f"do you mean {' or '.join(offered)}?"
    else:
        message = f"{outcome['workflow']} asks: {outcome['answer'] or question.get('prompt')}"
        if (suggestion := question.get("suggestion")) is not None:
            message += f" Perhaps {json.dumps(suggestion, ensure_ascii=False)}: yes takes it"
    return {
        "code": "question",
        "message": message,
        "hint": f'answer with: dataops ask --session {outcome["session_id"]} "..."',
    }


def _kept(progress: Progress) -> Interrupted:
    if progress.run_id is None:
        return Interrupted("interrupted", hint="dataops runs list --open shows what is unfinished")
    if progress.over:
        return Interrupted(
            f"interrupted; run {progress.run_id} is over",
            hint=f"dataops runs show {progress.run_id}",
            details={"run_id": progress.run_id, "session_id": progress.session_id},
        )
    return Interrupted(
        f"interrupted; run {progress.run_id} is kept",
        hint=f"go on with: dataops runs resume {progress.run_id}",
        details={"run_id": progress.run_id, "session_id": progress.session_id},
    )


def _kept_artifacts(call: Invocation, ids: Sequence[str]) -> Iterator[Artifact]:
    if not ids:
        return
    from dataops_core.artifact_store import ArtifactStore

    store = ArtifactStore(call.stores)
    for artifact_id in ids:
        with suppress(NotFound):  # its time to live may be over already
            yield store.get_artifact(artifact_id)


def _facts(artifact: Artifact) -> dict[str, Any]:
    names = ("artifact_id", "name", "version", "artifact_type", "content_type", "size_bytes", "node")
    return {name: getattr(artifact, name) for name in names}


@contextmanager
def stdout_on_stderr() -> Iterator[None]:
    """Whatever prints meanwhile, subprocesses of nodes too, cannot get into the answer."""
    with contextlib.ExitStack() as stack:
        if sys.stdout is not None:
            sys.stdout.flush()
        with suppress(OSError):  # either may be closed
            os.fstat(2)
            saved = os.dup(1)
            stack.callback(os.close, saved)
            stack.callback(os.dup2, saved, 1)
            os.dup2(2, 1)
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield
