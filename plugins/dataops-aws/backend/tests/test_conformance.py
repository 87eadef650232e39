"""Every clause of both contracts, also those that need other processes; the model takes fewer runs than elsewhere.

DATAOPS_SUITE_EXAMPLES has it take more: the servers are written in Python, and 25 runs take six minutes.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import boto3
import pytest
from hypothesis import HealthCheck, settings

from dataops_core.testing import BlobStoreSuite, RecordStoreSuite, child

FEW = settings(
    max_examples=int(os.environ.get("DATAOPS_SUITE_EXAMPLES", "4")), stateful_step_count=15, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
pytestmark = [pytest.mark.usefixtures("aws", "patient"), pytest.mark.timeout(3600)]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server written in Python takes its time; what is killed line by line, too."""
    monkeypatch.setattr(child, "SECONDS", 1800)


def name_of(place: Path) -> str:
    return hashlib.sha256(str(place).encode()).hexdigest()[:24]


class TestDynamoRecords(RecordStoreSuite):
    plugin = "dataops_aws.dynamodb"
    machine = FEW

    def url(self, place: Path) -> str:
        return f"dynamodb://eu-west-1/t{name_of(place)}_"


class TestS3Blobs(BlobStoreSuite):
    plugin = "dataops_aws.s3"
    machine = FEW

    def url(self, place: Path) -> str:
        return f"s3://b{name_of(place)}/some/prefix"

    def corrupt(self, place: Path, key: str) -> None:
        """Puts another content in the object's place, with the metadata that it had."""
        s3 = boto3.client("s3")
        where = {"Bucket": f"b{name_of(place)}", "Key": f"some/prefix/{key}"}
        there = s3.get_object(**where)
        data = there["Body"].read()
        s3.put_object(**where, Body=bytes([data[0] ^ 1]) + data[1:], Metadata=there["Metadata"])
