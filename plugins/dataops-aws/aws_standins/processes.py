"""Servers in processes of their own, ended by their own process ids."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


def free_port() -> int:
    """Returns a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(command: Sequence[str], port: int) -> Iterator[str]:
    """Runs a server until the end; yields its endpoint once it answers."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not _answers(endpoint):
            _require(process.poll() is None, f"{command} did not start")
            _require(time.monotonic() < deadline, f"{command} does not answer")
            time.sleep(0.1)
        yield endpoint
    finally:
        process.kill()  # by its own id; what it holds is in memory
        process.wait(timeout=20)


@contextmanager
def moto() -> Iterator[str]:
    """Runs DynamoDB and S3 in memory; yields the endpoint."""
    port = free_port()
    with server([sys.executable, str(Path(__file__).with_name("emulator.py")), str(port)], port) as endpoint:
        yield endpoint


def opened_at(port: int, opening: Callable[[], Any], scheme: str = "http") -> Any:
    """Opens a store whose AWS is on a port of this machine, and whatever else is opened stays where it was."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"{scheme}://127.0.0.1:{port}")
        store = opening()
        _ = store.service.client  # made when it is first asked for
    return store


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise RuntimeError(what)


def _answers(endpoint: str) -> bool:
    host, _, port = endpoint.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=2)
    try:
        connection.request("GET", "/")
        connection.getresponse()
        return True
    except OSError:
        return False
    finally:
        connection.close()
