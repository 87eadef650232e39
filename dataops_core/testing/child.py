"""Other processes for the suites: each opens the store anew by its plugin and URL, does a job, and tells what it did.

A job is a function of this package, `job(store, say, **arguments)`. What it says arrives line by line, so that what was
acknowledged before a kill is known.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

SECONDS = 120


@dataclass(frozen=True)
class Place:
    """Where a store is: the module that opens it, and its URL."""

    plugin: str
    url: str

    def records(self) -> Any:
        """Opens the record store with the suite's tables."""
        from dataops_core.testing.record_case import TABLES

        return import_module(self.plugin).dataops_record_store(url=self.url, tables=TABLES)

    def blobs(self) -> Any:
        """Opens the blob store."""
        return import_module(self.plugin).dataops_blob_store(url=self.url)


class Child:
    """A process that does one job.

    Args:
        place: where the store is.
        job: `module.function` of this package; the module's name says which kind of store it gets.
        skew: seconds by which the process's clock (`time.time`) is ahead.
        arguments: JSON, handed to the job.
    """

    def __init__(self, place: Place, job: str, *, skew: float = 0.0, **arguments: Any) -> None:
        self.job = job
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dataops_core.testing.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        request = {"plugin": place.plugin, "url": place.url, "job": job, "skew": skew, "arguments": arguments}
        self._send(json.dumps(request))

    def ready(self) -> None:
        """Waits until the store is open."""
        assert self._out.readline() == '"ready"\n', f"{self.job} did not start"

    def go(self) -> None:
        """Lets the job begin."""
        self._send("go")

    def said(self) -> Any:
        """Returns the next thing that the job said."""
        line = self._out.readline()
        assert line, f"{self.job} ended early"
        return json.loads(line)

    def kill(self) -> list[Any]:
        """Kills the process as a power cut would, and returns what it had said."""
        self._process.kill()
        out, _ = self._process.communicate(timeout=SECONDS)
        # The last line may be torn.
        return [json.loads(line) for line in out.splitlines(keepends=True) if line.endswith("\n")]

    def result(self) -> list[Any]:
        """Waits for the end and returns everything that was said since."""
        out, _ = self._process.communicate(timeout=SECONDS)
        assert self._process.returncode == 0, f"{self.job} failed with status {self._process.returncode}"
        return [json.loads(line) for line in out.splitlines()]

    @property
    def _out(self) -> Any:
        return self._process.stdout

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def together(children: Sequence[Child]) -> list[list[Any]]:
    """Starts jobs at the same moment; returns what each said."""
    for child in children:
        child.ready()
    for child in children:
        child.go()
    return [child.result() for child in children]


def killed_at_every_step(
    package: str, act: Callable[[int], Callable[[], Any]], say: Callable[[Any], None], at_most: int
) -> None:
    """Does something again and again in processes of its own, each killed some lines of the backend's code later.

    Args:
        package: the package whose lines are counted.
        act: is handed the number of the attempt; returns a function whose lines are counted.
        say: is told `[number, acknowledged]` of each attempt; the first and the last are not killed.
        at_most: how many lines are chosen, spread evenly over all; every line where there are no more.
    """
    lines, acknowledged = _attempt(0, None, package, act)
    say([0, acknowledged])
    chosen = min(lines, at_most)
    for number in (1 + turn * lines // chosen for turn in range(chosen)):
        say([number, _attempt(number, number, package, act)[1]])
    say([lines + 1, _attempt(lines + 1, None, package, act)[1]])


def _attempt(
    number: int, dies_after: int | None, package: str, act: Callable[[int], Callable[[], Any]]
) -> tuple[int, bool]:
    """Acts in a process of its own; returns how many lines it ran, and whether it came to its end."""
    mine, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        _run(number, dies_after, package, act, theirs)
    os.close(theirs)
    with os.fdopen(mine, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    killed = os.WIFSIGNALED(status)
    assert killed or os.WEXITSTATUS(status) == 0, f"attempt {number} failed by itself"
    assert not killed or dies_after is not None, f"attempt {number} was killed by somebody else"
    return int(said or 0), bool(said)


def _run(number: int, dies_after: int | None, package: str, act: Callable[[int], Callable[[], Any]], out: int) -> None:
    import signal
    import traceback

    lines = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal lines
        name = frame.f_globals.get("__name__", "")
        if name != package and not name.startswith(package + "."):
            return None
        if event == "line":
            lines += 1
            if lines == dies_after:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    try:
        finish = act(number)
        sys.settrace(trace)
        finish()
        sys.settrace(None)
        os.write(out, b"%d" % lines)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def main() -> None:
    """Does the job that standard input names."""
    request = json.loads(sys.stdin.readline())
    module, function = request["job"].split(".")
    if request["skew"]:  # before the backend is imported, which may keep the function
        clock = time.time
        time.time = lambda: clock() + request["skew"]
    place = Place(request["plugin"], request["url"])
    job = getattr(import_module(f"dataops_core.testing.{module}"), function)

    def say(what: Any) -> None:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()

    open_store = place.records if module.startswith("record") else place.blobs
    if getattr(job, "opens_itself", False):
        store: Any = open_store
        request["arguments"]["package"] = place.plugin.rpartition(".")[0] or place.plugin
    else:
        store = open_store()
    say("ready")
    sys.stdin.readline()
    job(store, say, **request["arguments"])


if __name__ == "__main__":
    main()
