"""The bucket: made, looked at, shared with others; links to blobs."""

from __future__ import annotations

import io
import urllib.request
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from aws_standins.proxy import Proxy
from dataops_aws.s3 import dataops_blob_store
from dataops_aws.upload import PART

from dataops_core.errors import Conflict, InvalidValue, NotFound
from dataops_core.testing.blob_case import listed, load, store_bytes


@pytest.fixture
def store(blobs_url: str) -> Any:
    store = dataops_blob_store(url=blobs_url)
    store.prepare()
    return store


@pytest.fixture
def s3(aws: str) -> Any:
    return boto3.client("s3")


def test_a_bucket_is_made_private_and_cleans_up(blobs_url: str, s3: Any) -> None:
    store = dataops_blob_store(url=blobs_url)
    bucket = urlsplit(blobs_url).netloc
    assert store.prepare() == [
        f"created bucket {bucket}, closed to the public",
        "unfinished uploads below prefix/ are removed after 7 days",
    ]
    assert store.prepare() == []
    closed = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(closed.values()) == {True}
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert rule["Filter"] == {"Prefix": "prefix/"}
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == "eu-west-1"


def test_rules_of_others_are_kept(blobs_url: str, s3: Any) -> None:
    bucket = urlsplit(blobs_url).netloc
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [theirs]})
    for prefix in ("prefix", "other"):
        store = dataops_blob_store(url=f"s3://{bucket}/{prefix}")
        assert len(store.prepare()) == 1
        assert store.prepare() == []
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert [rule["ID"] for rule in rules] == [
        "theirs", "dataops-unfinished-uploads-prefix", "dataops-unfinished-uploads-other",
    ]  # fmt: skip
    assert rules[0] == theirs
    assert not [f for f in store.check() if "deletes objects" in f.what]
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [{**theirs, "Filter": {"Prefix": ""}}]}
    )
    (finding,) = [f for f in store.check() if "deletes objects" in f.what]
    assert finding.level == "warn" and "'theirs'" in finding.what


def test_objects_of_others_are_left_alone(store: Any, s3: Any) -> None:
    bucket = store.address.bucket
    theirs = ["theirs", "prefix/theirs", "prefix/a//b", "prefix/../x", "prefix/folder/", "prefix/zzz"]
    for key in theirs:
        s3.put_object(Bucket=bucket, Key=key, Body=b"theirs")
    store_bytes(store, "mine", b"mine")
    assert listed(store) == ["mine"]
    assert listed(store, limit=1) == ["mine"]
    assert store.head("theirs") is None
    for act in (
        lambda: store.open("theirs"),
        lambda: store.copy("theirs", "x"),
        lambda: store.presign("theirs", 60, "x"),
    ):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(Conflict):
        store.put("theirs", io.BytesIO(b"x"), if_absent=True)
    assert all(s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"theirs" for key in theirs)


def test_a_link_downloads_a_file_under_its_name(store: Any) -> None:
    store_bytes(store, "dir/é", b"content", content_type="text/html")
    link = store.presign("dir/é", 300, 'Übersicht "1"/é.csv')
    query = parse_qs(urlsplit(link).query)
    assert query["X-Amz-Expires"] == ["300"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["response-content-disposition"] == [
        "attachment; filename=\"_bersicht _1_/_.csv\"; filename*=UTF-8''%C3%9Cbersicht%20%221%22%2F%C3%A9.csv"
    ]
    assert "testing-secret" not in link
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"content"
        assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert store.presign("dir/é", 60, "a\r\nSet-Cookie: x\x00").count("Set-Cookie") == 2, "line breaks are gone"
    assert "%0D" not in store.presign("dir/é", 60, "a\r\nb").partition("filename%2A")[0]
    with pytest.raises(NotFound):
        store.presign("missing", 60, "x")
    for seconds in (0, -1, 3601, 1e9):
        with pytest.raises(InvalidValue):
            store.presign("dir/é", seconds, "x")


@pytest.mark.parametrize(
    ("option", "algorithm", "key"),
    [("AES256", "AES256", None), ("aws:kms", "aws:kms", None), ("alias/mine", "aws:kms", "alias/mine")],
)
def test_objects_are_encrypted_as_the_url_says(blobs_url: str, s3: Any, option: str, algorithm: str, key: Any) -> None:
    store = dataops_blob_store(url=f"{blobs_url}?encryption={option}")
    store.prepare()
    store_bytes(store, "small", b"x")
    store_bytes(store, "large", b"x" * (PART + 1))
    store.copy("large", "copy")
    for name in ("small", "large", "copy"):
        head = s3.head_object(Bucket=store.address.bucket, Key=f"prefix/{name}")
        assert head["ServerSideEncryption"] == algorithm
        assert key is None or head["SSEKMSKeyId"].endswith(key)
    assert f"objects are encrypted as the URL says: {option}" in [f.what for f in store.check()]


def test_a_type_is_told_to_browsers_where_it_is_plain(store: Any, s3: Any) -> None:
    for number, (given, told) in enumerate(
        [("text/csv; charset=utf-8", "text/csv; charset=utf-8"), ("é", None), (None, None)]
    ):
        store.put(f"{number}", io.BytesIO(b"x"), content_type=given)
        head = s3.head_object(Bucket=store.address.bucket, Key=f"prefix/{number}")
        assert head["ContentType"] == (told or "binary/octet-stream")
        assert store.head(f"{number}").content_type == given
    with pytest.raises(InvalidValue):
        store.put("x", io.BytesIO(b"x"), content_type="x" * 1_001)
    with pytest.raises(InvalidValue, match="gives text"):
        store.put("x", io.StringIO("text"))


def test_a_check_says_what_could_be_better(store: Any, s3: Any) -> None:
    levels = {finding.what: finding.level for finding in store.check()}
    bucket = store.address.bucket
    assert levels[f"s3://{bucket}/prefix/ may be read and written"] == "ok"
    assert levels[f"what is deleted from bucket {bucket} cannot be restored"] == "warn"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.delete_bucket_lifecycle(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    levels = {finding.what: finding.level for finding in store.check()}
    assert levels[f"bucket {bucket} keeps earlier versions of objects"] == "ok"
    assert levels[f"unfinished uploads to s3://{bucket}/prefix/ stay and cost money"] == "warn"
    assert levels[f"bucket {bucket} could be opened to the public"] == "warn"
    assert listed(store) == []
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket), "a check leaves nothing behind"


@pytest.mark.usefixtures("quick_retries")
def test_a_check_names_a_missing_permission(proxy: Proxy, blobs_url: str) -> None:
    store = dataops_blob_store(url=blobs_url)
    store.prepare()
    proxy.decide = lambda request: "denied" if request.operation == "PutObject" else None
    (finding,) = store.check()
    assert finding.level == "error" and "does not permit PutObject" in finding.what
    proxy.decide = lambda request: "denied" if request.operation == "GetBucketlifecycle" else None
    assert [f.level for f in store.check() if "does not permit" in f.what] == ["warn"]


def test_a_stream_that_cannot_go_back_needs_little_memory(store: Any) -> None:
    pieces = 24

    class Source(io.RawIOBase):
        left = pieces

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"x" * (1 << 20) if self.left >= 0 else b""

    info = store.put("a", Source())
    assert info.size == pieces << 20
    with store.open("a") as stream:
        assert sum(len(piece) for piece in iter(lambda: stream.read(1 << 20), b"")) == info.size
    store.delete("a")
    with pytest.raises(NotFound):
        load(store, "a")
