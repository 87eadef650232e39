"""Listing starts at once: what it imports, and its CPU against a bare interpreter in one interleaved run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.many_plugins import install

CHECKOUT = Path(__file__).parents[2]
HEAVY = (
    "langgraph", "langchain_core", "pydantic", "anthropic", "boto3", "redis", "structlog", "asyncio", "yaml",
    "pluggy", "importlib_metadata",
)  # fmt: skip
LIST = """
import click
from dataops_core import settings
from dataops_core.plugin.manager import plugins
manifests = plugins().manifests()
"""


def run(program: str, site: Path | None, home: Path) -> tuple[str, float]:
    """Returns what a new interpreter prints, and its CPU seconds."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DATAOPS_"))}
    environment |= {"DATAOPS_HOME": str(home), "PYTHONPATH": os.pathsep.join(map(str, filter(None, (site, CHECKOUT))))}
    reading, writing = os.pipe()
    child = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=writing, cwd=home.parent)
    os.close(writing)
    with open(reading) as pipe:
        out = pipe.read()
    _pid, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return out, usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("program", ["import dataops_core", LIST])
def test_nothing_heavy_is_imported(program: str, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install(site, 3)
    run(LIST, site, tmp_path / "home")  # fills the cache
    told = "\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    modules = set(json.loads(run(program + told, site, tmp_path / "home")[0]))
    assert "dataops_core" in modules
    assert not modules & set(HEAVY)
    assert not [name for name in modules if name.startswith("task_")]


@pytest.mark.parametrize(("number", "limit"), [(20, 11), pytest.param(1000, 20, marks=pytest.mark.slow)])
def test_listing_is_within_its_budget(number: int, limit: float, tmp_path: Path) -> None:
    site, home = tmp_path / "site", tmp_path / "home"
    install(site, number)
    counted = LIST + f"\nassert len([n for n in manifests if n.startswith('task_')]) == {number}\n"
    run(counted, site, home)
    pairs = [(run(counted, site, home)[1], run("pass", site, home)[1]) for _ in range(9)]
    # The least of each is what it costs; whatever is above it, other processes cost.
    ratio = min(listing for listing, _ in pairs) / min(bare for _, bare in pairs)
    print(f"list of {number} plugins: {ratio:.1f} times a bare interpreter, allowed are {limit}")
    assert ratio <= limit
