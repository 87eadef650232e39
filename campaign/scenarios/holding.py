"""A node that holds the GIL for twice its lease, so that nothing else in its process can renew it."""

from __future__ import annotations

from pathlib import Path

from campaign.scenarios.scene import Line, Scene, look, run

LEASE = 1.0
MAX_ATTEMPTS = 3


def gil_in_a_process(folder: Path) -> Line:
    """In a child process the parent renews: one execution, however eagerly others look."""
    scene = Scene(folder, LEASE)
    worker = scene.start(run, "apart", f"gil {2 * LEASE}", scene.session())
    scene.until_noted("second begins")
    others = [scene.start(look, 20) for _ in range(2)]
    for process in (worker, *others):
        process.wait()
    told = worker.told("run")
    executions = sum("second begins" in note for note in scene.notes())
    scene.expect(executions == 1, f"its node was executed {executions} times")
    scene.expect([line["status"] for line in told] == ["success"], f"its caller was told {told or worker.said}")
    scene.close()
    figures = {"executions": executions}
    return Line("GIL held for two leases, isolation: process", f"{executions} execution(s)", figures, scene.wrong)


def gil_inline(folder: Path) -> Line:
    """Inline nothing can renew: the attempts are bounded, and the run ends."""
    scene = Scene(folder, LEASE)
    worker = scene.start(run, "steps", f"gil {2 * LEASE}", scene.session())
    scene.until_noted("second begins")
    others = [scene.start(look, 30) for _ in range(2)]
    for process in (worker, *others):
        process.wait()
    executions = sum("second begins" in note for note in scene.notes())
    statuses = {line["status"] for process in (worker, *others) for line in process.told("run")}
    scene.expect(executions <= MAX_ATTEMPTS, f"its node was executed {executions} times")
    scene.expect(len(worker.told("run")) == 1, f"the caller was told {worker.said}, which is no outcome")
    scene.expect(len(statuses) == 1, f"callers were told {statuses}")
    scene.close()
    told = f"{executions} execution(s), every caller is told {'/'.join(sorted(statuses))}"
    return Line("GIL held for two leases, inline", told, {"executions_inline": executions}, scene.wrong)
