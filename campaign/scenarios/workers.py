"""Workers that die: how soon a run is taken over, a run that kills every worker, and SIGTERM."""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from campaign import numbered
from campaign.acknowledging import say_run
from campaign.processes import Say
from campaign.scenarios.scene import Line, Scene, look, run
from dataops_core.execution.runner import Runner


def take_over_time(folder: Path) -> Line:
    """From kill -9 of a worker, at any moment of its lease, until another one executes its node again."""
    lease, taken, wrong = 1.5, [], []
    rng = random.Random(7)  # noqa: S311
    for number in range(6):
        scene = Scene(folder / str(number), lease)
        session = scene.session()
        scene.hold()
        worker = scene.start(run, "steps", "hold", session)
        scene.until_noted("second begins")
        other = scene.start(look, 30)
        time.sleep(rng.uniform(0, lease))
        worker.signal(signal.SIGKILL)
        killed = time.monotonic()
        taken.append((scene.until_noted("second begins", 2) - killed) / lease)
        scene.let_go()
        worker.wait()
        other.wait()
        scene.close()
        wrong += scene.wrong
    told = f"median {statistics.median(taken):.2f}, longest {max(taken):.2f} leases"
    wrong += [f"it took {max(taken):.2f} leases"] * (max(taken) > 1.5)
    return Line("time to take-over", told, {"take_over_leases": [round(t, 3) for t in taken]}, wrong)


def poison(folder: Path) -> Line:
    """A run that kills its worker every time ends in an error; another session's run is finished all the same."""
    scene = Scene(folder, 0.6)
    sessions = [scene.session(), scene.session()]
    first = scene.start(run, "steps", "poison", sessions[0])
    first.wait()
    scene.hold()
    other = scene.start(run, "steps", "hold", sessions[1])
    scene.until_noted("hold second begins")
    other.signal(signal.SIGKILL)
    other.wait()
    scene.let_go()
    deaths, deadline = 1, time.monotonic() + 40
    while time.monotonic() < deadline:
        looker = scene.start(look, 30)
        if looker.wait() == 0:
            break
        deaths += 1
    told = {line["session"]: line["status"] for process in scene.processes for line in process.told("run")}
    scene.expect(told.get(sessions[0]) == "error", f"the poison run ended {told.get(sessions[0])}")
    scene.expect(deaths <= 3, f"it killed {deaths} workers")
    final = scene.perform(_statuses)[0]["statuses"]
    scene.expect(sorted(final) == ["error", "success"], f"the runs ended {final}")
    scene.close()
    return Line(
        "a run that kills its worker", f"ends in an error after {deaths} deaths", {"deaths": deaths}, scene.wrong
    )


def poison_apart(folder: Path) -> Line:
    """The same in a child process: the worker lives, and tells its caller."""
    scene = Scene(folder, 5.0)
    caller = scene.start_and_wait(run, "apart", "poison", scene.session())
    told = [(line["status"], line["attempt"]) for line in caller.told("run")]
    scene.expect([status for status, _ in told] == ["error"], f"the caller was told {told or caller.said}")
    deaths = sum("second begins" in note for note in scene.notes())
    scene.expect(deaths == 3, f"{deaths} children were killed")
    scene.close()
    return Line("the same, isolation: process", f"ends in an error after {deaths} deaths", {}, scene.wrong)


def drain(folder: Path) -> Line:
    """SIGTERM of the command line in a node: it exits, and the next one that looks goes on at once."""
    wrong, told, figures = [], [], {}
    for workflow in ("steps", "apart"):
        scene = Scene(folder / workflow, 30.0)
        session = scene.session()
        env = {
            **os.environ,
            **numbered.urls(scene.home),
            "DATAOPS_HOME": str(scene.home),
            "DATAOPS_LEASE_SECONDS": str(scene.lease),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        command = [
            sys.executable,
            "-m",
            "dataops_core.cli.main",
            "run",
            workflow,
            "-p",
            "word=slow 2",
            "--session",
            session,
        ]
        caller = subprocess.Popen(
            command, env=env, cwd=scene.home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        scene.until_noted("second begins")
        caller.terminate()
        begin = time.monotonic()
        out, _ = caller.communicate(timeout=60)
        exited = time.monotonic() - begin
        scene.expect(caller.returncode == 143, f"it exited with {caller.returncode}")
        scene.expect("Traceback" not in out, f"it said {out[-1500:]}")
        other = scene.start_and_wait(look, 15)
        resumed = [(line["status"], line["attempt"]) for line in other.told("run")]
        scene.expect(
            [s for s, _ in resumed] == ["success"], f"whoever looked next was told {resumed}; it said {out[-500:]}"
        )
        scene.close()
        figures[workflow] = {"exit_s": round(exited, 2), "then": resumed}
        told.append(f"{workflow}: exit after {exited:.1f} s, then {resumed}")
        wrong += [f"{workflow}: {text}" for text in scene.wrong]
    return Line("SIGTERM in a node", "; ".join(told), {"drain": figures}, wrong)


def _statuses(say: Say) -> None:
    say("statuses", statuses=[record["status"] for record in Runner().runs.list()])


__all__ = ["drain", "poison", "poison_apart", "say_run", "take_over_time"]
