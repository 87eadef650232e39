"""A toy workflow, installed as pip would, and `dataops` called in this process or as one of its own."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.cli.program import MANIFEST, STEPS
from tests.toys import install_workflow


@pytest.fixture(autouse=True)
def logging_left_alone() -> Iterator[None]:
    """Commands that run something set logging up for their process; here that is the process of the tests."""
    import structlog

    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], _ = handlers, root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


#: What is installed here beside the core, and blocked: a test sees what it installs itself.
OURS = ("dataops-aws", "dataops-data-profiler", "dataops-jil-parser", "dataops-redis", "dataops-sql-lineage")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Path]:
    """A folder of installed distributions: the workflow `three_steps`, and no other of this machine."""
    folder = tmp_path / "site"
    folder.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.syspath_prepend(str(folder))
    root = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), root, os.environ.get("PYTHONPATH", "")]))
    for name in ("NO_COLOR", "FORCE_COLOR", "LOG_LEVEL", "LOG_FORMAT", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATAOPS_PLUGINS_BLOCK", ",".join(OURS))
    install_workflow(folder, "three_steps", STEPS, MANIFEST)
    yield folder
    for name in [m for m in sys.modules if m.split(".")[0] in ("three_steps", "apart", "broken_flow", "toy_commands")]:
        del sys.modules[name]


Dataops = Callable[..., Result]


@pytest.fixture
def dataops(site: Path) -> Dataops:
    """Calls the command line in this process."""
    from dataops_core.cli.main import dataops as command

    def call(*arguments: str, **options: Any) -> Result:
        result = CliRunner().invoke(command, arguments, prog_name="dataops", **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call
