"""Sessions with something of everything, and workflows that a test makes."""

from __future__ import annotations

import pytest

from dataops_core import ArtifactStore, SessionManager
from tests.graph_runs import GraphRuns


@pytest.fixture
def sessions(stores):
    return SessionManager(stores)


@pytest.fixture
def artifacts(stores):
    return ArtifactStore(stores)


@pytest.fixture
def run_graph(stores, monkeypatch) -> GraphRuns:
    return GraphRuns(stores, monkeypatch)
