"""Conformance suites for other people's backends, and what tests of workflows need. Ships with the core.

A backend proves itself in ten lines of a test module; pytest and Hypothesis are needed (`dataops-core[testing]`):

    from dataops_core.testing import RecordStoreSuite

    class TestMyRecords(RecordStoreSuite):
        plugin = "my_backend.records"                 # the module with `dataops_record_store`

        def url(self, place):                         # place: an empty folder, another one for each test
            return f"mine://localhost/{place.name}"

What more the suites try, and what a backend gives for it, is told by `dataops_core.testing.suite.Suite`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataops_core.testing.blob_suite import BlobStoreSuite
    from dataops_core.testing.checkpointer_suite import CheckpointerSuite
    from dataops_core.testing.clauses import failed_clauses
    from dataops_core.testing.fault_proxy import FaultProxy
    from dataops_core.testing.index_lag import IndexLag
    from dataops_core.testing.record_suite import RecordStoreSuite

_LAZY = {
    "BlobStoreSuite": "blob_suite",
    "CheckpointerSuite": "checkpointer_suite",
    "FaultProxy": "fault_proxy",
    "IndexLag": "index_lag",
    "RecordStoreSuite": "record_suite",
    "failed_clauses": "clauses",
}

#: Modules with assertions; pytest explains them when it is told before they are imported.
_EXPLAINED = ("record_case", "record_commits", "record_limits", "record_listings", "record_machine", "record_network",
              "record_processes", "record_scale", "record_suite", "record_values", "network_case", "checkpointer_suite",
              "blob_case", "blob_clauses", "blob_machine", "blob_network", "blob_suite")  # fmt: skip

__all__ = ["BlobStoreSuite", "CheckpointerSuite", "FaultProxy", "IndexLag", "RecordStoreSuite", "failed_clauses"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name.endswith("Suite"):
        import pytest

        pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _EXPLAINED))
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
