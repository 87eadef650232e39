"""Redis 7, by TLS, and behind Sentinels. DATAOPS_REDIS_SERVER names the program of a Redis 7."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from dataops_redis.plugin import dataops_record_store
from redis_servers import Server, cluster, free_port, server

from dataops_core.contracts.records import ABSENT
from dataops_core.errors import Unreachable
from dataops_core.testing import RecordStoreSuite
from dataops_core.testing.record_case import ITEMS, RECORDS, TABLES, item, put


@pytest.fixture(scope="module", autouse=True)
def seven() -> None:
    """These tests are for Redis 7: without its program they fail rather than run with another one."""
    said = subprocess.run([os.environ["DATAOPS_REDIS_SERVER"], "--version"], capture_output=True, text=True, check=True)
    assert "v=7" in said.stdout, said.stdout


def prefix(place: Path) -> str:
    return f"prefix=t{hashlib.sha256(str(place).encode()).hexdigest()[:20]}"


class TestRedis7Records(RecordStoreSuite):
    plugin = "dataops_redis.plugin"
    processes = 8
    kills = 10_000

    @pytest.fixture(autouse=True)
    def running(self, redis: Server) -> None:
        self.redis = redis

    def url(self, place: Path) -> str:
        return f"{self.redis.url}?{prefix(place)}"

    def upstream(self, place: Path) -> tuple[str, int]:
        return "127.0.0.1", self.redis.port

    def proxied(self, place: Path, port: int) -> Any:
        return dataops_record_store(url=f"redis://127.0.0.1:{port}?{prefix(place)}&timeout=0.5&retry=1", tables=TABLES)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with cluster(tmp_path_factory.mktemp("cluster7")) as nodes:
        yield nodes


class TestCluster7Records(RecordStoreSuite):
    plugin = "dataops_redis.plugin"

    @pytest.fixture(autouse=True)
    def running(self, nodes: list[Server]) -> None:
        self.nodes = nodes

    def url(self, place: Path) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://{hosts}?{prefix(place)}"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder


def test_tls(certificates: Path, tmp_path: Path) -> None:
    port = free_port()
    options = ["--tls-port", str(port), "--tls-auth-clients", "no", "--tls-cert-file", f"{certificates}/cert.pem",
               "--tls-key-file", f"{certificates}/key.pem"]  # fmt: skip
    with server(tmp_path, *options):
        url = f"rediss://127.0.0.1:{port}?retry=0"
        store = dataops_record_store(url=f"{url}&ssl_ca_certs={certificates}/cert.pem", tables=TABLES)
        stored = put(store, item("s1", "a"))
        assert store.get(ITEMS, "s1", "a") == stored
        store.close()
        with pytest.raises(Unreachable, match="certificate verify failed"):
            dataops_record_store(url=url, tables=TABLES).get(ITEMS, "s1", "a")


@pytest.fixture
def sentinels(tmp_path: Path) -> Iterator[tuple[str, list[Server]]]:
    """A primary, a replica, and three Sentinels that watch them."""
    folders = [tmp_path / name for name in ("primary", "replica", "s1", "s2", "s3")]
    for folder in folders:
        folder.mkdir()
    processes: list[subprocess.Popen[Any]] = []
    with server(folders[0]) as primary, server(folders[1], "--replicaof", "127.0.0.1", str(primary.port)) as replica:
        ports = []
        for folder in folders[2:]:
            ports.append(free_port())
            file = folder / "sentinel.conf"
            file.write_text(
                f"port {ports[-1]}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {primary.port} 2\n"
                "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
            )
            command = [os.environ["DATAOPS_REDIS_SERVER"], str(file), "--sentinel"]
            processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        try:
            _wait(lambda: all(_knows(port) for port in ports))
            yield "redis+sentinel://" + ",".join(f"127.0.0.1:{port}" for port in ports) + "/main", [primary, replica]
        finally:
            for process in processes:
                process.kill()
                process.wait(timeout=20)


def _knows(port: int) -> bool:
    try:
        with redis_py.Redis(port=port) as client:
            told = client.sentinel_master("main")
            return told["num-other-sentinels"] == 2 and told["num-slaves"] >= 1
    except (redis_py.exceptions.RedisError, OSError):
        return False


def _wait(there: Any) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


def test_a_failover_is_followed(sentinels: tuple[str, list[Server]]) -> None:
    url, (primary, replica) = sentinels
    store = dataops_record_store(url=f"{url}?retry=30&timeout=2", tables=TABLES)
    before = put(store, {"id": "before"})
    assert any("a failover may lose the last commits" in finding.what for finding in store.check())
    with replica.client() as client:
        _wait(lambda: client.info("replication")["master_link_status"] == "up" and client.dbsize() >= 1)
    primary.kill()
    after = put(store, {"id": "after"}, ABSENT)
    assert store.get(RECORDS, "before") == before
    assert store.get(RECORDS, "after") == after
    store.close()


def test_a_service_that_nobody_knows(sentinels: tuple[str, list[Server]]) -> None:
    url, _ = sentinels
    store = dataops_record_store(url=url.replace("/main", "/nope") + "?retry=0", tables=TABLES)
    with pytest.raises(Unreachable, match="know no primary"):
        store.get(RECORDS, "a")


def test_a_port_of_something_else(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        store = dataops_record_store(
            url=f"redis://127.0.0.1:{other.getsockname()[1]}?timeout=0.3&retry=0", tables=TABLES
        )
        with pytest.raises(Unreachable):
            store.prepare()
