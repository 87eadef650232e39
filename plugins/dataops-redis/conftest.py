"""Real servers on free ports of this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from redis_servers import Server, server

from dataops_core import testing

#: Asked for before anything of the suite is imported, so that pytest explains its assertions.
SUITES = (testing.RecordStoreSuite,)


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Redis 6.2 that syncs every commit."""
    with server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def url(redis: Server) -> str:
    """The URL of an empty record store."""
    return f"{redis.url}?prefix=t{uuid4().hex[:12]}"
