"""Every clause of both contracts, also those that need other processes and a bad network.

The servers are written in Python, so the suites look less far than elsewhere; DATAOPS_SUITE_EXAMPLES and
DATAOPS_SUITE_KILLS let them look further.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from aws_standins.processes import opened_at
from dataops_aws.dynamodb import dataops_record_store
from dataops_aws.s3 import dataops_blob_store

from dataops_core.testing import BlobStoreSuite, RecordStoreSuite, child
from dataops_core.testing.record_case import TABLES

pytestmark = [pytest.mark.usefixtures("aws", "patient", "quick_retries"), pytest.mark.timeout(3600)]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server written in Python takes its time; what is killed line by line, too."""
    monkeypatch.setattr(child, "SECONDS", 1800)


def name_of(place: Path) -> str:
    return hashlib.sha256(str(place).encode()).hexdigest()[:24]


class OnMoto:
    """What both suites say of the server."""

    examples = int(os.environ.get("DATAOPS_SUITE_EXAMPLES", "4"))
    steps = 15
    kills = 30

    @pytest.fixture(autouse=True)
    def server(self, moto: str) -> None:
        self.moto = urlsplit(moto)

    def upstream(self, place: Path) -> tuple[str, int]:
        return str(self.moto.hostname), int(self.moto.port or 0)


class TestDynamoRecords(OnMoto, RecordStoreSuite):
    plugin = "dataops_aws.dynamodb"
    many = 1_000

    def url(self, place: Path) -> str:
        return f"dynamodb://eu-west-1/t{name_of(place)}_"

    def proxied(self, place: Path, port: int) -> Any:
        return opened_at(port, lambda: dataops_record_store(url=f"{self.url(place)}?timeout=1", tables=TABLES))


class TestS3Blobs(OnMoto, BlobStoreSuite):
    plugin = "dataops_aws.s3"

    def url(self, place: Path) -> str:
        return f"s3://b{name_of(place)}/some/prefix"

    def proxied(self, place: Path, port: int) -> Any:
        return opened_at(port, lambda: dataops_blob_store(url=f"{self.url(place)}?timeout=1"))

    def corrupt(self, place: Path, key: str) -> None:
        """Puts another content in the object's place, with the metadata that it had."""
        s3 = boto3.client("s3")
        where = {"Bucket": f"b{name_of(place)}", "Key": f"some/prefix/{key}"}
        there = s3.get_object(**where)
        data = there["Body"].read()
        s3.put_object(**where, Body=bytes([data[0] ^ 1]) + data[1:], Metadata=there["Metadata"])
