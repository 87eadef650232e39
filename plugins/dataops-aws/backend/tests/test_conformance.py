"""Every clause of both contracts. The server is written in Python, so the model takes fewer runs than elsewhere.

DATAOPS_SUITE_EXAMPLES has it take more.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from dataops_aws import dynamodb, s3, service

from dataops_core.testing import BlobStoreSuite, RecordStoreSuite, child
from dataops_core.testing.record_case import TABLES

EXAMPLES = int(os.environ.get("DATAOPS_SUITE_EXAMPLES", "4"))
pytestmark = [pytest.mark.usefixtures("patient"), pytest.mark.timeout(3600)]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server written in Python takes its time; what is killed line by line, too."""
    monkeypatch.setattr(child, "SECONDS", 1800)


def name_of(place: Path) -> str:
    return hashlib.sha256(str(place).encode()).hexdigest()[:24]


class OnEmulator:
    """Where the server is, and how boto3 reaches it through the proxy."""

    examples = EXAMPLES
    steps = 15

    @pytest.fixture(autouse=True)
    def server(self, aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.endpoint, self.monkeypatch = aws, monkeypatch

    def upstream(self, place: Path) -> tuple[str, int]:
        host, _, port = self.endpoint.removeprefix("http://").partition(":")
        return host, int(port)

    def opened_through(self, opened: Callable[[], Any], port: int) -> Any:
        """Opens a store whose client is made now, by which it finds the proxy and waits briefly."""
        with self.monkeypatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
            patch.setattr(service, "_READ_SECONDS", {"dynamodb": 1, "s3": 1})
            store = opened()
            assert store.service.client
        return store


class TestDynamoRecords(OnEmulator, RecordStoreSuite):
    plugin = "dataops_aws.dynamodb"
    many = 1_000

    def url(self, place: Path) -> str:
        return f"dynamodb://eu-west-1/t{name_of(place)}_"

    def proxied(self, place: Path, port: int) -> Any:
        return self.opened_through(lambda: dynamodb.dataops_record_store(url=self.url(place), tables=TABLES), port)


class TestS3Blobs(OnEmulator, BlobStoreSuite):
    plugin = "dataops_aws.s3"

    def url(self, place: Path) -> str:
        return f"s3://b{name_of(place)}/some/prefix"

    def proxied(self, place: Path, port: int) -> Any:
        return self.opened_through(lambda: s3.dataops_blob_store(url=self.url(place)), port)

    def corrupt(self, place: Path, key: str) -> None:
        """Puts another content in the object's place, with the metadata that it had."""
        client = boto3.client("s3")
        where = {"Bucket": f"b{name_of(place)}", "Key": f"some/prefix/{key}"}
        there = client.get_object(**where)
        data = there["Body"].read()
        client.put_object(**where, Body=bytes([data[0] ^ 1]) + data[1:], Metadata=there["Metadata"])
