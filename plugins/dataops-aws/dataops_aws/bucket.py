"""The bucket: private, encrypted, and clearing away what interrupted uploads left. Rules of others are kept."""

from __future__ import annotations

from typing import Any, Final

from botocore.exceptions import ClientError

from dataops_aws.addresses import S3Address
from dataops_aws.failures import code_of
from dataops_aws.service import Service
from dataops_core.errors import ConfigError

#: An upload that takes longer than this is none any more; parts that nobody completes cost money.
UNFINISHED_DAYS: Final = 7
_OURS: Final = "dataops-unfinished-uploads"


def prepare(service: Service, address: S3Address) -> list[str]:
    """Creates what is missing; says what it did, a line each."""
    bucket = address.bucket
    lines: list[str] = []
    if not exists(service, bucket):
        _create(service, bucket)
        lines.append(f"created bucket {bucket}, closed to the public")
    rules = lifecycle(service, bucket)
    if not clears_away(rules, address.prefix):
        rule = {
            "ID": f"{_OURS}-{address.prefix.strip('/').replace('/', '-')}"[:255].rstrip("-"),
            "Status": "Enabled",
            "Filter": {"Prefix": address.prefix},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UNFINISHED_DAYS},
        }
        service.call(
            "put_bucket_lifecycle_configuration", bucket, Bucket=bucket,
            LifecycleConfiguration={"Rules": [*(r for r in rules if r.get("ID") != rule["ID"]), rule]},
        )  # fmt: skip
        where = f"below {address.prefix}" if address.prefix else f"in bucket {bucket}"
        lines.append(f"unfinished uploads {where} are removed after {UNFINISHED_DAYS} days")
    return lines


def exists(service: Service, bucket: str) -> bool:
    """Says whether a bucket is there; raises ConfigError when it lies elsewhere or is somebody else's."""
    try:
        # HeadBucket would do, but S3 does not say there why it refuses.
        service.call("list_objects_v2", f"bucket {bucket}", "NoSuchBucket", Bucket=bucket, MaxKeys=1)
    except ClientError:
        return False
    return True


def lifecycle(service: Service, bucket: str) -> list[dict[str, Any]]:
    """Returns the rules by which the bucket removes things."""
    try:
        said = service.call(
            "get_bucket_lifecycle_configuration", f"bucket {bucket}", "NoSuchLifecycleConfiguration", Bucket=bucket
        )
    except ClientError:
        return []
    return list(said.get("Rules", []))


def clears_away(rules: list[dict[str, Any]], prefix: str) -> bool:
    """Says whether a rule removes unfinished uploads below a prefix."""
    return any(
        rule.get("Status") == "Enabled"
        and "AbortIncompleteMultipartUpload" in rule
        and not {"Tag", "And", "ObjectSizeGreaterThan", "ObjectSizeLessThan"} & set(rule.get("Filter", {}))
        and prefix.startswith(rule.get("Filter", {}).get("Prefix", rule.get("Prefix", "")))
        for rule in rules
    )


def expires_objects(rules: list[dict[str, Any]], prefix: str) -> list[str]:
    """Returns the names of the rules that delete objects below a prefix after some time."""
    found = []
    for rule in rules:
        filter_ = rule.get("Filter", {})
        below = filter_.get("Prefix", filter_.get("And", {}).get("Prefix", rule.get("Prefix", "")))
        if rule.get("Status") == "Enabled" and "Expiration" in rule:
            deletes = {"Days", "Date"} & set(rule["Expiration"])
            if deletes and (below.startswith(prefix) or prefix.startswith(below)):
                found.append(str(rule.get("ID", below or "a rule without a name")))
    return found


def _create(service: Service, bucket: str) -> None:
    region = service.client.meta.region_name
    where: dict[str, Any] = {}
    if region not in (None, "us-east-1", "aws-global"):
        where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        service.call(
            "create_bucket",
            f"bucket {bucket}",
            "BucketAlreadyOwnedByYou",
            "BucketAlreadyExists",
            Bucket=bucket,
            **where,
        )
    except ClientError as error:
        if code_of(error) == "BucketAlreadyExists":
            raise ConfigError(
                f"bucket {bucket} belongs to somebody else", hint="bucket names are shared by all: choose another one"
            ) from None
        return  # made by somebody else at this moment
    closed = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    service.call("put_public_access_block", f"bucket {bucket}", Bucket=bucket, PublicAccessBlockConfiguration=closed)
