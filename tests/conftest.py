"""Fixtures that every test may use: a private home, and the embedded stores in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dataops_core import settings
from dataops_core.execution import graphs
from dataops_core.plugin import manager
from dataops_core.storage import opening
from dataops_core.storage.opening import Stores
from dataops_core.workflow_registry import WORKFLOW_REGISTRY

PLUGINS = Path(__file__).parents[1] / "plugins"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home that the settings of this process and of its children use."""
    folder = tmp_path / "home"
    for name in ("DATAOPS_RECORDS_URL", "DATAOPS_BLOBS_URL", "REDIS_HOST", "AWS_DYNAMODB_TABLE", "ARTIFACT_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATAOPS_HOME", str(folder))
    # The core is tested with toys: what else is installed must not be routed to.
    monkeypatch.setenv("DATAOPS_PLUGINS_BLOCK", ",".join(plugin.name for plugin in PLUGINS.glob("dataops-*")))
    forget()
    settings.use(settings.load())
    yield folder
    opening.close_stores()
    forget()


@pytest.fixture
def stores(home: Path) -> Stores:
    """The embedded stores, empty."""
    return opening.open_stores()


def forget() -> None:
    """Forgets what a process remembers of its installation."""
    graphs.forget()
    manager.reset()
    WORKFLOW_REGISTRY.clear()
