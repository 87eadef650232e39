"""Children of `isolation: process` that misbehave, and children and parents that are killed alone."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from campaign.processes import Say
from campaign.scenarios.scene import Line, Scene, alive, children, look, run

#: Seconds. Nothing here may wait for a third of it, when the lease is renewed: the child's end is seen at once.
LEASE = 30.0
#: Children that are struck at once; each starts two interpreters.
LANES = 2


def rude(folder: Path) -> Line:
    """A child that writes rubbish to its event pipe, forks, and ignores SIGTERM past its time limit."""
    expected = {
        "rude rubbish": ("apart", "success"),
        "rude nested": ("apart", "success"),
        "rude fork": ("apart", "success"),
        "rude deaf": ("hasty", "timeout"),
    }
    wrong, took = [], {}
    for word, (workflow, status) in expected.items():
        scene = Scene(folder / word.replace(" ", "-"), LEASE)
        session = scene.session()
        begin = time.monotonic()
        caller = scene.start_and_wait(run, workflow, word, session, timeout=40)
        took[word] = round(time.monotonic() - begin, 1)
        got = [line["status"] for line in caller.told("run")]
        scene.expect(got == [status], f"the caller was told {got or caller.said[-1:]}, not {status}")
        scene.expect(took[word] < LEASE / 3, f"the caller waited for {took[word]} s")
        pids = [int(note.split()[-1]) for note in scene.notes() if note.startswith(("grandchild", "deaf"))]
        left = [pid for pid in pids if _outlives(pid)]
        scene.expect(not left, f"{len(left)} process(es) outlived the run")
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        scene.perform(look, 3)
        scene.close()
        wrong += [f"{word}: {text}" for text in scene.wrong]
    told = ", ".join(f"{word.removeprefix('rude ')} {seconds} s" for word, seconds in took.items())
    return Line("a child that writes rubbish, forks, ignores SIGTERM", told, {"rude": took}, wrong)


def child_struck(folder: Path) -> Line:
    """The child is killed before and after each of its commits, and in the middle of its blobs; its parent goes on."""
    scene = Scene(folder / "dry", LEASE)
    trace = scene.home / "trace.json"
    scene.start_and_wait(_run_with, {"CAMPAIGN_TRACE": str(trace)}, scene.session())
    scene.close()
    at = {"commit": ("before", "after"), "put": ("middle",), "delete": ("after",)}
    calls = json.loads(trace.read_text())
    places = [f"{c['number']} {when}" for c in calls for when in c["when"] if when in at.get(c["what"], ())]
    with ProcessPoolExecutor(LANES, mp_context=get_context("fork")) as pool:
        struck = list(pool.map(_struck, [folder] * len(places), places))
    wrong = scene.wrong + [f"{place}: {text}" for place, texts in zip(places, struck, strict=True) for text in texts]
    return Line("kill -9 of the child at its store calls", f"{len(places)} kills", {"child_kills": len(places)}, wrong)


def _struck(folder: Path, place: str) -> list[str]:
    scene = Scene(folder / place.replace(" ", "-"), LEASE)
    done = scene.home / "struck"
    caller = scene.start_and_wait(_run_with, {"CAMPAIGN_STRIKE": f"{place} {done}"}, scene.session())
    told = [line["status"] for line in caller.told("run")]
    scene.expect(told == ["success"], f"the caller was told {told or caller.said}")
    scene.expect(done.exists(), "it was never struck")
    scene.close()
    return scene.wrong


def _run_with(say: Say, environment: dict[str, str], session: str) -> None:
    os.environ.update(environment)
    run(say, "apart", "ox", session)


def child_killed(folder: Path) -> Line:
    """kill -9 of the child alone: its parent goes on at once, without waiting for the lease."""
    scene = Scene(folder, 30.0)
    session = scene.session()
    scene.hold()
    parent = scene.start(run, "apart", "hold", session)
    scene.until_noted("second begins")
    (child,) = children(parent.pid)
    os.kill(child, signal.SIGKILL)
    killed = time.monotonic()
    scene.let_go()
    again = scene.until_noted("second begins", 2) - killed
    parent.wait()
    told = [(line["status"], line["attempt"]) for line in parent.told("run")]
    scene.expect(told == [("success", 2)], f"the caller was told {told or parent.said[-1:]}")
    firsts = sum("first" in note for note in scene.notes())
    scene.expect(firsts == 1, f"the finished first node ran {firsts} times")
    scene.close()
    return Line("kill -9 of the child only", f"resumed after {again:.1f} s", {"child_killed_s": again}, scene.wrong)


def parent_killed(folder: Path) -> Line:
    """kill -9 of the parent alone: the child dies, and the run is taken over when the lease is over."""
    scene = Scene(folder, 2.0)
    session = scene.session()
    scene.hold()
    parent = scene.start(run, "apart", "hold", session)
    scene.until_noted("second begins")
    (child,) = children(parent.pid)
    parent.signal(signal.SIGKILL)
    killed = time.monotonic()
    parent.wait()
    while alive(child) and time.monotonic() < killed + 10:
        time.sleep(0.01)
    died = time.monotonic() - killed
    scene.expect(died < 2, f"the child lived for {died:.1f} s longer")
    scene.let_go()
    other = scene.start_and_wait(look, 30)
    told = [(line["status"], line["attempt"]) for line in other.told("run")]
    scene.expect(told == [("success", 2)], f"whoever looked was told {told}")
    scene.close()
    return Line("kill -9 of the parent only", f"its child died after {died:.2f} s", {"orphan_s": died}, scene.wrong)


def _outlives(pid: int) -> bool:
    deadline = time.monotonic() + 2
    while alive(pid):
        if time.monotonic() > deadline:
            return True
        time.sleep(0.02)
    return False
