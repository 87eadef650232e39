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


def addresses(home: Path) -> dict[str, Any]:
    """Returns where the stores of a home are: `records` and `blobs`, URLs unless embedded, and the `environment`."""
    file = home / _ADDRESSES
    return json.loads(file.read_text()) if file.exists() else {}


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
    """The server keeps all in memory: that of the first home stays until the end, and forks where a copy is served."""
    origin = addresses(home)
    if origin:
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{origin['environment']['AWS_ENDPOINT_URL']}/copied", method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
            copy = json.load(answer)
        _note(home, copy["endpoint"])
        try:
            yield
        finally:
            os.kill(copy["pid"], signal.SIGKILL)
        return
    sys.path.insert(0, str(_PLUGINS / "dataops-aws"))
    from aws_standins import processes

    lasting = ExitStack()
    endpoint = lasting.enter_context(processes.moto())
    atexit.register(lasting.close)
    told = _note(home, endpoint)
    stores = {"DATAOPS_RECORDS_URL": told["records"], "DATAOPS_BLOBS_URL": told["blobs"]}
    command = [Path(sys.executable).with_name("dataops"), "storage", "init"]
    subprocess.run(command, env={**os.environ, **told["environment"], **stores}, check=True, capture_output=True)
    yield


def _note(home: Path, endpoint: str) -> dict[str, Any]:
    told = {
        "records": "dynamodb://eu-west-1/campaign_",
        "blobs": "s3://campaign/blobs",
        "environment": {**_AWS, "AWS_ENDPOINT_URL": endpoint},
    }
    (home / _ADDRESSES).write_text(json.dumps(told))
    return told
