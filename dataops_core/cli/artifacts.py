"""`dataops artifacts`: kept results, out of the store and into files."""

from __future__ import annotations

import errno
import mimetypes
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from dataops_core.cli.commands import Group, completes
from dataops_core.cli.ids import artifact_of, run_of, session_of
from dataops_core.cli.invocation import Invocation, is_terminal, width, write_out
from dataops_core.cli.text import line, moment, safe, size, table, tree
from dataops_core.contracts.blobs import CHUNK
from dataops_core.errors import InvalidValue, NotFound, Unreachable, UsageError, nearest

if TYPE_CHECKING:
    from dataops_core.artifact import Artifact
    from dataops_core.artifact_store import ArtifactStore


@click.group(cls=Group)
def artifacts() -> None:
    """List, show, get and share kept results.

    ARTIFACT is an id, the beginning or end of a recent one, or a name in your newest session that has it.
    """


def _store(call: Invocation) -> ArtifactStore:
    from dataops_core.artifact_store import ArtifactStore

    return ArtifactStore(call.stores)


@artifacts.command("list")
@click.argument("session", shell_complete=completes("sessions"))
@click.option(
    "--type",
    "kind",
    metavar="TYPE",
    help="result, intermediate, debug or context.",
    shell_complete=completes("types"),
)
@click.option("--name", metavar="NAME", help="Only artifacts of this name.")
@click.option("--run", metavar="RUN", help="Only artifacts of this run.", shell_complete=completes("runs"))
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most this many.")
@click.pass_obj
def list_(call: Invocation, session: str, kind: str | None, name: str | None, run: str | None, limit: int) -> None:
    """List the artifacts of a session, the newest first."""
    from dataops_core.artifact import ArtifactType

    types = [known.value for known in ArtifactType]
    if kind is not None and kind not in types:
        hint = nearest(kind, types) or f"one of {', '.join(types)}"
        raise InvalidValue(f"--type: {kind!r:.40} is no type of an artifact", hint=hint)
    session_id, store = session_of(call, session), _store(call)
    run_id = None if run is None else run_of(call, run)
    found = store.list_artifacts(session_id, artifact_type=kind, name=name, run_id=run_id, limit=limit)
    header = ("ARTIFACT", "TYPE", "SIZE", "CREATED", "WORKFLOW", "NAME")
    rows = [
        (a.artifact_id, a.artifact_type, size(a.size_bytes), moment(a.created_at), a.workflow_name, _named(a))
        for a in found
    ]
    payload = {"artifacts": [asdict(a) for a in found], "more": found.cursor is not None}
    call.answer(payload, table(header, rows, width=width()) if rows else ())
    if found.cursor is not None:
        call.note(f"only {limit} are shown; --limit shows more")
    elif not found:
        known = (a.name for a in store.list_artifacts(session_id, limit=limit) if a.name)
        call.note(f"no artifacts; {nearest(name, known) if name else ''}".removesuffix("; "))


@artifacts.command("show")
@click.argument("artifact", shell_complete=completes("artifacts"))
@click.pass_obj
def show(call: Invocation, artifact: str) -> None:
    """Show what is known of an artifact."""
    found = _store(call).get_artifact(artifact_of(call, artifact))
    facts = {
        "artifact": found.artifact_id,
        "name": _named(found),
        "type": found.artifact_type,
        "content": found.content_type,
        "size": f"{size(found.size_bytes)} ({found.size_bytes} bytes)",
        "sha256": found.sha256,
        "created": moment(found.created_at),
        "session": found.session_id,
        "workflow": found.workflow_name,
        "run": found.run_id,
        "node": found.node,
        "made from": ", ".join(f"{p['id']} ({p['relation']})" for p in found.parents),
    }
    shown = (f"{name:<10} {line(value)}" for name, value in facts.items() if value)
    call.answer({"artifact": asdict(found)}, shown)


