"""What goes wrong with AWS says what to do, and never what is secret."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import Any

import boto3
import pytest
from aws_standins.processes import free_port
from aws_standins.proxy import Fault, Proxy
from dataops_aws import service
from dataops_aws.dynamodb import dataops_record_store
from dataops_aws.s3 import dataops_blob_store

from dataops_core.contracts.records import Put
from dataops_core.errors import ConfigError, DataOpsError, NotFound, Unreachable
from dataops_core.storage.schema import SESSIONS, TABLES

pytestmark = pytest.mark.usefixtures("quick_retries")


def acts(records_url: str, blobs_url: str) -> list[Any]:
    """Returns what a person may do first with a store."""
    records, blobs = dataops_record_store(url=records_url, tables=TABLES), dataops_blob_store(url=blobs_url)
    return [
        lambda: records.get(SESSIONS, "s1"),
        lambda: records.commit([Put(SESSIONS, {"session_id": "s1"})]),
        lambda: records.query(SESSIONS, "user_id-created_at", "u"),
        records.prepare,
        lambda: blobs.put("a", io.BytesIO(b"x")),
        lambda: blobs.open("a"),
        blobs.list,
        blobs.prepare,
    ]


def told_by(act: Any) -> DataOpsError:
    with pytest.raises(DataOpsError) as told:
        act()
    text = f"{told.value.message} {told.value.hint}"
    assert "hunter2" not in text and "testing-secret" not in text
    assert told.value.hint, "it says what to do"
    assert "\n" not in told.value.message
    return told.value


def test_nobody_answers(aws: str, monkeypatch: pytest.MonkeyPatch, records_url: str, blobs_url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    for act in acts(records_url, blobs_url):
        error = told_by(act)
        assert type(error) is Unreachable and "does not answer" in error.message
    for store in (dataops_record_store(url=records_url, tables=TABLES), dataops_blob_store(url=blobs_url)):
        (finding,) = store.check()
        assert finding.level == "error" and "does not answer" in finding.what


def test_no_credentials(aws: str, monkeypatch: pytest.MonkeyPatch, records_url: str, blobs_url: str) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    service._sessions.clear()
    for act in acts(records_url, blobs_url):
        error = told_by(act)
        assert type(error) is ConfigError and "no usable AWS credentials" in error.message


def test_half_of_the_credentials(aws: str, monkeypatch: pytest.MonkeyPatch, records_url: str, blobs_url: str) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    service._sessions.clear()
    for act in acts(records_url, blobs_url):
        assert "no usable AWS credentials" in told_by(act).message


def test_an_unknown_profile(aws: str, monkeypatch: pytest.MonkeyPatch, records_url: str, blobs_url: str) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    service._sessions.clear()
    for act in acts(records_url, blobs_url):
        assert "no usable AWS credentials" in told_by(act).message


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("denied", ConfigError, "AWS does not permit"),
        ("expired", ConfigError, "AWS refuses the credentials"),
        ("skewed", ConfigError, "clock is wrong"),
        ("busy", Unreachable, "throttled"),
        ("failed", Unreachable, "could not do"),
        ("reset", Unreachable, "does not answer"),
    ],
)
def test_what_aws_refuses(proxy: Proxy, records_url: str, blobs_url: str, fault: Fault, kind: type, words: str) -> None:
    proxy.decide = lambda request: fault
    for act in acts(records_url, blobs_url):
        error = told_by(act)
        assert type(error) is kind and words in error.message


def test_missing_tables_and_buckets(records_url: str, blobs_url: str) -> None:
    get, commit, query, _, put, open_, list_, _ = acts(records_url, blobs_url)
    for act in (get, commit, query, put, list_):
        error = told_by(act)
        assert type(error) is ConfigError and "does not exist in" in error.message
        assert "storage init" in error.hint
    with pytest.raises((NotFound, ConfigError)):
        open_()
    (finding,) = dataops_blob_store(url=blobs_url).check()
    assert finding.level == "error" and "does not exist" in finding.what
    assert [f.level for f in dataops_record_store(url=records_url, tables=(SESSIONS,)).check()] == ["ok", "ok", "error"]


def test_the_wrong_region(aws: str) -> None:
    """Tables lie in one region: another one does not have them."""
    boto3.client("dynamodb", region_name="us-east-1").create_table(
        TableName="elsewhere_sessions", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "session_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "session_id", "AttributeType": "S"}],
    )  # fmt: skip
    here = dataops_record_store(url="dynamodb://us-east-1/elsewhere_", tables=(SESSIONS,))
    assert here.get(SESSIONS, "s1") is None
    elsewhere = dataops_record_store(url="dynamodb://eu-central-1/elsewhere_", tables=(SESSIONS,))
    error = told_by(lambda: elsewhere.get(SESSIONS, "s1"))
    assert error.message == "elsewhere_sessions does not exist in DynamoDB in eu-central-1"
    assert "region" in error.hint


def test_a_nonsensical_endpoint(aws: str, monkeypatch: pytest.MonkeyPatch, records_url: str, blobs_url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    for act in acts(records_url, blobs_url):
        assert "AWS_ENDPOINT_URL" in told_by(act).hint


def test_the_command_line_exits_with_5_when_nobody_answers(aws: str, records_url: str, tmp_path: Any) -> None:
    variables = {
        **os.environ, "DATAOPS_HOME": str(tmp_path), "DATAOPS_RECORDS_URL": records_url, "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
    }  # fmt: skip
    said = subprocess.run(
        [sys.executable, "-m", "dataops_core.cli.main", "sessions", "list"],
        env=variables, capture_output=True, text=True, cwd=tmp_path, timeout=60,
    )  # fmt: skip
    assert said.returncode == 5
    assert "DynamoDB in eu-west-1 does not answer" in said.stderr
    assert "Traceback" not in said.stderr


def test_nothing_of_boto3_is_imported_before_a_store_is_opened(tmp_path: Any) -> None:
    code = (
        "import sys, dataops_aws.dynamodb, dataops_aws.s3; "
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'boto3', 'botocore', 's3transfer', 'urllib3'}))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.strip() == "[]"


def test_a_store_is_of_use_after_a_fork(records_url: str) -> None:
    store = dataops_record_store(url=records_url, tables=(SESSIONS,))
    store.prepare()
    store.commit([Put(SESSIONS, {"session_id": "s1", "by": "parent"})])
    pid = os.fork()
    if pid == 0:
        try:
            store.commit([Put(SESSIONS, {"session_id": "s2", "by": "child"})])
            os._exit(0)
        finally:
            os._exit(1)
    for _ in range(5):
        assert store.get(SESSIONS, "s1") is not None
    assert os.waitpid(pid, 0)[1] == 0
    found = store.get(SESSIONS, "s2")
    assert found is not None and found.record["by"] == "child"
