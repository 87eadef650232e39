"""A session's record: what is in it, and when it takes messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from dataops_core import values
from dataops_core.contracts.events import Event
from dataops_core.contracts.records import Record
from dataops_core.errors import Conflict, InvalidValue
from dataops_core.plugin.manager import plugins
from dataops_core.storage import schema

STATUSES: Final = ("active", "expired", "archiving", "archived", "deleting")


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it was read. Times are ISO-8601 UTC, `ttl` is the idle limit in seconds or None.

    `hidden` holds the ranges of message numbers, `[first, last]`, that a restored checkpoint hides.
    """

    session_id: str
    user_id: str
    created_at: str
    last_active: str
    status: str
    revision: int
    conversation_history: list[dict[str, Any]]
    global_context: dict[str, Any]
    metadata: dict[str, Any]
    preferences: dict[str, Any]
    ttl: float | None
    turn: str | None
    hidden: list[list[int]] = field(default_factory=list)

    @classmethod
    def from_record(cls, record: Record, now: float) -> Session:
        """Builds a session from its record."""
        return cls(
            record["session_id"],
            record["user_id"],
            record["created_at"],
            record["last_active"],
            status_of(record, now),
            record["revision"],
            record["conversation_history"],
            record["global_context"],
            record["metadata"],
            record["preferences"],
            record.get("idle_seconds"),
            record.get("turn"),
            record.get("hidden", []),
        )


def new_record(user_id: str, *, at: str, session_id: str | None = None) -> Record:
    """Returns the record of a new session; whoever commits it creates the session."""
    if not isinstance(user_id, str) or not user_id:
        raise InvalidValue(f"a user id is a non-empty text, not {user_id!r:.60}")
    return {
        "session_id": session_id or schema.new_session_id(),
        "user_id": user_id,
        "created_at": at,
        "last_active": at,
        "status": "active",
        "revision": 0,
        "conversation_history": [],
        "global_context": {},
        "metadata": {},
        "preferences": {},
    }


def status_of(record: Record, now: float) -> str:
    """Returns a session's status: the recorded one, or `expired` when it has been idle for longer than it may."""
    idle = record.get("idle_seconds")
    if record["status"] == "active" and idle is not None and schema.seconds(record["last_active"]) + idle <= now:
        return "expired"
    return str(record["status"])


def require_active(record: Record, now: float) -> None:
    """Raises Conflict unless the session takes new messages."""
    status = status_of(record, now)
    if status != "active":
        raise Conflict(f"session {record['session_id']!r} is {status}", hint="start a new session")


def announce(type: str, session_id: str, **data: Any) -> None:
    """Tells every plugin of an event of a session, after its commit."""
    plugins().emit(Event(type, schema.iso(), session_id, data=data))


def set_ttl(record: Record, ttl: float | None) -> None:
    """Sets the idle limit, in seconds; None leaves it as it is. Raises InvalidValue."""
    if ttl is None:
        return
    record["idle_seconds"] = values.seconds("a session's ttl", ttl)
