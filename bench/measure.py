"""Interleaved measuring: medians or low quantiles of rounds, CPU of this process or of whole child processes."""

from __future__ import annotations

import os
import random
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One budget: what was measured, the limit, and what the sides of the ratio are."""

    what: str
    measured: float
    limit: float
    unit: str
    how: str

    @property
    def met(self) -> bool:
        """Whether the measured figure is within the limit."""
        return self.measured <= self.limit


def interleaved(sides: Mapping[str, Callable[[], object]], *, rounds: int, repeat: int, cpu: bool) -> dict[str, float]:
    """Runs every side `repeat` times a round, in shuffled order, and returns each side's median seconds per call."""
    clock = time.process_time if cpu else time.perf_counter
    taken: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    shuffle = random.Random(7).shuffle
    for call in sides.values():
        call()
    for _ in range(rounds):
        shuffle(names)
        for name in names:
            start = clock()
            for _ in range(repeat):
                sides[name]()
            taken[name].append((clock() - start) / repeat)
    return {name: statistics.median(values) for name, values in taken.items()}


def quantiles(sides: Mapping[str, Callable[[], object]], *, rounds: int, share: float = 0.1) -> dict[str, float]:
    """Returns a low quantile of each side's CPU seconds, of single calls in turn: what others do only adds to them.

    Args:
        sides: what to call.
        rounds: how often each is called.
        share: of the calls that are below what is returned.
    """
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, call in sides.items():
            start = time.process_time()
            call()
            taken[name].append(time.process_time() - start)
    return {name: sorted(values)[int(share * rounds)] for name, values in taken.items()}


def process_cpu(command: Sequence[str], env: Mapping[str, str]) -> float:
    """Returns the CPU seconds (user and system) of one run of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def processes(
    sides: Mapping[str, Sequence[str]], envs: Mapping[str, Mapping[str, str]], rounds: int = 9
) -> dict[str, float]:
    """Returns the median CPU seconds of whole processes, run in shuffled order after one warm-up each."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    shuffle = random.Random(7).shuffle
    for name in names:
        process_cpu(sides[name], envs[name])
    for _ in range(rounds):
        shuffle(names)
        for name in names:
            taken[name].append(process_cpu(sides[name], envs[name]))
    return {name: statistics.median(values) for name, values in taken.items()}


def environment(home: str, *paths: str) -> dict[str, str]:
    """Returns this process's environment with another home, further module paths, and bytecode allowed."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE" and not k.startswith("DATAOPS_")}
    path = os.pathsep.join([*paths, *filter(None, [env.get("PYTHONPATH", "")])])
    return {**env, "DATAOPS_HOME": home, "PYTHONPATH": path}
