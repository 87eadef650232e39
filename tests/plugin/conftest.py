"""The fixture `world`: an import path of one's own, left as it was found."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.plugin.installed import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)
    yield World(tmp_path, tmp_path / "home", list(sys.path))
    for name in set(sys.modules) - modules:
        module = sys.modules[name]
        if not isinstance(module, ModuleType) or (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
    importlib.invalidate_caches()
