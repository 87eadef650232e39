"""`dataops runs`: what was run, what is unfinished, and going on with it."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from dataops_core.cli.commands import Group, completes
from dataops_core.cli.ids import run_of, session_of
from dataops_core.cli.invocation import Invocation, width
from dataops_core.cli.text import duration, moment, table
from dataops_core.errors import InvalidValue, nearest

if TYPE_CHECKING:
    from dataops_core.contracts.records import Record
    from dataops_core.execution.runs import Runs

_SHOWN = (
    "run_id", "session_id", "workflow", "version", "status", "attempt", "input", "created_at", "started_at",
    "finished_at", "duration_ms", "artifacts", "nodes", "question", "error",
)  # fmt: skip


@click.group(cls=Group)
def runs() -> None:
    """List, show, resume and cancel runs."""


@runs.command("list")
@click.option("-s", "--session", metavar="ID", help="Only runs of this session.", shell_complete=completes("sessions"))
@click.option("--status", metavar="STATUS", help="Only runs with this status.", shell_complete=completes("statuses"))
@click.option(
    "--open",
    "is_open",
    is_flag=True,
    help="Only unfinished runs, the oldest first.",
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most this many.")
@click.pass_obj
def list_(call: Invocation, session: str | None, status: str | None, is_open: bool, limit: int) -> None:
    """List runs, the newest first."""
    from dataops_core.execution.runs import STATUSES, Runs

    if status is not None and status not in STATUSES:
        hint = nearest(status, STATUSES) or f"one of {', '.join(STATUSES)}"
        raise InvalidValue(f"--status: {status!r:.40} is no status of a run", hint=hint)
    session_id = None if session is None else session_of(call, session)
    runs_ = Runs(call.stores)
    found = _every(runs_, session_id, status, is_open)
    choose = heapq.nsmallest if is_open else heapq.nlargest  # without a session the store promises no order
    chosen = choose(limit + 1, found, key=lambda run: (run["created_at"], run["run_id"]))
    shown = [(r, runs_.worker_gone(r)) for r in chosen[:limit]]
    rows = [
        (r["run_id"], r["workflow"], _status(r, gone), moment(r["created_at"]), _took(r), len(r.get("artifacts", ())))
        for r, gone in shown
    ]
    header = ("RUN", "WORKFLOW", "STATUS", "CREATED", "TOOK", "ARTIFACTS")
    told = [
        {name: value for name, value in _facts(r, gone).items() if name not in ("input", "nodes")} for r, gone in shown
    ]
    call.answer({"runs": told, "more": len(chosen) > limit}, table(header, rows, width=width()) if rows else ())
    if len(chosen) > limit:
        call.note(f"only {limit} are shown; --limit shows more")
    elif not chosen:
        call.note("no runs")


@runs.command("show")
@click.argument("run", shell_complete=completes("runs"))
@click.pass_obj
def show(call: Invocation, run: str) -> None:
    """Show a run: its values, its nodes, what it kept and how it ended."""
    from dataops_core.execution.runs import Runs

    runs_ = Runs(call.stores)
    record = runs_.get(run_of(call, run))
    gone = runs_.worker_gone(record)
    answer = runs_.way_to_answer(record) if record["status"] == "interrupted" else ""
    call.answer({"run": _facts(record, gone)}, _page(record, gone, answer))


@runs.command("resume")
@click.argument("run", required=False, shell_complete=completes("runs"))
@click.option("--force", is_flag=True, help="Take it over from a worker that is still at it.")
@click.option("--trace", "traced", is_flag=True, help="Show each node with its time and artifacts.")
@click.pass_obj
def resume(call: Invocation, run: str | None, force: bool, traced: bool) -> None:
    """Go on with an unfinished run from its first unfinished step; without RUN, with every one whose worker is gone."""
    from dataops_core.cli.executing import executing, outcome_of, tell

    if run is None and force:
        raise InvalidValue("--force needs the run that it takes over", hint="dataops runs list --open")
    run_id = None if run is None else run_of(call, run)
    with executing(call, traced=traced) as progress:
        from dataops_core.execution.runner import Runner

        runner = Runner(call.stores, listener=progress)
        results = runner.resume_open() if run_id is None else [runner.resume(run_id, force=force)]
    outcomes = [outcome_of(result) for result in results]
    if run_id is not None:
        tell(call, outcomes[0], progress.nodes, traced=traced)
        return
    header = ("RUN", "WORKFLOW", "STATUS", "ANSWER")
    rows = [(o["run_id"], o["workflow"], o["status"], o["answer"].partition("\n")[0]) for o in outcomes]
    held = [r["run_id"] for r in _every(runner.runs, None, None, is_open=True) if r["open"] == "run"]
    call.answer({"runs": outcomes, "held": held}, table(header, rows, width=width()) if rows else ())
    for other in held:
        call.note(f"run {other} has a worker; if that is dead: dataops runs resume {other} --force")
    if not rows and not held:
        call.note("nothing to resume")
    elif any(o["status"] not in ("success", "interrupted") for o in outcomes):
        call.status = 1


@runs.command("cancel")
@click.argument("run", shell_complete=completes("runs"))
@click.pass_obj
def cancel(call: Invocation, run: str) -> None:
    """Cancel an unfinished run: nothing more of it is kept, and the next in its session goes on.

    Its worker stops at its next step. What a node does outside DataOps meanwhile is not undone.
    """
    from dataops_core.execution.runner import Runner

    result = Runner(call.stores).cancel(run_of(call, run))
    call.answer({"run_id": result.run_id, "status": result.status}, [f"{result.run_id} is cancelled"])


def _every(runs: Runs, session_id: str | None, status: str | None, is_open: bool) -> Iterator[Record]:
    for kind in ("run", "question") if is_open else (None,):
        cursor: str | None = None
        while True:
            page = runs.list(session_id=session_id, status=status, open=kind, limit=500, cursor=cursor)
            yield from page
            if (cursor := page.cursor) is None:
                break


def _facts(run: Record, gone: bool) -> dict[str, Any]:
    facts = {name: run.get(name) for name in _SHOWN}
    # A run that started when it was accepted has no other start.
    facts["started_at"] = run.get("started_at") or (run["created_at"] if run["attempt"] else None)
    return {**facts, "worker_gone": gone}


def _status(run: Record, gone: bool) -> str:
    return f"{run['status']}, no worker" if gone else str(run["status"])


def _took(run: Record) -> str | None:
    return duration(run["duration_ms"]) if run.get("duration_ms") is not None else None


def _page(run: Record, gone: bool, answer: str) -> Iterator[str]:
    facts: dict[str, Any] = {
        "run": run["run_id"],
        "workflow": f"{run['workflow']} {run['version']}",
        "session": run["session_id"],
        "status": _status(run, gone),
        "attempt": run["attempt"],
        "created": moment(run["created_at"]),
        "started": moment(run.get("started_at")),
        "finished": moment(run.get("finished_at")),
        "took": _took(run),
    }
    yield from (f"{name:<9} {value}" for name, value in facts.items() if value)
    if gone:
        yield f"{'try':<9} dataops runs resume {run['run_id']}"
    if question := run.get("question"):
        yield f"{'asks':<9} {question['prompt']}"
        yield f"{'try':<9} {answer}"
    if error := run.get("error"):
        yield f"{'error':<9} {error['message']}"
        if error.get("hint"):
            yield f"{'try':<9} {error['hint']}"
    if run.get("input"):
        told = ((name, json.dumps(value, ensure_ascii=False)) for name, value in run["input"].items())
        yield from ("", *table(("VALUE OF", "IS"), told, width=width()))
    if run.get("nodes"):
        rows = ((n["step"], n["node"], duration(n["ms"]), n.get("error") or "") for n in run["nodes"])
        yield from ("", *table(("STEP", "NODE", "TOOK", "ERROR"), rows, width=width()))
    if run.get("artifacts"):
        yield from ("", "ARTIFACTS", *run["artifacts"])
