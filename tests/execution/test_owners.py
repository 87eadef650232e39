"""Whether a worker is dead, as far as this machine can tell."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dataops_core.execution.owners import is_dead, this_process

TELL = "from dataops_core.execution.owners import this_process; print(this_process(), flush=True); input()"


def test_this_process_lives():
    assert not is_dead(this_process())


def test_a_process_is_dead_when_it_has_ended_also_before_it_is_reaped():
    other = subprocess.Popen([sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    name = other.stdout.readline().strip()
    assert not is_dead(name)
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(name)
    other.communicate()
    assert is_dead(name)


def test_another_process_with_the_same_number_is_another():
    host, pid, started, machine = this_process().rsplit(":", 3)
    assert is_dead(f"{host}:{pid}:{int(started) - 1}:{machine}")


@pytest.mark.parametrize("owner", ["", "dead:1", "host:1:2:", "host:999999:1:elsewhere/1", "a:b:c:d"])
def test_nothing_is_known_of_other_machines(owner):
    assert not is_dead(owner)


def test_a_fork_is_an_owner_of_its_own():
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(writing, this_process().encode())
        os._exit(0)
    os.waitpid(pid, 0)
    name = os.read(reading, 1000).decode()
    assert name != this_process()
    assert is_dead(name)
