"""A worker is frozen past its lease, another takes its run over, and it wakes up: it must commit nothing."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from campaign import numbered
from campaign.numbered import Strike
from campaign.processes import Say
from campaign.scenarios.scene import Line, Scene, look, run
from dataops_core.execution.runner import Runner

LEASE = 1.0


def frozen(folder: Path) -> Line:
    """SIGSTOP before every commit of a run after its acceptance, and in the middle of a node; then SIGCONT."""
    traced = Scene(folder / "dry", LEASE)
    trace = next(line for line in traced.perform(_trace, traced.session()) if "trace" in line)["trace"]
    commits = [c for c in trace if c["what"] == "commit" and c["phase"] in ("step", "finish")]
    wrong, accepted, places = [], 0, [*(Strike(c["number"], "before", signal.SIGSTOP) for c in commits), None]
    for place in places:
        scene = Scene(folder / (f"at-{place.number}" if place else "in-a-node"), LEASE)
        accepted += _one(scene, place)
        wrong += [f"{place}: {text}" for text in scene.wrong]
    told = f"{len(places)} freezes; {accepted} writes accepted from the stale owner; its caller is told the outcome"
    return Line("SIGSTOP past the lease, SIGCONT", told, {"freezes": len(places), "stale_writes": accepted}, wrong)


def frozen_parent(folder: Path) -> Line:
    """SIGSTOP of the parent of `isolation: process`: its child must not go on when the run is taken over."""
    scene = Scene(folder, LEASE)
    session = scene.session()
    stale = scene.start(_stale, session, "apart", "slow 2.5")
    scene.until_noted("second begins")
    stale.signal(signal.SIGUSR1)
    stale.stopped()
    other = scene.start_and_wait(look, 30)
    stale.signal(signal.SIGCONT)
    stale.wait()
    _same_outcome(scene, stale.told("run"), other.told("run"))
    ended = sum("third" in note for note in scene.notes())
    scene.expect(ended == 1, f"the last node ran {ended} times")
    scene.close()
    return Line("SIGSTOP of a parent, its child goes on", f"last node ran {ended} time(s)", {}, scene.wrong)


def _one(scene: Scene, place: Strike | None) -> int:
    session = scene.session()
    if place is None:
        scene.hold()
    stale = scene.start(_stale, session, "steps", "ox" if place else "hold", strike=place)
    if place is None:
        scene.until_noted("second begins")
        stale.signal(signal.SIGUSR1)
    stale.stopped()
    scene.let_go()
    other = scene.start_and_wait(look, 30)
    stale.signal(signal.SIGCONT)
    stale.wait()
    _same_outcome(scene, stale.told("run"), other.told("run"))
    writes = stale.told("accepted")[0]["writes"] if stale.told("accepted") and other.told("run") else []
    scene.expect(not writes, f"the stale owner's writes were accepted: {writes}")
    scene.close()
    return len(writes)


def _same_outcome(scene: Scene, stale: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    scene.expect(len(other) == 1, f"nobody took the run over: {other}")
    pairs = [[(s["run"], s["status"], s["answer"], sorted(s["artifacts"])) for s in side] for side in (stale, other)]
    scene.expect(pairs[0] == pairs[1], f"the stale owner's caller was told {pairs[0]}, the other's {pairs[1]}")
    scene.expect(all(s["status"] == "success" for s in other), f"it ended {other}")


def _trace(say: Say, session: str) -> None:
    numbered.calls.arm(None)
    Runner().run("steps", {"word": "ox"}, session_id=session)
    say("trace", trace=numbered.calls.trace)


def _stale(say: Say, session: str, workflow: str, word: str) -> None:
    numbered.calls.freeze_when_told()
    run(say, workflow, word, session)
    say("accepted", writes=numbered.calls.accepted_since)
