"""`dataops storage`: for whoever looks after the stores."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click

from dataops_core.cli import exits
from dataops_core.cli.commands import Group
from dataops_core.cli.invocation import Invocation, width
from dataops_core.cli.progress import wanted
from dataops_core.cli.text import line, size, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from dataops_core.contracts.records import Finding

_EVERY: Final = 0.1


@click.group(cls=Group)
def storage() -> None:
    """Check the stores, and sweep what is left over."""


@storage.command("check")
@click.option("--deep", is_flag=True, help="Read every artifact and archive, and compare its SHA-256.")
@click.pass_obj
def check(call: Invocation, deep: bool) -> None:
    """Say what is wrong with the stores and what to do: damage, runs without a worker, leftovers.

    The exit status is 0 when nothing is worse than a warning, else 1.
    """
    from dataops_core.upkeep.check import check as check_

    with _looking(call) as heard:
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

    with _looking(call) as heard:
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


def _told(findings: list[Finding]) -> Iterator[str]:
    for finding in findings:
        yield f"{finding.level:<5}  {line(finding.what)}" + (f"; {line(finding.hint)}" if finding.hint else "")


@contextmanager
def _looking(call: Invocation) -> Iterator[Callable[[str, int], None] | None]:
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
