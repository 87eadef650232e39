"""How long the command line takes to start, as a multiple of `python -c pass`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import workflows
from bench.measure import Row, environment, processes

DATAOPS = str(Path(sys.executable).parent / "dataops")


def rows() -> Iterator[Row]:
    """Measures whole processes with bytecode and a warm manifest cache."""
    with tempfile.TemporaryDirectory() as folder:
        envs = {"pass": environment(f"{folder}/home")}
        sides = {"pass": [sys.executable, "-c", "pass"]}
        for count in (20, 1000):
            site = Path(folder, f"site{count}")
            for number in range(count):
                workflows.install(site, f"chain_{number}")
            envs[f"list {count}"] = environment(f"{folder}/home{count}", str(site))
            sides[f"list {count}"] = [DATAOPS, "list"]
        envs["version"] = envs["import"] = envs["pass"]
        sides["version"] = [DATAOPS, "--version"]
        sides["import"] = [sys.executable, "-c", "import dataops_core"]
        cpu = processes(sides, envs)
    for name, limit in (("version", 6.0), ("list 20", 11.0), ("list 1000", 20.0), ("import", 6.0)):
        what = {"version": "dataops --version", "import": "import dataops_core"}.get(name, f"dataops {name} plugins")
        how = f"{cpu[name] * 1e3:.0f} ms / python -c pass {cpu['pass'] * 1e3:.0f} ms"
        yield Row(f"{what}, CPU", cpu[name] / cpu["pass"], limit, "x", how)
