"""Files keep the blob store's contract."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataops_core.storage.file_blobs import file_url
from dataops_core.testing import BlobStoreSuite
from tests.storage.broken_blobs import damage
from tests.storage.processes import MEMORY


class TestFileBlobs(BlobStoreSuite):
    plugin = "dataops_core.storage.file_blobs"
    kills = 10_000  # every line

    @pytest.fixture
    def tmp_path(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            yield Path(folder)

    def url(self, place: Path) -> str:
        return file_url(place / "blobs")

    def corrupt(self, place: Path, key: str) -> None:
        damage(place / "blobs", key)
