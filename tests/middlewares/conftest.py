"""The fixture that every test of a middleware uses."""

from __future__ import annotations

from typing import Any

import pytest

from dataops_core.execution import layers
from tests.graph_runs import GraphRuns


@pytest.fixture
def runs(stores: Any, monkeypatch: pytest.MonkeyPatch) -> GraphRuns:
    """Runs graphs; what was said once may be said again."""
    monkeypatch.setattr(layers, "_said", set())
    return GraphRuns(stores, monkeypatch)
