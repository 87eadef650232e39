"""Events: what happens, told to whoever listens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

#: Kept with the commit that they belong to; the other types are only announced.
KEPT: Final = frozenset(
    {
        "run.accepted",
        "run.started",
        "run.interrupted",
        "run.resumed",
        "run.finished",
        "node.finished",
        "node.failed",
        "artifact.stored",
    }
)
TYPES: Final = KEPT | {
    "node.started",
    "node.skipped",
    "node.progress",
    "message.added",
    "session.changed",
    "plugin.failed",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Args:
        type: one of `TYPES`.
        at: ISO-8601 UTC.
        session_id, run_id, workflow: what it belongs to, where it belongs to something.
        attempt: the run's attempt, from 1; 0 outside a run.
        seq: position among the events of that attempt.
        data: further facts, JSON-able.
    """

    type: str
    at: str
    session_id: str | None = None
    run_id: str | None = None
    workflow: str | None = None
    attempt: int = 0
    seq: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Returns the event as a JSON-able dict."""
        return asdict(self)