@artifacts.command("get")
@click.argument("artifact", shell_complete=completes("artifacts"))
@click.option(
    "-o",
    "--output",
    metavar="FILE|-",
    help="Where to; a folder will do, - is standard output.",
    shell_complete=completes("files"),
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.pass_obj
def get(call: Invocation, artifact: str, output: str | None, force: bool) -> None:
    """Write the content of an artifact to a file, by default one of its name in the working directory."""
    store = _store(call)
    found = store.get_artifact(artifact_of(call, artifact))
    if output == "-":
        if call.json:
            raise UsageError("--json and -o - both want standard output", hint="give a file to -o")
        if is_terminal(sys.stdout) and not _readable(found):
            raise UsageError(
                f"{_named(found)} is {found.content_type}, which a terminal cannot show",
                hint=f"dataops artifacts get {found.artifact_id} -o {file_name(found)}",
            )
        with _content(store, found) as stream:
            _print(stream)
        return
    target = Path(output) if output else Path(file_name(found))
    if os.path.isdir(target):  # unlike Path's, it does not raise where one may not look
        target /= file_name(found)
    if os.path.isfile(target) and not force:
        raise _taken(target)
    with _content(store, found) as stream:
        _write(stream, target, force)
    call.answer({"artifact": asdict(found), "path": str(target.absolute())}, [str(target)])
    call.note(f"{size(found.size_bytes)} of {found.content_type}")


@artifacts.command("share")
@click.argument("artifact", shell_complete=completes("artifacts"))
@click.argument("session", shell_complete=completes("sessions"))
@click.pass_obj
def share(call: Invocation, artifact: str, session: str) -> None:
    """Copy an artifact into another session; the copy outlives its source."""
    source = artifact_of(call, artifact)
    copy = _store(call).share_artifact(source, session_of(call, session))
    call.answer({"artifact_id": copy, "shared_from": source}, [copy])


@artifacts.command("lineage")
@click.argument("artifact", shell_complete=completes("artifacts"))
@click.option("--depth", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many links either way.")
@click.pass_obj
def lineage(call: Invocation, artifact: str, depth: int) -> None:
    """Show what an artifact was made from, in whatever session, and what was made from it in its own.

    A copy in another session (`artifacts share`) knows its source; the source does not know its copies.
    """
    root = artifact_of(call, artifact)
    found = _store(call).lineage(root, depth=depth)
    call.answer({"artifact_id": root, **found}, _lineage(root, found))


def file_name(artifact: Artifact) -> str:
    """Returns a name for a file of an artifact's content that is safe on any disk, whatever the artifact is called."""
    given = artifact.name or ""
    cleaned = re.sub(r"[^\w.()+=@,-]+", "_", given.replace("\\", "/").rpartition("/")[2]).strip("._-")
    while len(cleaned.encode()) > 200:
        cleaned = cleaned[1:]
    if cleaned:
        return cleaned
    kind = artifact.content_type.partition(";")[0].strip()
    return f"{artifact.artifact_id.partition('.')[2]}{mimetypes.guess_extension(kind) or '.bin'}"


def _named(artifact: Artifact) -> str:
    version = f" v{artifact.version}" if (artifact.version or 1) > 1 else ""
    return f"{artifact.name or artifact.artifact_type}{version}"


def _readable(artifact: Artifact) -> bool:
    kind = artifact.content_type.partition(";")[0].strip().lower()
    return (
        kind.startswith("text/") or kind in ("application/json", "application/xml") or kind.endswith(("+json", "+xml"))
    )


def _content(store: ArtifactStore, artifact: Artifact) -> closing[BinaryIO]:
    try:
        return closing(store.open_artifact(artifact.artifact_id))
    except NotFound as gone:
        gone.hint = gone.hint or "dataops storage check says what else is missing"
        raise


def _print(stream: BinaryIO) -> None:
    """Streams to standard output; what goes to a terminal is made safe first."""
    if is_terminal(sys.stdout):
        import codecs

        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while chunk := stream.read(CHUNK):
            write_out(safe(decoder.decode(chunk)))
        return
    while chunk := stream.read(CHUNK):
        write_out(chunk)


def _write(stream: BinaryIO, target: Path, force: bool) -> None:
    """Writes a file whole or not at all; the stream checks its sha256 as it ends."""
    if os.path.exists(target) and not os.path.isfile(target):  # a device or a pipe is written to, never replaced
        unfinished, replaces = target, False
    else:
        unfinished, replaces = target.with_name(f".{target.name[:60]}.{secrets.token_hex(6)}"), True
    try:
        with unfinished.open("xb" if replaces else "wb") as file:
            while chunk := stream.read(CHUNK):
                file.write(chunk)
        if replaces and not force:
            target.open("xb").close()  # fails when somebody else made the file meanwhile
        if replaces:
            unfinished.replace(target)
    except FileExistsError:
        raise _taken(target) from None
    except OSError as error:
        told = f"{str(target)!r} cannot be written: {error.strerror or error}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise Unreachable(told, hint="free some space, or choose another place with -o") from None
        raise InvalidValue(told, hint="give -o a file in a folder that is there and that you may write to") from None
    finally:
        if replaces:
            with suppress(OSError):
                unfinished.unlink()


def _taken(target: Path) -> InvalidValue:
    return InvalidValue(f"{str(target)!r} is there already", hint="--force replaces it, -o writes elsewhere")


def _lineage(root: str, found: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    nodes = {node["id"]: node for node in found["nodes"]}

    def told(artifact_id: str) -> str:
        node = nodes.get(artifact_id, {"missing": True})
        if node.get("missing"):
            return f"(gone)  {artifact_id}"
        return line(f"{node['name'] or node['type']}  {node['workflow']}  {artifact_id}")

    def branches(artifact_id: str, here: str, there: str, seen: set[str]) -> Iterator[Any]:
        for edge in found["edges"]:
            if edge[here] == artifact_id:
                other = edge[there]
                again = other in seen  # told once with what is beyond it, however many ways lead there
                seen.add(other)
                beyond = [] if again else list(branches(other, here, there, seen))
                yield f"{line(edge['relation'])}: {told(other)}{' (see above)' if again else ''}", beyond

    up = list(branches(root, "child", "parent", {root}))
    down = list(branches(root, "parent", "child", {root}))
    sections = [(name, below) for name, below in (("made from", up), ("made into", down)) if below]
    yield from tree(told(root), sections)
