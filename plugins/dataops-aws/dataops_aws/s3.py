"""The entry point of the blob store on S3."""

from __future__ import annotations

from dataops_core.contracts.blobs import BlobStore
from dataops_core.contracts.hookspecs import hookimpl

DATAOPS_API = 1


@hookimpl
def dataops_blob_store(url: str) -> BlobStore:
    """Opens `s3://bucket/prefix`; `?region=` and `?encryption=` (AES256, aws:kms, or a KMS key) may follow.

    `?timeout=` says how many seconds to wait for an answer, 30 by default; no call hears nothing for longer than twice
    that.
    """
    from dataops_aws.addresses import s3_address
    from dataops_aws.blobs import S3Blobs

    return S3Blobs(s3_address(url))
