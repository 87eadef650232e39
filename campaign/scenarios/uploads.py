"""Processes killed from outside while they store something large, at moments that no number names."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from campaign.acknowledging import say_artifact
from campaign.kills import UNFINISHED
from campaign.processes import Say
from campaign.scenarios.scene import Line, Scene

#: Bytes; four parts on S3.
SIZE = 26 << 20
KILLS = 12


def killed_anywhere(folder: Path) -> Line:
    """Kills processes that store an artifact, at moments spread over the time that takes; the next one stores it."""
    scene = Scene(folder, 5.0)
    session = scene.session()
    begin = time.monotonic()
    scene.start_and_wait(_store, session, "whole")
    taken = time.monotonic() - begin
    told = 0
    for number in range(KILLS):
        struck = scene.start(_store, session, f"struck {number}")
        time.sleep(taken * (number + 0.5) / KILLS)
        struck.signal(signal.SIGKILL)
        struck.wait()
        scene.wrong += [line["error"] for line in struck.told("failed")]
        told += len(struck.told("artifact"))
    again = scene.start_and_wait(_store, session, "struck 0")
    scene.expect(len(again.told("artifact")) == 1, "what was killed cannot be stored again")
    time.sleep(UNFINISHED)
    scene.close()
    figures = {"kills": KILLS, "acknowledged": told}
    return Line("kills while 26 MiB are stored", f"{KILLS} kills, {told} had told already", figures, scene.wrong)


def _store(say: Say, session: str, name: str) -> None:
    say_artifact(say, session, name.encode().ljust(SIZE, b"."), name)
