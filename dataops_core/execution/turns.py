"""A session's line: who has the turn, who waits for it, and which runs wait for an answer.

All three lie in the session's record, so every commit that changes one of them changes it with everything else.
"""

from __future__ import annotations

from dataops_core.contracts.records import Record


def take(session: Record, run_id: str) -> bool:
    """Gives a run the turn, or a place in the line; says whether it has the turn."""
    if session.get("turn"):
        session["queue"] = [*session.get("queue", ()), run_id]
        return False
    session["turn"] = run_id
    return True


def pass_on(session: Record, run_id: str) -> None:
    """Takes a run out of the line and gives the turn to the next."""
    queue = [waiting for waiting in session.pop("queue", ()) if waiting != run_id]
    if session.get("turn") == run_id:
        session.pop("turn")
        if queue:
            session["turn"] = queue.pop(0)
    if queue:
        session["queue"] = queue


def park(session: Record, run_id: str) -> None:
    """Notes that a run waits for an answer; the newest question comes last."""
    session["questions"] = [*(r for r in session.get("questions", ()) if r != run_id), run_id]


def unpark(session: Record, run_id: str) -> None:
    """Notes that a run waits for an answer no more."""
    waiting = [r for r in session.pop("questions", ()) if r != run_id]
    if waiting:
        session["questions"] = waiting
