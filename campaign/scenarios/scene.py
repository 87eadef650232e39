"""A home in which a scenario plays: its processes, what their nodes noted, and the verdict at the end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campaign.acknowledging import acknowledged, new_session, say_run
from campaign.processes import PATIENCE, Process, Said, Say, perform
from campaign.servers import served
from campaign.sweeping import sweep
from campaign.verdict import judge
from dataops_core.execution.runner import Runner


@dataclass
class Line:
    """What a scenario showed: its figures, and what is wrong (nothing, when it is right)."""

    name: str
    told: str
    figures: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


class Scene:
    """One home, its stores served until it is closed.

    Args:
        home: an empty folder.
        lease: seconds, of every process in it.
    """

    def __init__(self, home: Path, lease: float) -> None:
        self.home, self.lease = home, lease
        self.processes: list[Process] = []
        self.wrong: list[str] = []
        home.mkdir(parents=True, exist_ok=True)
        self._serving = ExitStack()
        self._serving.enter_context(served(home))

    def start(self, work: Callable[..., object], *arguments: Any, **more: Any) -> Process:
        """Starts a process in this home."""
        process = Process(self.home, work, *arguments, lease=self.lease, **more)
        self.processes.append(process)
        return process

    def perform(self, work: Callable[..., object], *arguments: Any) -> list[Said]:
        """Does work in a process of its own and waits for it."""
        return self.start_and_wait(work, *arguments).said

    def start_and_wait(self, work: Callable[..., object], *arguments: Any, timeout: float = PATIENCE) -> Process:
        """Starts a process and waits for its end; that it failed is wrong."""
        process = self.start(work, *arguments)
        process.wait(timeout)
        self.wrong += [line["error"] for line in process.said if line["kind"] in ("failed", "hung")]
        return process

    def session(self) -> str:
        """Starts a session."""
        return str(next(line["session"] for line in self.perform(new_session) if "session" in line))

    def notes(self) -> list[str]:
        """Returns the lines that nodes noted."""
        log = self.home / "nodes.log"
        return log.read_text().splitlines() if log.exists() else []

    def until_noted(self, text: str, count: int = 1) -> float:
        """Waits until that many notes hold a text; returns the time by the monotonic clock."""
        deadline = time.monotonic() + PATIENCE
        while sum(text in note for note in self.notes()) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no node noted {text!r}: {self.notes()[-5:]}")
            time.sleep(0.005)
        return time.monotonic()

    def hold(self) -> None:
        """Makes nodes of the word `hold` wait."""
        (self.home / "hold").touch()

    def let_go(self) -> None:
        """Ends that."""
        (self.home / "hold").unlink(missing_ok=True)

    def expect(self, right: bool, what: str) -> None:
        """Notes what is wrong unless it is right."""
        if not right:
            self.wrong.append(what)

    def close(self) -> None:
        """Ends what still lives, sweeps and judges the home."""
        for process in self.processes:
            if process.status is None:
                self.wrong.append(f"process {process.pid} did not end by itself")
                process.signal(signal.SIGCONT)
                process.signal(signal.SIGKILL)
                process.wait()
        perform(self.home, sweep, lease=self.lease)
        said = acknowledged([line for process in self.processes for line in process.said])
        judged = perform(self.home, judge, said, lease=self.lease)
        for kind, lines in next(line for line in judged if line["kind"] == "verdict").items():
            if kind != "kind":
                self.wrong += [f"{kind}: {line}" for line in lines]
        self._serving.close()


def run(say: Say, workflow: str, word: str, session: str | None, message_id: str | None = None) -> None:
    """Runs a workflow and says what its caller is told."""
    result = Runner().run(workflow, {"word": word}, session_id=session, message_id=message_id)
    say_run(say, result)


def look(say: Say, seconds: float, every: float = 0.02) -> None:
    """Looks for open runs and finishes them, until there are none, for at most so long."""
    runner = Runner()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and runner.runs.list(open="run"):
        for result in runner.resume_open():
            say_run(say, result)
        time.sleep(every)


def alive(pid: int) -> bool:
    """Says whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """Returns the children of a process."""
    return [
        int(child)
        for task in os.listdir(f"/proc/{pid}/task")
        for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()
    ]
