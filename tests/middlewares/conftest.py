"""The fixture that every test of a middleware uses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.graph_runs import GraphRuns


@pytest.fixture
def runs(stores: Any, monkeypatch: pytest.MonkeyPatch) -> GraphRuns:
    return GraphRuns(stores, monkeypatch)
