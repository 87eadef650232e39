"""What the graph is given and gives back, and an answer that starts no run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

from dataops_core.contracts.records import Record
from dataops_core.errors import DataOpsError, InvalidValue


class OrchestratorState(TypedDict, total=False):
    """What goes in: `user_query`, and perhaps `session_id`, `user_id`, `message_id`, and `answer_to`: `run_id` and `id`
    of the question that it answers. `seen` is the same of the question that was open as somebody wrote (both None for
    none): the message may be about something else, but it answers no other question. What comes out: the rest.

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
    seen: dict[str, str | None]
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


def require_texts(state: OrchestratorState) -> None:
    """Raises InvalidValue unless what goes in is of the types that it must be, and the query is not empty."""
    given: dict[str, Any] = dict(state)
    query = given.get("user_query", "")
    if not isinstance(query, str):
        raise InvalidValue(f"a query is a text, not {type(query).__name__}")
    if not query.strip():
        raise InvalidValue("the query is empty", hint='ask something, e.g. "profile orders.csv"')
    for name in ("session_id", "user_id", "message_id"):
        if not isinstance(given.get(name, ""), str | None):
            raise InvalidValue(f"{name} is a text, not {type(given[name]).__name__}")
    for name in ("answer_to", "seen"):
        question = given.get(name)
        if question is not None and (
            not isinstance(question, Mapping)
            or set(question) != {"run_id", "id"}
            or not all(isinstance(value, str | None) for value in question.values())
        ):
            raise InvalidValue(f"{name} holds run_id and id of a question, not {question!r:.80}")


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
