"""SQLite keeps the record store's contract."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataops_core.storage.sqlite_records import sqlite_url
from dataops_core.testing import RecordStoreSuite
from tests.storage.processes import MEMORY


class TestSqliteRecords(RecordStoreSuite):
    plugin = "dataops_core.storage.sqlite_records"
    processes = 8
    kills = 10_000  # every line

    @pytest.fixture
    def tmp_path(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            yield Path(folder)

    def url(self, place: Path) -> str:
        return sqlite_url(place / "dataops.db")
