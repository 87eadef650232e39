"""A network that loses, tears and repeats: every blob is stored once and read whole."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
from aws_standins.proxy import Fault, Proxy
from dataops_aws.s3 import dataops_blob_store
from dataops_aws.upload import PART, Upload

from dataops_core.contracts.blobs import BlobStore
from dataops_core.errors import Conflict, Unreachable
from dataops_core.testing.blob_case import load, store_bytes
from dataops_core.testing.blob_clauses import content

LARGE = content(2 * PART + 12_345)
FAULTS: tuple[Fault, ...] = ("lost", "twice", "torn", "reset", "busy", "failed")

pytestmark = pytest.mark.usefixtures("quick_retries")


@pytest.fixture
def store(proxy: Proxy, blobs_url: str) -> Iterator[Any]:
    store = dataops_blob_store(url=blobs_url)
    store.prepare()
    yield store
    store.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_small_blob_is_stored_once(store: BlobStore, proxy: Proxy, fault: Fault) -> None:
    """Also where the answer is lost and S3 then says that there is one already: it is ours."""
    proxy.once(fault, "PutObject")
    store_bytes(store, "a", b"mine", if_absent=True)
    assert load(store, "a") == b"mine"
    with pytest.raises(Conflict):
        store.put("a", io.BytesIO(b"other"), if_absent=True)
    assert load(store, "a") == b"mine"


@pytest.mark.parametrize(
    ("operation", "fault"),
    [("CreateMultipartUpload", "lost"), ("UploadPart", "torn"), ("UploadPart", "twice"), ("UploadPart", "busy")]
    + [("CompleteMultipartUpload", fault) for fault in FAULTS],
)
def test_a_large_blob_is_stored_once(store: BlobStore, proxy: Proxy, fault: Fault, operation: str) -> None:
    proxy.once(fault, operation)
    store_bytes(store, "a", LARGE, if_absent=True)
    assert load(store, "a") == LARGE


def test_what_cannot_be_stored_leaves_no_parts(store: Any, proxy: Proxy) -> None:
    proxy.decide = lambda request: "busy" if request.operation == "CompleteMultipartUpload" else None
    with pytest.raises(Unreachable):
        store.put("a", io.BytesIO(LARGE))
    assert store.head("a") is None
    assert "Uploads" not in store.service.client.list_multipart_uploads(Bucket=store.address.bucket)


def test_reading_is_taken_up_again_where_it_was_torn(store: BlobStore, proxy: Proxy) -> None:
    store_bytes(store, "a", LARGE)
    faults: Iterator[Fault | None] = iter(["torn", "reset", "torn", "busy", *[None] * 50])
    proxy.counts.clear()
    proxy.decide = lambda request: next(faults) if request.operation == "GetObject" else None
    assert load(store, "a") == LARGE
    assert proxy.counts["GetObject"] == 5
    assert load(store, "a", start=5, stop=len(LARGE) - 5) == LARGE[5:-5]


def test_a_blob_replaced_while_a_torn_reader_comes_back_is_not_mixed(store: BlobStore, proxy: Proxy) -> None:
    store_bytes(store, "a", LARGE)
    proxy.once("torn", "GetObject")
    with store.open("a") as stream:
        head = stream.read(1000)
        assert head == LARGE[:1000]
        store_bytes(store, "a", content(len(LARGE), seed=3))
        with pytest.raises(Conflict, match="replaced"):
            stream.read()


def test_a_rival_makes_an_upload_begin_anew(store: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 answers 409 where two conditional uploads meet; moto never does."""
    rivals = ["CompleteMultipartUpload", "PutObject"]
    call = Upload._call

    def meeting_a_rival(self: Upload, operation: str, **arguments: Any) -> Any:
        name = "".join(word.capitalize() for word in operation.split("_"))
        if name in rivals:
            rivals.remove(name)
            from botocore.exceptions import ClientError

            raise ClientError({"Error": {"Code": "ConditionalRequestConflict"}}, name)
        return call(self, operation, **arguments)

    monkeypatch.setattr(Upload, "_call", meeting_a_rival)
    proxy.counts.clear()
    store_bytes(store, "large", LARGE, if_absent=True)
    assert proxy.counts["UploadPart"] == 6
    assert proxy.counts["AbortMultipartUpload"] == 1
    store_bytes(store, "small", b"x", if_absent=True)
    assert rivals == []
    assert load(store, "large") == LARGE


def test_a_large_copy_is_made_by_s3(store: BlobStore, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataops_aws.upload._COPIED_PART", 5 << 20)
    store_bytes(store, "a", LARGE, content_type="text/csv")
    proxy.counts.clear()
    proxy.once("lost", "UploadPartCopy")
    copy = store.copy("a", "b/c")
    assert (copy.size, copy.sha256) == (len(LARGE), hashlib.sha256(LARGE).hexdigest())
    assert store.head("b/c") == copy
    assert copy.content_type == "text/csv"
    assert proxy.counts["UploadPartCopy"] == 5
    assert proxy.counts["GetObject"] == proxy.counts["PutObject"] == 0
    assert load(store, "b/c") == LARGE
