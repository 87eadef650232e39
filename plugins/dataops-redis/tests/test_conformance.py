"""Redis 6.2, alone and as a cluster of three, keeps the record store's contract. `backend/tests` looks further."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dataops_redis.plugin import dataops_record_store
from redis_servers import Server, cluster

from dataops_core.testing import RecordStoreSuite
from dataops_core.testing.record_case import TABLES


def prefix(place: Path) -> str:
    return f"prefix=t{hashlib.sha256(str(place).encode()).hexdigest()[:20]}"


class TestRedisRecords(RecordStoreSuite):
    plugin = "dataops_redis.plugin"
    examples = 4  # each step is synced to the disk
    kills = 20
    many = 1_000
    patience = 4.0

    @pytest.fixture(autouse=True)
    def server(self, redis: Server) -> None:
        self.redis = redis

    def url(self, place: Path) -> str:
        return f"{self.redis.url}?{prefix(place)}"

    def upstream(self, place: Path) -> tuple[str, int]:
        return "127.0.0.1", self.redis.port

    def proxied(self, place: Path, port: int) -> Any:
        url = f"redis://127.0.0.1:{port}?{prefix(place)}&timeout=0.5&retry=1"
        return dataops_record_store(url=url, tables=TABLES)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


class TestClusterRecords(RecordStoreSuite):
    plugin = "dataops_redis.plugin"
    examples = 2
    kills = 4  # the same lines as on one server, where more of them are tried
    many = 300
    processes = 2

    @pytest.fixture(autouse=True)
    def servers(self, nodes: list[Server]) -> None:
        self.nodes = nodes

    def url(self, place: Path) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://{hosts}?{prefix(place)}"
