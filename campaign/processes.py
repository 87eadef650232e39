"""Processes of the campaign: forked from one that has imported everything and opened nothing, so each starts at once.

What a process says arrives line by line through a pipe, also when it is killed right afterwards: it is what a caller
of the library would have been told.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from campaign import numbered
from campaign.numbered import Strike
from campaign.servers import addresses

Said = dict[str, Any]
#: Says a line: the kind of thing, and facts.
Say = Callable[..., None]
#: For whatever should have ended long ago.
PATIENCE = 60.0


class Process:
    """A forked process that does one piece of work in a home.

    Args:
        home: its DATAOPS_HOME.
        work: called as `work(say, *arguments)`.
        lease: seconds.
        strike: where it strikes itself.
    """

    def __init__(
        self,
        home: Path,
        work: Callable[..., object],
        *arguments: Any,
        lease: float = 30.0,
        strike: Strike | None = None,
    ) -> None:
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        self._rest = b""
        self.said: list[Said] = []
        #: As `subprocess` has it: negative is a signal; None while it lives.
        self.status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            _live(home, lease, strike, writing, work, arguments)
        os.close(writing)

    def hear(self, kind: str, timeout: float = PATIENCE) -> Said:
        """Waits until something of that kind is said, and returns it."""
        deadline = time.monotonic() + timeout
        while True:
            for line in self.said:
                if line["kind"] == kind:
                    return line
            if self.status is not None or time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} (status {self.status}) did not say {kind!r}: {self.said}")
            self._look(0.02)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Waits for the end and returns the status; what hangs is killed, and the status is then -SIGKILL."""
        deadline = time.monotonic() + timeout
        while self.status is None:
            if time.monotonic() > deadline:
                self.said.append({"kind": "hung", "error": f"did not end within {timeout:g} s"})
                self.signal(signal.SIGKILL)
                deadline += PATIENCE
            self._look(0.02)
        return self.status

    def signal(self, number: int) -> None:
        """Sends a signal."""
        if self.status is None:
            os.kill(self.pid, number)

    def stopped(self) -> None:
        """Waits until the process is frozen."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                return
            self._look(0.01)
        raise TimeoutError(f"process {self.pid} was not frozen")

    def told(self, kind: str) -> list[Said]:
        """Returns everything of a kind that was said so far."""
        return [line for line in self.said if line["kind"] == kind]

    def _look(self, seconds: float) -> None:
        select.select([self._reading], [], [], seconds)
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        with suppress(BlockingIOError):
            while chunk := os.read(self._reading, 1 << 16):
                self._rest += chunk
            if self.status is None:
                time.sleep(0.005)
        *lines, self._rest = self._rest.split(b"\n")
        self.said += [json.loads(line) for line in lines]
        if self.status is not None:
            os.close(self._reading)


def perform(home: Path, work: Callable[..., object], *arguments: Any, lease: float = 30.0) -> list[Said]:
    """Does a piece of work in a process of its own and returns what it said; raises RuntimeError when it failed."""
    process = Process(home, work, *arguments, lease=lease)
    process.wait()
    for line in process.said:
        if line["kind"] in ("failed", "hung"):
            raise RuntimeError(line["error"])
    return process.said


def enter(home: Path, lease: float) -> None:
    """Makes a home the one of this process."""
    from dataops_core import settings

    home.mkdir(parents=True, exist_ok=True)
    os.chdir(home)
    os.environ.update(DATAOPS_HOME=str(home), DATAOPS_LEASE_SECONDS=str(lease), **numbered.urls(home))
    os.environ.update(addresses(home).get("environment", {}))
    settings.use(settings.load())


def _live(
    home: Path, lease: float, strike: Strike | None, writing: int, work: Callable[..., object], arguments: Any
) -> None:
    def say(kind: str, **facts: Any) -> None:
        os.write(writing, json.dumps({"kind": kind, **facts}).encode() + b"\n")

    status = 0
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        enter(home, lease)
        log = os.open(home / "log.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        numbered.calls.arm(strike)
        work(say, *arguments)
        from dataops_core.storage.opening import close_stores

        close_stores()
    except BaseException as error:
        say("failed", error="".join(traceback.format_exception(error))[-4000:], type=type(error).__name__)
        status = 1
    finally:
        sys.stdout.flush()
        os._exit(status)
