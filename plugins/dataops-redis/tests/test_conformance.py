"""Redis 6.2, alone and as a cluster of three, keeps the record store's contract. `backend/tests` looks further."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from redis_servers import Server, cluster

from dataops_core.testing import RecordStoreSuite

#: Few runs, since each step is synced to the disk.
QUICK = settings(max_examples=4, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))


def prefix(place: Path) -> str:
    return f"prefix=t{hashlib.sha256(str(place).encode()).hexdigest()[:20]}"


class TestRedisRecords(RecordStoreSuite):
    plugin = "dataops_redis.plugin"
    machine = QUICK

    @pytest.fixture(autouse=True)
    def server(self, redis: Server) -> None:
        self.redis = redis

    def url(self, place: Path) -> str:
        return f"{self.redis.url}?{prefix(place)}"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


class TestClusterRecords(RecordStoreSuite):
    plugin = "dataops_redis.plugin"
    machine = QUICK
    processes = 2

    @pytest.fixture(autouse=True)
    def servers(self, nodes: list[Server]) -> None:
        self.nodes = nodes

    def url(self, place: Path) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://{hosts}?{prefix(place)}"

    # The same lines as on one server, which are seen there.
    test_a_kill_at_every_step_leaves_all_or_nothing = None  # type: ignore[assignment]
