"""Our tables, keys and blob keys: the one place.

Every id that belongs to a session begins with the session's id and a dot: the text before the first dot is the scope.
"""

from __future__ import annotations

import re
import secrets
import time
from datetime import UTC, datetime
from typing import Final

from dataops_core.contracts.records import Index, Table

SESSIONS: Final = Table(
    "dataops_sessions",
    "session_id",
    indexes=(Index("user_id-created_at", "user_id", "created_at"),),
)
ARTIFACTS: Final = Table(
    "dataops_artifacts",
    "artifact_id",
    indexes=(
        Index("session_id-created_at", "session_id", "created_at"),
        Index("workflow_name-created_at", "workflow_name", "created_at"),
    ),
)
#: What a session owns: messages, snapshots, the turn, and a pointer to every artifact and run.
SESSION_ITEMS: Final = Table("dataops_session_items", "session_id", "item")
RUNS: Final = Table(
    "dataops_runs",
    "run_id",
    indexes=(
        Index("session_id-created_at", "session_id", "created_at"),
        Index("open-created_at", "open", "created_at"),
    ),
)
#: What a run needs while it lives: fence, lease, graph checkpoints, events.
RUN_ITEMS: Final = Table("dataops_run_items", "run_id", "item")
CACHE: Final = Table("dataops_cache", "cache_key")

TABLES: Final = (SESSIONS, SESSION_ITEMS, ARTIFACTS, RUNS, RUN_ITEMS, CACHE)

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_SESSION_ID: Final = re.compile(f"s[{_ALPHABET}]{{25}}")
_TIME_DIGITS: Final = 9


def new_session_id() -> str:
    """Returns `s` and 25 random characters of `[0-9a-z]` (125 bits)."""
    return "s" + _random(25)


def new_owned_id(session_id: str) -> str:
    """Returns an id that belongs to a session and sorts by time: `{session_id}.{milliseconds}{random}`."""
    return f"{session_id}.{_time_part()}{_random(10)}"


def session_of(owned_id: str) -> str:
    """Returns the session that an id belongs to."""
    return owned_id.partition(".")[0]


def is_session_id(text: str) -> bool:
    """Says whether a text is a session id as we make them."""
    return _SESSION_ID.fullmatch(text) is not None


def made_at(owned_id: str) -> float | None:
    """Returns when an id of `new_owned_id` was made, in seconds since 1970; None when it is no such id."""
    session_id, _, own = owned_id.partition(".")
    if not is_session_id(session_id) or len(own) <= _TIME_DIGITS or not set(own) <= set(_ALPHABET):
        return None
    value = 0
    for digit in own[:_TIME_DIGITS]:
        value = value * 32 + _ALPHABET.index(digit)
    return value / 1000


def message_item(revision: int) -> str:
    """Returns the sort key of the message with that revision."""
    return f"message#{revision:012d}"


def iso(at: float | None = None) -> str:
    """Returns a time (seconds since 1970; now by default) as ISO-8601 UTC with microseconds, which sorts as text."""
    moment = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


def seconds(at: str) -> float:
    """Returns an ISO-8601 UTC time as seconds since 1970."""
    return datetime.fromisoformat(at).timestamp()


def artifact_key(session_id: str, created_at: str, artifact_id: str) -> str:
    """Returns the blob key of an artifact's content."""
    return f"artifacts/{session_id}/{created_at[:10]}/{artifact_id}"


def message_key(session_id: str, number: int) -> str:
    """Returns a blob key for a long message's content: it names the message, and is never used twice."""
    return f"messages/{session_id}/{number:012d}.{_random(10)}"


def archive_key(session_id: str, created_at: str) -> str:
    """Returns the blob key of an archived session."""
    return f"archives/{created_at[:10]}/{session_id}.json.gz"


def value_key(run_id: str, digest: str) -> str:
    """Returns the blob key of a large graph value."""
    return f"values/{run_id}/{digest}"


def _time_part() -> str:
    value, out = int(time.time() * 1000), ""
    for _ in range(_TIME_DIGITS):
        value, digit = divmod(value, 32)
        out = _ALPHABET[digit] + out
    return out


def _random(length: int) -> str:
    number, out = secrets.randbits(5 * length), []
    for _ in range(length):
        number, digit = divmod(number, 32)
        out.append(_ALPHABET[digit])
    return "".join(out)
