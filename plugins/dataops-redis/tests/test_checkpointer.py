"""The saver of graph checkpoints on Redis, alone and as a cluster of three."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dataops_redis.plugin import dataops_record_store
from redis_servers import Server, cluster

from dataops_core.storage.file_blobs import FileBlobs
from dataops_core.storage.opening import Stores
from dataops_core.storage.schema import TABLES
from dataops_core.testing import CheckpointerSuite


class OnRedis(CheckpointerSuite):
    """Records at `address`, blobs in files."""

    address: str

    def stores(self, place: Path) -> Stores:
        url = f"{self.address}?prefix={place.name[-40:]}"
        return Stores(dataops_record_store(url=url, tables=TABLES), FileBlobs(place))


class TestRedisCheckpointer(OnRedis):
    @pytest.fixture(autouse=True)
    def server(self, redis: Server) -> None:
        self.address = redis.url


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


class TestClusterCheckpointer(OnRedis):
    kills = 10

    @pytest.fixture(autouse=True)
    def servers(self, nodes: list[Server]) -> None:
        self.address = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
