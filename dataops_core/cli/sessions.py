"""`dataops sessions`: conversations."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from dataops_core.cli import exits
from dataops_core.cli.catalogue import count
from dataops_core.cli.commands import Group, completes
from dataops_core.cli.ids import session_of
from dataops_core.cli.invocation import Invocation, is_terminal, width
from dataops_core.cli.text import moment, table
from dataops_core.errors import UsageError

if TYPE_CHECKING:
    from dataops_core.session_manager import Message, Session


@click.group(cls=Group)
def sessions() -> None:
    """List, show, archive and delete sessions."""


@sessions.command("list")
@click.option("--user", metavar="U", help="Whose sessions; yours by default.")
@click.option("--all", "everybody", is_flag=True, help="Everybody's sessions, in no promised order.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most this many.")
@click.pass_obj
def list_(call: Invocation, user: str | None, everybody: bool, limit: int) -> None:
    """List sessions, the newest first."""
    from dataops_core.session_manager import SessionManager

    if user is not None and everybody:
        raise UsageError("--user and --all exclude each other", hint="give one of them")
    whose = None if everybody else user or call.settings.user
    found = SessionManager(call.stores).list_sessions(whose, limit=limit)
    rows = [(s.session_id, s.user_id, s.status, moment(s.last_active), s.revision, _latest(s)) for s in found]
    header = ("SESSION", "USER", "STATUS", "LAST ACTIVE", "MESSAGES", "LATEST")
    payload = {"sessions": [_facts(s) for s in found], "more": found.cursor is not None}
    call.answer(payload, table(header, rows, width=width()) if rows else ())
    if found.cursor is not None:
        call.note(f"only {limit} are shown; --limit shows more")
    elif not found:
        call.note("no sessions" if everybody else f"no sessions of user {whose!r}; --all lists everybody's")


@sessions.command("show")
@click.argument("session", shell_complete=completes("sessions"))
@click.option(
    "--limit", type=click.IntRange(0, 100_000), default=20, show_default=True, help="At most this many messages."
)
@click.pass_obj
def show(call: Invocation, session: str, limit: int) -> None:
    """Show a session and its newest messages."""
    from dataops_core.session_manager import SessionManager

    manager = SessionManager(call.stores)
    found = manager.get_session(session_of(call, session))
    messages = manager.get_messages(found.session_id, limit=limit) if limit else []
    payload = {"session": _facts(found), "messages": [asdict(m) for m in messages]}
    call.answer(payload, _page(found, messages))


@sessions.command("delete")
@click.argument("session", shell_complete=completes("sessions"))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(call: Invocation, session: str, yes: bool) -> None:
    """Delete a session with its messages, runs and artifacts. SESSION is its whole id."""
    from dataops_core.session_manager import SessionManager

    manager = SessionManager(call.stores)
    found = manager.get_session(session_of(call, session, whole=True))
    if not yes:
        if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)) or call.json:
            raise UsageError("sessions delete asks, and nobody can answer here", hint="--yes deletes without asking")
        kept = sum(1 for _ in manager.owned(found.session_id, "artifact"))
        told = f"{count(found.revision, 'message')} and {count(kept, 'artifact')}"
        if not click.confirm(f"Delete session {found.session_id} with {told}?", err=True):
            call.note("nothing was deleted")
            call.status = exits.FAILED
            return
    manager.delete_session(found.session_id)
    call.answer({"deleted": found.session_id}, ())
    call.note(f"deleted {found.session_id}")


@sessions.command("archive")
@click.argument("session", shell_complete=completes("sessions"))
@click.pass_obj
def archive(call: Invocation, session: str) -> None:
    """Move a session's messages and runs into one compressed file. SESSION is its whole id.

    Nothing can be added from then on; everything can be read as before, and its artifacts stay where they are. A run
    of it that waits for an answer is cancelled.
    """
    from dataops_core.session_manager import SessionManager

    manager = SessionManager(call.stores)
    session_id = session_of(call, session, whole=True)
    key = manager.archive_session(session_id)
    call.answer({"archived": session_id, "key": key}, [key])
    call.note(f"archived {session_id}")


@sessions.command("cleanup")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="At most this many.")
@click.pass_obj
def cleanup(call: Invocation, limit: int) -> None:
    """Archive everybody's sessions that have been idle for longer than they may."""
    from dataops_core.session_manager import SessionManager

    done = SessionManager(call.stores).cleanup_expired_sessions(limit=limit)
    call.answer({"archived": done}, done)
    call.note(f"archived {count(len(done), 'session')}")


def _facts(session: Session) -> dict[str, object]:
    names = (
        "session_id", "user_id", "created_at", "last_active", "status", "revision", "global_context", "metadata",
        "preferences", "ttl", "turn",
    )  # fmt: skip
    return {name: getattr(session, name) for name in names}


def _latest(session: Session) -> str:
    return session.conversation_history[-1]["content"][:80] if session.conversation_history else ""


def _page(session: Session, messages: Sequence[Message]) -> Iterator[str]:
    facts = {
        "session": session.session_id,
        "user": session.user_id,
        "status": session.status,
        "created": moment(session.created_at),
        "active": moment(session.last_active),
        "messages": session.revision,
        "running": session.turn,
    }
    yield from (f"{name:<9} {value}" for name, value in facts.items() if value is not None)
    for message in messages:
        who = f"{message.role} ({message.workflow})" if message.workflow else message.role
        yield ""
        yield f"#{message.number} {who}  {moment(message.created_at)}"
        yield from (f"  {text}" for text in message.content.splitlines() or [""])
        if message.artifacts:
            yield f"  artifacts: {' '.join(message.artifacts)}"
