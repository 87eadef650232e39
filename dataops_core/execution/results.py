"""What came of a run, for whoever asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dataops_core import history
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.records import Record
from dataops_core.execution.runs import Ending
from dataops_core.storage.opening import Stores


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run. `state` is the graph's final state where it ran in this process, else None."""

    run_id: str
    session_id: str
    workflow: str
    status: str
    answer: str = ""
    artifacts: tuple[str, ...] = ()
    error: Mapping[str, Any] | None = None
    question: Mapping[str, Any] | None = None
    nodes: tuple[Mapping[str, Any], ...] = ()
    duration_ms: float = 0.0
    attempt: int = 1
    state: Any = field(default=None, repr=False)


def result_of(stores: Stores, run: Record, *, state: Any = None, answer: str | None = None) -> RunResult:
    """Returns the result that a run's record tells of; its answer is read back where it is not given."""
    if answer is None:
        number = run.get("answer_message")
        answer = ""
        if number is not None:
            answer = history.read(stores.records, stores.blobs, run["session_id"], number).content
    return RunResult(
        run["run_id"],
        run["session_id"],
        run["workflow"],
        run["status"],
        answer,
        tuple(run.get("artifacts", ())),
        run.get("error"),
        run.get("question"),
        tuple(run.get("nodes", ())),
        run.get("duration_ms", 0.0),
        run["attempt"],
        state,
    )


def command(workflow: str, values: Mapping[str, Any]) -> str:
    """Returns an invocation in the words that would ask for it: `/name key=value ...`."""
    told = [f"{key}={value!r}" if " " in str(value) else f"{key}={value}" for key, value in values.items()]
    return " ".join([f"/{workflow}", *told])


def given_up(run: Record, manifest: Manifest) -> Ending | None:
    """Returns how a run ends that has lost its worker once too often, else None."""
    lost = run.get("lost", 0)
    if lost < manifest.max_attempts and (lost == 0 or manifest.on_worker_loss == "resume"):
        return None
    times = "once" if lost == 1 else f"{lost} times"
    message = f"run {run['run_id']!r} lost its worker {times} and is given up"
    return Ending("error", message, {"code": "run_failed", "message": message, "hint": "look at the worker's log"})
