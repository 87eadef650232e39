"""DataOps workflow that reads AutoSys JIL: what runs before and after a job, cycles, missing jobs, critical chain."""

from __future__ import annotations

from typing import Any

from dataops_core import hookimpl


@hookimpl
def dataops_register_workflows(registry: Any) -> None:
    """Registers the workflow. The class is imported here, so that being installed costs nothing."""
    from jil_parser.workflow import JilParser

    registry.register(JilParser)
