"""`dataops storage`: for whoever looks after the stores."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click

from dataops_core.cli import exits
from dataops_core.cli.commands import Group
from dataops_core.cli.invocation import Invocation, width
from dataops_core.cli.progress import wanted
from dataops_core.cli.text import line, size, table
from dataops_core.errors import Conflict, UsageError, nearest
from dataops_core.storage.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from dataops_core.contracts.records import Finding

_EVERY: Final = 0.1
_SHOWN: Final = 10
#: Seconds by which the clock of a blob store may be behind ours.
_SKEW: Final = 300.0


@click.group(cls=Group)
def storage() -> None:
    """Prepare, check and move the stores, and sweep what is left over."""


@storage.command("init")
@click.pass_obj
def init(call: Invocation) -> None:
    """Create what the stores lack, tables and buckets say, and tell what was done. Safe to repeat."""
    done = [*call.stores.records.prepare(), *call.stores.blobs.prepare()]
    call.answer({"done": done}, map(line, done) if done else ["everything is there"])


@storage.command("check")
@click.option("--deep", is_flag=True, help="Read every artifact and archive, and compare its SHA-256.")
@click.pass_obj
def check(call: Invocation, deep: bool) -> None:
    """Say what is wrong with the stores and what to do: damage, runs without a worker, leftovers.

    The exit status is 0 when nothing is worse than a warning, else 1.
    """
    from dataops_core.upkeep.check import check as check_

    with looking(call) as heard:
        findings = check_(call.stores, deep=deep, settings=call.settings, heard=heard)
    call.answer({"findings": [asdict(finding) for finding in findings]}, _told(findings))
    if any(finding.level == "error" for finding in findings):
        call.status = exits.FAILED


@storage.command("gc")
@click.option("--dry-run", is_flag=True, help="Only say what would be swept.")
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="Leave alone what is younger; a slow writer may still need it.",
)
@click.pass_obj
def gc(call: Invocation, dry_run: bool, grace: float) -> None:
    """Sweep what crashes left and what has had its time.

    That is blobs and records that nothing names, sessions that are half archived or deleted, the graph state of runs
    that are long over, expired records and unfinished files. Contents of sessions that the database does not know stay
    for 30 days, since a lost database can be restored; a grace below an hour sweeps them too. It may run at any time,
    beside everything else. The exit status is 1 when something could not be completed.
    """
    from dataops_core.upkeep.gc import gc as gc_

    with looking(call) as heard:
        report = gc_(call.stores, grace=grace, dry_run=dry_run, settings=call.settings, heard=heard)
    swept = sorted(report.swept.values(), key=lambda found: found.kind)
    payload = {
        "dry_run": dry_run,
        "swept": [asdict(found) for found in swept],
        "problems": report.problems,
        "unknown": report.unknown,
    }
    rows = [(found.kind, found.count, size(found.bytes)) for found in swept]
    header = ("WOULD SWEEP" if dry_run else "SWEPT", "COUNT", "SIZE")
    call.answer(payload, table(header, rows, width=width()) if rows else ())
    if not rows:
        call.note("nothing to sweep")
    for problem in report.problems:
        call.warn(problem)
    if report.problems:
        call.status = exits.FAILED


@storage.command("copy")
@click.option(
    "--from", "source", metavar="URL", multiple=True, help="The records, or the blobs, to read; both may be given."
)
@click.option("--to", "target", metavar="URL", multiple=True, required=True, help="Where to; likewise.")
@click.option("--deep", is_flag=True, help="Read back what an earlier copy has brought, too.")
@click.option(
    "--force",
    is_flag=True,
    help="Copy although runs are unfinished in the source, or the target has things of its own.",
)
@click.pass_obj
def copy_(call: Invocation, source: Sequence[str], target: Sequence[str], deep: bool, force: bool) -> None:
    """Copy a whole installation into other stores, and verify it.

    What --from does not name is read from the stores of the settings; what --to does not name is not copied. Repeated,
    it goes on where it was interrupted, and brings what has changed since. The source is only read; let it be at rest.
    A target that holds anything but an earlier copy is refused.

    \b
    dataops storage copy --to dynamodb://us-east-1/dataops_ --to s3://my-bucket
    dataops storage copy --from sqlite:////srv/dataops.db --to redis://localhost:6379/0
    """
    from dataops_core.upkeep import copying

    (records_from, blobs_from), (records_to, blobs_to) = _by_kind(call, source), _by_kind(call, target)
    here = (records_from or call.settings.records_url, blobs_from or call.settings.blobs_url)
    if records_to == here[0] or blobs_to == here[1]:
        raise UsageError("source and target are one", hint="name other stores by --to")
    told = copying.Copied()
    with ExitStack() as stack, looking(call) as heard:
        records = _pair(stack, call.plugins.record_store, records_from, records_to, call.stores.records, TABLES)
        blobs = _pair(stack, call.plugins.blob_store, blobs_from, blobs_to, call.stores.blobs)
        for pair in (records, blobs):
            if pair is not None:
                pair[1].prepare()
        if not force:
            _require_quiet(copying, records, blobs)
        begun = time.time() - _SKEW
        if blobs is not None:
            copying.copy_blobs(*blobs, told, heard, deep=deep)
        if records is not None:
            copying.copy_records(*records, told, heard)
            if blobs is not None:  # what these records may name, and was not there before
                late = copying.Copied()
                copying.copy_blobs(*blobs, late, heard, since=begun)
                told.blobs, told.bytes = told.blobs + late.blobs, told.bytes + late.bytes
    rows = [(name, str(count)) for name, count in told.records.items()]
    rows += [("blobs", f"{told.blobs} ({size(told.bytes)})")] if blobs_to is not None else []
    call.answer(asdict(told), table(("COPIED", "COUNT"), rows, width=width()))
    read_back = "everything" if deep else "everything that was copied"
    call.note(f"{told.present} were there already and equal; {read_back} was read back")
    for key in told.extra[:_SHOWN]:
        call.warn(f"only in the target, left alone: {line(key)}")
    if len(told.extra) > _SHOWN:
        call.warn(f"and {len(told.extra) - _SHOWN} more that are only in the target")


def _by_kind(call: Invocation, urls: Sequence[str]) -> tuple[str | None, str | None]:
    """Returns the URL of the records and that of the blobs among some; raises UsageError."""
    kinds = {group: set(call.plugins.names(group)) for group in ("dataops.records", "dataops.blobs")}
    found: dict[str, str] = {}
    for url in urls:
        scheme = url.partition(":")[0]
        group = next((group for group, schemes in kinds.items() if scheme in schemes), None)
        if group is None:
            known = sorted(set().union(*kinds.values()))
            raise UsageError(
                f"no installed backend opens {scheme!r:.40}",
                hint=nearest(scheme, known) or f"there are {', '.join(known)}",
            )
        if group in found:
            raise UsageError(
                f"two URLs for {group.partition('.')[2]}", hint="give one for the records, one for the blobs"
            )
        found[group] = url
    return found.get("dataops.records"), found.get("dataops.blobs")


def _pair(
    stack: ExitStack, opens: Callable[..., Any], source: str | None, target: str | None, here: Any, *more: Any
) -> tuple[Any, Any] | None:
    """Opens the stores of one kind, to copy from and to; None when there is nowhere to copy to."""
    if target is None:
        return None
    opened = []
    for url in (source, target):
        store = here if url is None else opens(url, *more)
        if url is not None:
            stack.callback(store.close)
        opened.append(store)
    return opened[0], opened[1]


def _require_quiet(copying: ModuleType, records: tuple[Any, Any] | None, blobs: tuple[Any, Any] | None) -> None:
    """Raises Conflict when the source is at work, or the target holds anything but a copy of it."""
    if records is not None and (unfinished := copying.open_runs(records[0])):
        raise Conflict(
            f"{unfinished} runs are unfinished in the source",
            hint="let them end, or dataops runs cancel them; --force copies all the same",
        )
    strange = [f"session {found}" for found in islice(copying.strange_sessions(*records), 1)] if records else []
    strange += [f"blob {found}" for found in islice(copying.strange_blobs(*blobs), 1)] if blobs else []
    if strange:
        raise Conflict(
            f"the target has what the source has not: {strange[0]}",
            hint="copy into empty stores; --force copies all the same, and leaves it alone",
        )


def _told(findings: list[Finding]) -> Iterator[str]:
    for finding in findings:
        yield f"{finding.level:<5}  {line(finding.what)}" + (f"; {line(finding.hint)}" if finding.hint else "")


@contextmanager
def looking(call: Invocation) -> Iterator[Callable[[str, int], None] | None]:
    """Shows what is looked at, on a terminal only."""
    if not wanted(call.quiet or call.json):
        yield None
        return
    last = 0.0

    def heard(what: str, seen: int) -> None:
        nonlocal last
        if time.monotonic() - last > _EVERY:
            last = time.monotonic()
            print(f"\r\x1b[K  {line(what)}: {seen}", end="", file=sys.stderr, flush=True)

    try:
        yield heard
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
