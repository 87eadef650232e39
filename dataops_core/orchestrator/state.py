"""What the graph is given and gives back, and an answer that starts no run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

from dataops_core.contracts.records import Record
from dataops_core.errors import DataOpsError


class OrchestratorState(TypedDict, total=False):
    """What goes in: `user_query`, and perhaps `session_id`, `user_id`, `message_id`, and `answer_to`: `run_id` and `id`
    of the question that somebody saw as they wrote. What comes out: the rest.

    `status` is the run's (`interrupted`: it asks `question`, which names its `run_id`), or `undecided` (the `question`
    asks which workflow is meant), `answered` (a question about DataOps itself), `no_match`, or `needs_input` (a value
    that was given is wrong). A question of an earlier run that is still open comes with the answer of a later one.
    `confidence` is the router's, `values` tells where each value of a new run comes from, and `suggestions` what may
    have been meant for others and was not used.
    """

    user_query: str
    session_id: str
    user_id: str
    message_id: str
    answer_to: dict[str, str | None]
    workflow: str
    confidence: float
    values: dict[str, dict[str, Any]]
    suggestions: dict[str, dict[str, Any]]
    task: dict[str, Any]
    final_response: str
    run_id: str | None
    status: str
    question: dict[str, Any] | None
    artifacts: list[str]
    candidates: list[dict[str, Any]]
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that starts no run.

    Args:
        status: as in the state.
        text: what is said.
        error: the error that it tells of.
        parked: the run whose question is open.
        workflows: those that the answer lets choose from; none ends an open choice, None leaves it open.
        artifacts: ids of the artifacts that it tells of.
    """

    status: str
    text: str
    error: DataOpsError | None = None
    parked: Record | None = None
    workflows: tuple[str, ...] | None = ()
    artifacts: tuple[str, ...] = ()
