"""The campaign's table: a row an operation, a line a scenario, and what is broken."""

from __future__ import annotations

import sys
from collections import Counter

from campaign.kills import Outcome, Site
from campaign.scenarios.scene import Line

_HEAD = ("sites", "left out", "kills", "acknowledged", "resumed", "lost", "twice", "stuck", "orphans")

#: Lines of what is broken.
_TOLD = 40


def progress(outcome: Outcome) -> Outcome:
    """Shows a dot a kill, and what went wrong at once."""
    if outcome.right:
        print(".", end="", file=sys.stderr, flush=True)
    else:
        print("\n" + "\n".join(map(_brief, _wrong(outcome))), file=sys.stderr, flush=True)
    return outcome


def line(told: Line) -> Line:
    """Shows a letter a scenario."""
    print("F" if told.wrong else "s", end="", file=sys.stderr, flush=True)
    return told


def table(outcomes: list[Outcome], lines: list[Line], left_out: list[Site], *, whole: bool, at_least: int) -> list[str]:
    """Prints the table and returns what is broken, a line each."""
    print("\n" + f"{'operation':14}" + "".join(f"{head:>13}" for head in _HEAD))
    phases = list(dict.fromkeys(site.phase for site in [*(outcome.site for outcome in outcomes), *left_out]))
    for phase in phases:
        _row(phase, [o for o in outcomes if o.site.phase == phase], sum(site.phase == phase for site in left_out))
    if len(phases) > 1:
        _row("all", outcomes, len(left_out))
    broken = [text for outcome in outcomes for text in _wrong(outcome)]
    unhit = Counter(outcome.hit for outcome in outcomes)[False]
    if whole and len(outcomes) < at_least:
        broken.append(f"{len(outcomes)} kills; a whole campaign has at least {at_least}")
    if outcomes:
        print(f"sites that were never hit: {unhit}; orphans after gc with no grace")
    if left_out:
        print(f"{len(left_out)} sites were left out, spread evenly; --json FILE names them; without --kills none are")
    for told in lines:
        print(f"{'BROKEN' if told.wrong else 'ok    '} {told.name}: {told.told}")
        broken += [f"{told.name}: {text}" for text in told.wrong]
    for text in broken[:_TOLD]:
        print(f"BROKEN {_brief(text)}")
    if len(broken) > _TOLD:
        print(f"BROKEN and {len(broken) - _TOLD} more; --json FILE has them all")
    return broken


def _brief(text: str) -> str:
    """Returns the head and the last line of a long text, as tracebacks are; the whole lies in the file of --json."""
    lines = text.strip().splitlines()
    return text[:800] if len(lines) == 1 else f"{lines[0][:300]} … {lines[-1][:500]}"


def _row(name: str, outcomes: list[Outcome], left_out: int) -> None:
    cells = [
        len({outcome.site for outcome in outcomes}) + left_out,
        left_out,
        sum(outcome.hit for outcome in outcomes),
        sum(outcome.acknowledged for outcome in outcomes),
        sum(outcome.resumed for outcome in outcomes),
        sum(len(outcome.verdict.lost) for outcome in outcomes),
        sum(len(outcome.verdict.twice) for outcome in outcomes),
        sum(len(outcome.verdict.stuck) + bool(outcome.failed) for outcome in outcomes),
        sum(len(outcome.verdict.orphans) for outcome in outcomes),
    ]
    print(f"{name:14}" + "".join(f"{cell:>13}" for cell in cells))


def _wrong(outcome: Outcome) -> list[str]:
    where = f"{outcome.site.name}, then {outcome.way}"
    found = [] if outcome.hit else [f"{where}: never hit"]
    found += [f"{where}: {outcome.failed}"] * bool(outcome.failed)
    verdict = outcome.verdict
    for kind, texts in (
        ("lost", verdict.lost),
        ("stored twice", verdict.twice),
        ("stuck", verdict.stuck),
        ("orphan", verdict.orphans),
    ):
        found += [f"{where}: {kind}: {text}" for text in texts]
    return found
