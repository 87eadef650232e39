"""A server that stands in for AWS, a proxy before it, and what boto3 needs to talk to them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from aws_standins import processes
from aws_standins.proxy import Proxy
from dataops_aws import service

from dataops_core import testing

#: Asked for before anything of the suites is imported, so that pytest explains their assertions.
SUITES = (testing.RecordStoreSuite, testing.BlobStoreSuite)
REGION = "eu-west-1"
#: What boto3 would read from this machine; tests must not.
_OF_THIS_MACHINE = (
    "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3", "AWS_MAX_ATTEMPTS",
)  # fmt: skip


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The endpoint of a server with DynamoDB and S3 in memory."""
    with processes.moto() as endpoint:
        yield endpoint


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Lets boto3 in this process and its children talk to the server; its endpoint."""
    for name in _OF_THIS_MACHINE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing-secret")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    service._sessions.clear()  # which remembers credentials
    return moto


@pytest.fixture
def proxy(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy through which boto3 talks to the server."""
    with Proxy(aws).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets nobody wait for what is tried again."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda self, context: 0.01)


@pytest.fixture
def records_url(aws: str) -> str:
    """The URL of an empty record store."""
    return f"dynamodb://{REGION}/t{uuid4().hex[:12]}_"


@pytest.fixture
def blobs_url(aws: str) -> str:
    """The URL of an empty blob store."""
    return f"s3://b{uuid4().hex[:20]}/prefix"
