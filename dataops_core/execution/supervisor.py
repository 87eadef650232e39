"""`isolation: process`: a child executes the run, the parent holds the lease and enforces time and memory.

The child commits under the same fence and finishes the run itself; its pipe carries events only, so nothing depends on
what it says.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from dataops_core import settings
from dataops_core.contracts.events import Event
from dataops_core.errors import FenceLost
from dataops_core.execution.runs import Ending
from dataops_core.execution.scope import Drained, RunScope, draining, timed_out

_TICK: Final = 0.1
_LINE_BYTES: Final = 1 << 20
#: How long a child may take to start, beside the time that its run may take.
_START_SECONDS: Final = 60
_SEEN: Final = os.WEXITED | os.WNOHANG | os.WNOWAIT
#: The exit status of a child that was told to stop after its step.
DRAINED: Final = 75


class ChildLost(Exception):
    """The child process died before the run was finished."""


def supervise(scope: RunScope) -> Ending | None:
    """Executes an attempt in a child process.

    Args:
        scope: the attempt; its fence is the child's too.

    Returns:
        None when the child finished the run, else the ending that the parent must write (time or memory is up).

    Raises:
        ChildLost: the child died; the run can be taken over at once.
        FenceLost: the run is no longer this worker's.
        Drained: this process is to end; the child stopped after its step.
    """
    reading, writing = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-m", "dataops_core.execution.child", str(writing)],
        stdin=subprocess.PIPE,
        stdout=sys.stderr.fileno() if _has_fileno(sys.stderr) else subprocess.DEVNULL,
        pass_fds=(writing,),
        start_new_session=True,
        env={**os.environ, **settings.current().environment()},
    )
    os.close(writing)
    try:
        assert child.stdin is not None  # noqa: S101
        job = {
            "run_id": scope.run_id,
            "session_id": scope.session_id,
            "workflow": scope.manifest.name,
            "fence": scope.fence,
            "path": sys.path,
            "log_level": logging.getLevelName(logging.getLogger().getEffectiveLevel()),
        }
        child.stdin.write(json.dumps(job).encode() + b"\n")
        child.stdin.flush()
        return _watch(scope, child, reading)
    except BrokenPipeError:
        child.wait()
        raise ChildLost(_death(child)) from None
    finally:
        _kill(child)
        os.close(reading)


def _watch(scope: RunScope, child: subprocess.Popen[bytes], reading: int) -> Ending | None:
    limit, timeout = scope.manifest.max_memory, scope.timeout
    lines, drained, started = _Lines(reading), False, False
    # The child's own start is not the run's time, but it must end too.
    deadline = None if timeout is None else time.monotonic() + timeout + _START_SECONDS
    while lines.open or not _ended(child):
        ended = _ended(child)
        if draining.is_set() and not drained:
            drained = _drain(child)
        for event in lines.events(_TICK):
            if not started:
                started, deadline = True, None if timeout is None else time.monotonic() + timeout
            scope.relay(event)
        if ended and lines.quiet:
            break  # what the child has started may hold the pipe open for ever
        if scope.lost.is_set():
            raise FenceLost(f"run {scope.run_id!r} is no longer this worker's")
        if deadline is not None and time.monotonic() > deadline:
            error = timed_out(scope.run_id, timeout or 0)
            return Ending("timeout", f"{scope.manifest.name} failed: {error.message}", error.as_dict())
        if limit is not None and (used := _memory_mib(child.pid)) > limit:
            message = f"run {scope.run_id!r} used {used:.0f} MiB of memory, it may use {limit}"
            told = {"code": "run_failed", "message": message, "hint": "raise resources.max_memory in the manifest"}
            return Ending("error", f"{scope.manifest.name} failed: {message}", told)
    _kill(child)
    if child.returncode == DRAINED:
        raise Drained
    if child.returncode == 0:
        return None
    raise ChildLost(lines.lost or _death(child))


class _Lines:
    """The child's events; whatever else comes through the pipe is passed over. A closed pipe only lets time pass."""

    def __init__(self, reading: int) -> None:
        self.reading, self.open = reading, True
        #: Whether nothing came the last time.
        self.quiet = False
        #: Why the child gave up, when it could say so.
        self.lost = ""
        self._rest = b""

    def events(self, timeout: float) -> Iterator[Event]:
        """Yields the events that arrive within `timeout` seconds."""
        ready, _, _ = select.select([self.reading] if self.open else [], [], [], timeout)
        self.quiet = not ready
        if self.quiet:
            return
        chunk = os.read(self.reading, 1 << 16)
        if not chunk:
            self.open = False
            return
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        self._rest = self._rest[:_LINE_BYTES]
        for line in whole:
            try:
                told = json.loads(line)
                if "lost" in told:
                    self.lost = str(told["lost"])[:1000]
                else:
                    yield Event(**told)
            except (ValueError, TypeError, RecursionError):
                continue


def _drain(child: subprocess.Popen[bytes]) -> bool:
    assert child.stdin is not None  # noqa: S101
    with suppress(BrokenPipeError):  # it is ending anyway
        child.stdin.write(b"drain\n")
        child.stdin.flush()
    return True


def _ended(child: subprocess.Popen[bytes]) -> bool:
    """Says whether the child has ended, without taking note of it: until then its process group stays its own."""
    return child.returncode is not None or os.waitid(os.P_PID, child.pid, _SEEN) is not None


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.returncode is None:
        # Its whole group, also when it has ended by itself: what it started must not outlive it.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if child.stdin is not None:
        try:
            child.stdin.close()
        except BrokenPipeError:
            return


def _memory_mib(pid: int) -> float:
    """Returns a process's resident memory in MiB; 0 where the system does not tell (no /proc)."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    except (OSError, ValueError, IndexError):
        return 0.0


def _death(child: subprocess.Popen[Any]) -> str:
    code = child.returncode
    how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
    return f"its process died ({how})"


def _has_fileno(stream: Any) -> bool:
    try:
        stream.fileno()
    except (AttributeError, OSError, ValueError):
        return False
    return True
