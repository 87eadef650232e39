"""DataOps workflow that profiles a data file: types, statistics, and what is wrong with the data."""

from __future__ import annotations

from typing import Any

from dataops_core import hookimpl


@hookimpl
def dataops_register_workflows(registry: Any) -> None:
    """Registers the workflow. The class is imported here, so that being installed costs nothing."""
    from data_profiler.workflow import DataProfiler

    registry.register(DataProfiler)
