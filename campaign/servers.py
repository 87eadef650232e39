"""What serves the stores of a home: nothing for the embedded ones, servers of its own where the campaign says so."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

#: The variable that names the backend: "", "redis" or "aws".
BACKEND: Final = "CAMPAIGN_BACKEND"
_PLUGINS: Final = Path(__file__).parents[1] / "plugins"
_ADDRESSES: Final = "addresses.json"
_AWS: Final = {
    "AWS_ACCESS_KEY_ID": "campaign", "AWS_SECRET_ACCESS_KEY": "campaign", "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}  # fmt: skip
_RECORDS: Final = "dynamodb://eu-west-1/campaign_"
_BLOBS: Final = "s3://campaign/blobs"


def addresses(home: Path) -> dict[str, Any]:
    """Returns where the stores of a home are: `records` and `blobs`, URLs unless embedded, and the `environment`."""
    file = home / _ADDRESSES
    return json.loads(file.read_text()) if file.exists() else {}


def warm() -> None:
    """Imports what the stores of the chosen backend need, for the processes that are forked from this one."""
    if os.environ.get(BACKEND) == "aws":
        import boto3  # noqa: F401
        import dataops_aws.blobs
        import dataops_aws.records  # noqa: F401


@contextmanager
def served(home: Path) -> Iterator[None]:
    """Serves the stores of a home within the block. A copy of the home's folder has a copy of what they keep."""
    backend = os.environ.get(BACKEND, "")
    with {"": _embedded, "redis": _redis, "aws": _aws}[backend](home):
        yield


@contextmanager
def _embedded(_: Path) -> Iterator[None]:
    yield


@contextmanager
def _redis(home: Path) -> Iterator[None]:
    sys.path.insert(0, str(_PLUGINS / "dataops-redis"))
    from redis_servers import server

    folder = home / "redis"
    folder.mkdir(exist_ok=True)
    with server(folder) as running:
        (home / _ADDRESSES).write_text(json.dumps({"records": running.url}))
        yield


@contextmanager
def _aws(home: Path) -> Iterator[None]:
    """The server keeps all in memory, so it forks: that of a new home stays until the end, that of a copy ends here."""
    origin = addresses(home)
    endpoint, process = _forked(origin["environment"]["AWS_ENDPOINT_URL"] if origin else _empty_aws())
    _note(home, endpoint)
    if not origin:
        atexit.register(os.kill, process, signal.SIGKILL)
    try:
        yield
    finally:
        if origin:
            os.kill(process, signal.SIGKILL)


@cache
def _empty_aws() -> str:
    """Starts a server, creates tables and bucket, and returns its endpoint."""
    sys.path.insert(0, str(_PLUGINS / "dataops-aws"))
    from aws_standins import processes

    lasting = ExitStack()
    endpoint = lasting.enter_context(processes.moto())
    atexit.register(lasting.close)
    stores = {"DATAOPS_RECORDS_URL": _RECORDS, "DATAOPS_BLOBS_URL": _BLOBS, "AWS_ENDPOINT_URL": endpoint}
    command = [Path(sys.executable).with_name("dataops"), "storage", "init"]
    subprocess.run(command, env={**os.environ, **_AWS, **stores}, check=True, capture_output=True)
    return endpoint


def _forked(endpoint: str) -> tuple[str, int]:
    """Lets a server make a copy of itself; returns the copy's endpoint and process id."""
    request = urllib.request.Request(f"{endpoint}/copied", method="POST")  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
        copy = json.load(answer)
    return copy["endpoint"], copy["pid"]


def _note(home: Path, endpoint: str) -> None:
    told = {"records": _RECORDS, "blobs": _BLOBS, "environment": {**_AWS, "AWS_ENDPOINT_URL": endpoint}}
    (home / _ADDRESSES).write_text(json.dumps(told))
