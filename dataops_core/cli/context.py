"""`dataops context`: what a session is about, kept as snapshots and brought back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from dataops_core.cli.catalogue import count
from dataops_core.cli.commands import Group, completes
from dataops_core.cli.ids import session_of, snapshot_of
from dataops_core.cli.invocation import Invocation, width
from dataops_core.cli.text import line, moment, size, table
from dataops_core.errors import UsageError

if TYPE_CHECKING:
    from dataops_core.context_manager import ContextManager, Snapshot

_SHOWN: Final = 5


@click.group(cls=Group)
def context() -> None:
    """Keep what a session is about, and bring it back."""


@context.command("dump")
@click.argument("session", shell_complete=completes("sessions"))
@click.option("--without-artifacts", is_flag=True, help="Keep what is known of artifacts, not their contents.")
@click.option("--no-compress", is_flag=True, help="Keep it as plain lines of JSON.")
@click.pass_obj
def dump(call: Invocation, session: str, without_artifacts: bool, no_compress: bool) -> None:
    """Keep the context of a session as a snapshot, and print its id."""
    manager = _manager(call)
    made = manager.dump_context(session_of(call, session), not without_artifacts, not no_compress)
    _made(call, manager.get_snapshot(made))


@context.command("load")
@click.argument("snapshot", shell_complete=completes("snapshots"))
@click.option(
    "--into",
    metavar="SESSION",
    help="Load it into this session; without it, it is only shown.",
    shell_complete=completes("sessions"),
)
@click.option(
    "--mode", metavar="MODE", help="replace (the default), merge or selective.", shell_complete=completes("modes")
)
@click.option(
    "--include",
    metavar="PART",
    multiple=True,
    help="A part that selective loads; may be repeated.",
    shell_complete=completes("parts"),
)
@click.pass_obj
def load(call: Invocation, snapshot: str, into: str | None, mode: str | None, include: tuple[str, ...]) -> None:
    """Show a snapshot, or load it into a session. Parts: messages, metadata, preferences, global_context, artifacts."""
    manager = _manager(call)
    snapshot_id = snapshot_of(call, snapshot)
    if into is None:
        if mode or include:
            raise UsageError("--mode and --include say how to load into a session", hint="--into SESSION")
        found = manager.load_context(snapshot_id)
        call.answer({"context": found}, _page(found))
        return
    target = session_of(call, into)
    parts = tuple(name for given in include for name in given.split(","))
    found = manager.load_context(snapshot_id, target, mode or ("selective" if parts else "replace"), parts)
    call.answer({"snapshot_id": snapshot_id, "session_id": target}, [target])
    call.note(f"loaded {snapshot_id}: {_counted(found)}")


@context.command("checkpoint")
@click.argument("session", shell_complete=completes("sessions"))
@click.argument("label")
@click.option("--with-artifacts", is_flag=True, help="Keep the contents of artifacts too.")
@click.pass_obj
def checkpoint(call: Invocation, session: str, label: str, with_artifacts: bool) -> None:
    """Keep the context of a session under a label, and print its id."""
    manager = _manager(call)
    made = manager.create_checkpoint(session_of(call, session), label, include_artifacts=with_artifacts)
    _made(call, manager.get_snapshot(made))


@context.command("restore")
@click.argument("session", shell_complete=completes("sessions"))
@click.argument("label")
@click.pass_obj
def restore(call: Invocation, session: str, label: str) -> None:
    """Bring a session back to a checkpoint. What came after it is hidden, and labelled first."""
    session_id = session_of(call, session)
    before = _manager(call).restore_checkpoint(session_id, label)
    told = {"session_id": session_id, "label": label, "before": asdict(before) if before else None}
    call.answer(told, [session_id])
    if before is None:
        call.note(f"nothing has changed since {label!r}")
    else:
        call.note(f"restored {label!r}; what was there is kept as {before.label!r}")


@context.command("list")
@click.argument("session", shell_complete=completes("sessions"))
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most this many.")
@click.pass_obj
def list_(call: Invocation, session: str, limit: int) -> None:
    """List the snapshots of a session, the newest first."""
    found = _manager(call).list_snapshots(session_of(call, session), limit=limit)
    header = ("SNAPSHOT", "CREATED", "SIZE", "MESSAGES", "ARTIFACTS", "LABEL")
    rows = [
        (s.snapshot_id, moment(s.created_at), size(s.size_bytes), s.messages, f"{s.artifacts}{_contents(s)}", s.label)
        for s in found
    ]
    payload = {"snapshots": [asdict(s) for s in found], "more": found.cursor is not None}
    call.answer(payload, table(header, rows, width=width()) if rows else ())
    if found.cursor is not None:
        call.note(f"only {limit} are shown; --limit shows more")
    elif not found:
        call.note("no snapshots")


def _manager(call: Invocation) -> ContextManager:
    from dataops_core.context_manager import ContextManager
    from dataops_core.session_manager import SessionManager

    return ContextManager(SessionManager(call.stores))


def _made(call: Invocation, made: Snapshot) -> None:
    call.answer({"snapshot": asdict(made)}, [made.snapshot_id])
    told = ", ".join([count(made.messages, "message"), count(made.runs, "run"), count(made.artifacts, "artifact")])
    call.note(f"{told}{_contents(made)}, {size(made.size_bytes)}")


def _contents(snapshot: Snapshot) -> str:
    return " with contents" if snapshot.with_contents and snapshot.artifacts else ""


def _counted(found: Mapping[str, Any]) -> str:
    return ", ".join(count(len(found[name]), name[:-1]) for name in ("messages", "runs", "artifacts"))


def _page(found: Mapping[str, Any]) -> Iterator[str]:
    facts = {
        "snapshot": found["snapshot_id"],
        "session": found["session_id"],
        "user": found["user_id"],
        "created": moment(found["created_at"]),
        "holds": _counted(found),
    }
    for name in ("metadata", "preferences", "global_context"):
        facts |= {f"{name}.{key}": value for key, value in found[name].items()}
    length = max(map(len, facts))
    yield from (f"{line(name):<{length}}  {line(value)}" for name, value in facts.items())
    for run in found["runs"][-_SHOWN:]:
        values = " ".join(f"{key}={value}" for key, value in run["input"].items())
        yield f"{'run':<{length}}  {line(run['status'])}: {line(run['workflow'])} {line(values)}"
    for message in found["messages"][-_SHOWN:]:
        yield f"{'#' + str(message['number']):<{length}}  {line(message['role'])}: {line(message['content'])[:200]}"
