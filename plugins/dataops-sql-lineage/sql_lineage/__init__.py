"""DataOps workflow that tells which columns of which tables feed the columns of a SQL query or script."""

from __future__ import annotations

from typing import Any

from dataops_core import hookimpl


@hookimpl
def dataops_register_workflows(registry: Any) -> None:
    """Registers the workflow. The class is imported here, so that being installed costs nothing."""
    from sql_lineage.workflow import SqlLineage

    registry.register(SqlLineage)
