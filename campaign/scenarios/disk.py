"""A full disk: a small tmpfs where it may be mounted, else a limit on the size of files (RLIMIT_FSIZE)."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from campaign.acknowledging import say_artifact, say_message, say_run
from campaign.processes import Say
from campaign.scenarios.scene import Line, Scene, look
from dataops_core.errors import DataOpsError
from dataops_core.execution.runner import Runner

SIZE_MIB = 12
#: Bytes that are left when the ballast is aboard.
LEFT = 150_000


def full_disk(folder: Path) -> Line:
    """The disk is full during append, artifact and run: a clear error, nothing lost; with space again it goes on."""
    wrong, told = [], []
    with _small_disk(folder) as mounted:
        for name, work in (("append", _append), ("artifact", _artifacts), ("run", _runs)):
            scene = Scene(folder / name, 2.0)
            session = scene.session()
            ballast = folder / "ballast"
            if mounted:
                _fill(ballast)
            full = scene.start_and_wait(work, session, None if mounted else LEFT)
            errors = full.told("refused")
            scene.expect(len(errors) == 1, f"no clear error: {full.said[-1:]}")
            clear = ("space", "File too large", "does not work")
            scene.expect(all(any(c in e["error"] for c in clear) for e in errors), f"unclear: {errors}")
            scene.expect(all(e["hint"] for e in errors), f"without a hint: {errors}")
            ballast.unlink(missing_ok=True)
            scene.perform(look, 15)
            on = scene.start_and_wait(_all, session)
            scene.expect(len(on.told("message")) + len(on.told("artifact")) + len(on.told("run")) == 3, f"{on.said}")
            scene.close()
            done = sum(line["kind"] in ("message", "artifact", "run") for line in full.said)
            told.append(f"{name}: {done} acknowledged, then “{errors[0]['error'] if errors else '?'}”")
            wrong += [f"{name}: {text}" for text in scene.wrong]
    how = f"tmpfs of {SIZE_MIB} MiB" if mounted else f"RLIMIT_FSIZE {LEFT}"
    return Line(f"full disk ({how})", "; ".join(told).replace(str(folder), "…"), {"disk": how}, wrong)


def _append(say: Say, session: str, limit: int | None) -> None:
    _until_refused(say, limit, lambda n: say_message(say, session, f"message {n} " + "x" * 12_000, f"full {n}"))


def _artifacts(say: Say, session: str, limit: int | None) -> None:
    _until_refused(say, limit, lambda n: say_artifact(say, session, b"%d" % n + b"y" * 40_000))


def _runs(say: Say, session: str, limit: int | None) -> None:
    def one(n: int) -> None:
        result = Runner().run("steps", {"word": f"run {n}"}, session_id=session)
        say_run(say, result)
        if result.status != "success":
            error = dict(result.error or {})
            say("refused", error=error.get("message", ""), hint=error.get("hint", ""))
            raise StopIteration

    _until_refused(say, limit, one)


def _all(say: Say, session: str) -> None:
    say_message(say, session, "and on")
    say_artifact(say, session, b"and on")
    say_run(say, Runner().run("steps", {"word": "on"}, session_id=session))


def _until_refused(say: Say, limit: int | None, act: Callable[[int], object]) -> None:
    if limit is not None:
        biggest = max((f.stat().st_size for f in Path.cwd().rglob("*") if f.is_file()), default=0)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (biggest + limit, resource.RLIM_INFINITY))
    try:
        for number in range(400):
            act(number)
    except StopIteration:
        return
    except DataOpsError as error:
        say("refused", error=error.message, hint=error.hint)


def _fill(ballast: Path) -> None:
    status = os.statvfs(ballast.parent)
    with ballast.open("wb") as file:
        file.write(b"b" * max(status.f_bavail * status.f_frsize - LEFT, 0))


@contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "none", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
