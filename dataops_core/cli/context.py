"""`dataops context`: what a session is about, kept as snapshots and brought back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dataops_core.cli.catalogue import count
from dataops_core.cli.commands import Group, completes
from dataops_core.cli.ids import session_of, snapshot_of
from dataops_core.cli.invocation import Invocation, width
from dataops_core.cli.storage import looking
from dataops_core.cli.text import line, moment, size, table
from dataops_core.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from dataops_core.bundles.loading import Loaded
    from dataops_core.bundles.writing import Dumped
    from dataops_core.context_manager import ContextManager, Snapshot

_SHOWN: Final = 5
_ZIP: Final = b"PK\x03\x04"


def _snapshots_or_files(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    found = completes("snapshots")(ctx, parameter, begun)
    return found if found or not begun else completes("files")(ctx, parameter, begun)


@click.group(cls=Group)
def context() -> None:
    """Keep what a session is about, and bring it back."""


@context.command("dump")
@click.argument("session", shell_complete=completes("sessions"))
@click.option("--without-artifacts", is_flag=True, help="Keep what is known of artifacts, not their contents.")
@click.option("--no-compress", is_flag=True, help="Keep it as plain lines of JSON.")
@click.option(
    "--out",
    metavar="FILE",
    help="Write all that the session owns into a file, a bundle; load takes it in any installation.",
    shell_complete=completes("files"),
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.pass_obj
def dump(
    call: Invocation, session: str, without_artifacts: bool, no_compress: bool, out: str | None, force: bool
) -> None:
    """Keep the context of a session as a snapshot, and print its id; or write the whole session into a file."""
    if out is not None:
        if without_artifacts or no_compress:
            raise UsageError("a bundle holds all that a session owns", hint="--out FILE, without the other options")
        _dump_bundle(call, session_of(call, session), Path(out), force)
        return
    if force:
        raise UsageError("--force says what becomes of a file", hint="--out FILE")
    manager = _manager(call)
    made = manager.dump_context(session_of(call, session), not without_artifacts, not no_compress)
    _made(call, manager.get_snapshot(made))


@context.command("load")
@click.argument("snapshot", metavar="SNAPSHOT|FILE", shell_complete=_snapshots_or_files)
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
@click.option("--user", metavar="U", help="Whose the session of a FILE becomes; yours by default.")
@click.pass_obj
def load(
    call: Invocation, snapshot: str, into: str | None, mode: str | None, include: tuple[str, ...], user: str | None
) -> None:
    """Show a snapshot, or load it into a session; or make a session of a FILE that dump --out wrote.

    The parts of a snapshot are messages, metadata, preferences, global_context and artifacts. A FILE becomes a new
    session with new ids, as a whole or not at all; loading it again makes another one.
    """
    if _is_file(snapshot):
        if into or mode or include:
            raise UsageError("a file becomes a session of its own", hint="leave out --into, --mode and --include")
        _load_bundle(call, Path(snapshot), call.settings.user if user is None else user)
        return
    if user is not None:
        raise UsageError("--user says whose the session of a file becomes", hint="--into SESSION loads a snapshot")
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


def _is_file(given: str) -> bool:
    """Says whether a file is meant, rather than the id of a snapshot or a part of one."""
    if given.endswith(".zip") or os.sep in given:
        return True
    try:
        with open(given, "rb") as file:
            return file.read(4) == _ZIP
    except (OSError, ValueError):
        return False


def _dump_bundle(call: Invocation, session_id: str, path: Path, force: bool) -> None:
    from dataops_core.bundles.writing import dump

    target = path / f"{session_id}.zip" if os.path.isdir(path) else path
    with looking(call) as heard:
        made = dump(call.stores, session_id, target, force=force, heard=heard)
    call.answer({"bundle": {**asdict(made), "path": str(target.absolute())}}, [str(target)])
    call.note(f"{_moved(made)}, {size(made.size_bytes)}")


def _load_bundle(call: Invocation, path: Path, user: str) -> None:
    from dataops_core.bundles.loading import load

    with looking(call) as heard:
        made = load(call.stores, path, user, heard)
    call.answer({"loaded": asdict(made)}, [made.session_id])
    call.note(f"{_moved(made)} of session {made.loaded_from}, for user {made.user_id!r}")
    if made.cancelled:
        call.note(f"{count(made.cancelled, 'run')} had not ended and cannot go on here: recorded as cancelled")
    if made.expired:
        call.note(f"{count(made.expired, 'artifact')} had expired")
    if made.left_out:
        call.note(f"{count(made.left_out, 'reference')} to what belongs to other sessions left out")


def _moved(made: Dumped | Loaded) -> str:
    kinds = ("message", "run", "artifact", "snapshot")
    return ", ".join(count(getattr(made, f"{kind}s"), kind) for kind in kinds)


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
