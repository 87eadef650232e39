"""What is wrong with the bucket, and what is right. One small object is written and deleted."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from dataops_aws.addresses import S3Address
from dataops_aws.bucket import clears_away, expires_objects, lifecycle
from dataops_aws.clock import compared
from dataops_aws.failures import code_of
from dataops_aws.service import Service
from dataops_core.contracts.records import Finding
from dataops_core.errors import DataOpsError

_NOT_SET = (
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchPublicAccessBlockConfiguration",
)


def examine(service: Service, address: S3Address) -> list[Finding]:
    """Returns the findings, those about reaching the bucket first."""
    bucket = address.bucket
    asked_at = time.time()
    try:
        answer = service.call("list_objects_v2", f"bucket {bucket}", Bucket=bucket, Prefix=address.prefix, MaxKeys=1)
        findings = [*compared(answer, asked_at), *_of_writing(service, address)]
    except DataOpsError as error:
        return [Finding("error", error.message, error.hint)]
    for question in (_of_encryption, _of_access, _of_lifecycle, _of_versions):
        findings += _perhaps(lambda ask=question: ask(service, address))  # type: ignore[misc]
    return findings


def _of_writing(service: Service, address: S3Address) -> list[Finding]:
    probe = {"Bucket": address.bucket, "Key": f"{address.prefix}.dataops-check-{secrets.token_hex(8)}"}
    about = f"bucket {address.bucket}"
    service.call("put_object", about, Body=b"", **probe)
    service.call("get_object", about, **probe)["Body"].close()
    service.call("delete_object", about, **probe)
    return [Finding("ok", f"{address} may be read and written")]


def _of_encryption(service: Service, address: S3Address) -> list[Finding]:
    if address.encryption is not None:
        return [Finding("ok", f"objects are encrypted as the URL says: {address.encryption}")]
    said = _setting(service, address, "get_bucket_encryption")
    if said is None:
        return [Finding("ok", f"bucket {address.bucket} encrypts with keys of S3 (AES256)")]
    rule = said["ServerSideEncryptionConfiguration"]["Rules"][0].get("ApplyServerSideEncryptionByDefault", {})
    key = rule.get("KMSMasterKeyID", "")
    return [Finding("ok", f"bucket {address.bucket} encrypts with {rule.get('SSEAlgorithm', 'AES256')} {key}".rstrip())]


def _of_access(service: Service, address: S3Address) -> list[Finding]:
    said = _setting(service, address, "get_public_access_block")
    if said is not None and all(said["PublicAccessBlockConfiguration"].values()):
        return []
    hint = (
        f"aws s3api put-public-access-block --bucket {address.bucket} --public-access-block-configuration "
        "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
    )
    return [Finding("warn", f"bucket {address.bucket} could be opened to the public", hint)]


def _of_lifecycle(service: Service, address: S3Address) -> list[Finding]:
    rules = lifecycle(service, address.bucket)
    findings = []
    if not clears_away(rules, address.prefix):
        what = f"unfinished uploads to {address} stay and cost money"
        findings.append(Finding("warn", what, "dataops storage init adds a rule that removes them"))
    for name in expires_objects(rules, address.prefix):
        what = f"rule {name!r} of bucket {address.bucket} deletes objects that records still name"
        findings.append(Finding("warn", what, f"let the rule spare {address}; DataOps deletes what expires"))
    return findings


def _of_versions(service: Service, address: S3Address) -> list[Finding]:
    said = _setting(service, address, "get_bucket_versioning") or {}
    if said.get("Status") == "Enabled":
        return [Finding("ok", f"bucket {address.bucket} keeps earlier versions of objects")]
    command = f"aws s3api put-bucket-versioning --bucket {address.bucket} --versioning-configuration Status=Enabled"
    return [Finding("warn", f"what is deleted from bucket {address.bucket} cannot be restored", command)]


def _setting(service: Service, address: S3Address, operation: str) -> dict[str, Any] | None:
    try:
        said: dict[str, Any] = service.call(operation, f"bucket {address.bucket}", *_NOT_SET, Bucket=address.bucket)
    except ClientError as error:
        if code_of(error) not in _NOT_SET:
            raise
        return None
    return said


def _perhaps(ask: Callable[[], list[Finding]]) -> list[Finding]:
    """What is not permitted to be looked at is not needed for work: it is a warning."""
    try:
        return ask()
    except DataOpsError as error:
        return [Finding("warn", error.message, error.hint)]
