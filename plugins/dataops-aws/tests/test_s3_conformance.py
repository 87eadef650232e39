"""S3 keeps the blob store's contract: what is quick. `backend/tests` has the rest, and more of the model."""

from __future__ import annotations

import hashlib
from pathlib import Path

import boto3
import pytest
from hypothesis import HealthCheck, settings

from dataops_core.testing import BlobStoreSuite


def bucket_of(place: Path) -> str:
    """Returns a bucket's name that no other test has."""
    return "b" + hashlib.sha256(str(place).encode()).hexdigest()[:30]


def damage(bucket: str, name: str) -> None:
    """Puts another content in an object's place, with the metadata that it had."""
    s3 = boto3.client("s3")
    where = {"Bucket": bucket, "Key": name}
    there = s3.get_object(**where)
    data = there["Body"].read()
    s3.put_object(**where, Body=bytes([data[0] ^ 1]) + data[1:], Metadata=there["Metadata"])


@pytest.mark.usefixtures("aws")
class TestS3Blobs(BlobStoreSuite):
    plugin = "dataops_aws.s3"
    processes = 2
    machine = settings(
        max_examples=2, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )

    def url(self, place: Path) -> str:
        return f"s3://{bucket_of(place)}/some/prefix"

    def corrupt(self, place: Path, key: str) -> None:
        damage(bucket_of(place), f"some/prefix/{key}")

    # These take long with a server written in Python.
    test_processes_never_see_two_versions_mixed = None  # type: ignore[assignment]
    test_a_kill_at_every_step_leaves_all_or_nothing = None  # type: ignore[assignment]
