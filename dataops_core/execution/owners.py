"""Who works on a run: a process, named so that another one of the same machine can see that it is dead.

A lease tells that a worker has been silent for too long, whatever the machine. Where the worker was a process of this
very machine, nobody needs to wait for that.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


def this_process() -> str:
    """Returns the name of this process as an owner: host, pid, start, and the machine's boot and pid namespace."""
    return _named(os.getpid())


def is_dead(owner: str) -> bool:
    """Says whether an owner is surely dead: a process of this machine that is not there any more.

    False for owners elsewhere, and where the system does not show its processes (no /proc, or hidden ones).
    """
    try:
        _, pid, started, machine = owner.rsplit(":", 3)
    except ValueError:
        return False
    if not machine or machine != _machine() or _started(1) is None:
        return False
    return _started(int(pid)) != int(started)


@cache
def _named(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{_started(pid) or 0}:{_machine()}"


def _started(pid: int) -> int | None:
    """Returns when a process started, in the kernel's ticks; None when it is not there, or only waits to be reaped."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state in "ZX" else int(fields[18])
    except (OSError, ValueError, IndexError):
        return None


@cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot[:13]}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""
