"""What the URLs name. A URL never holds credentials: those come from boto3's own chain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from dataops_core.errors import InvalidValue, nearest

#: What stands before the names of our tables unless the URL says otherwise.
OWN_PREFIX: Final = "dataops_"
#: Seconds to wait for an answer. S3 may be busy for a while with what it copies or completes.
DYNAMODB_TIMEOUT: Final = 10.0
S3_TIMEOUT: Final = 30.0
_REGION: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_TABLE_PREFIX: Final = re.compile(r"[A-Za-z0-9_.-]{0,200}")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
#: S3 allows keys of 1 024 bytes, ours have up to 900.
_PREFIX_BYTES: Final = 120
_OPTIONS: Final = ("encryption", "region", "timeout")
_KEY: Final = re.compile(r"[A-Za-z0-9:/_-]{1,2048}")


@dataclass(frozen=True, slots=True)
class S3Address:
    """Where blobs lie.

    Args:
        bucket: its name.
        prefix: what stands before every key, "" or ending in `/`.
        region: the bucket's region; None is what boto3 is configured for.
        encryption: `AES256`, `aws:kms`, the id, alias or ARN of a KMS key; None is the bucket's default.
        timeout: seconds to wait for an answer.
    """

    bucket: str
    prefix: str = ""
    region: str | None = None
    encryption: str | None = None
    timeout: float = S3_TIMEOUT

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


def dynamodb_address(url: str) -> tuple[str, str, float]:
    """Returns the region, the prefix of the tables' names and the time-out; raises InvalidValue for any other URL."""
    form = "write dynamodb://region/prefix, as us-east-1/dataops_; ?timeout=SECONDS may follow"
    match = re.fullmatch(r"dynamodb://([^/?#]+)(?:/([^/?#]*))?(?:\?timeout=([^&#]*))?", url)
    if match is None or not _REGION.fullmatch(match[1]) or not _TABLE_PREFIX.fullmatch(match[2] or ""):
        raise InvalidValue(f"{_shown(url)!r:.120} is not a DynamoDB URL", hint=form)
    return match[1], OWN_PREFIX if match[2] is None else match[2], _seconds(match[3], DYNAMODB_TIMEOUT)


def table_name(prefix: str, name: str) -> str:
    """Returns what a declared table is called in DynamoDB."""
    return prefix + name.removeprefix(OWN_PREFIX)


def s3_address(url: str) -> S3Address:
    """Returns what an S3 URL names; raises InvalidValue when it names no bucket or an unknown option."""
    form = "write s3://bucket/prefix; ?encryption=AES256 (or a KMS key), region=eu-west-1 and timeout=30 may follow"
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise InvalidValue(f"{_shown(url)!r:.120} is not an S3 URL", hint=form) from None
    if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc) or ".." in parts.netloc or parts.fragment:
        raise InvalidValue(f"{_shown(url)!r:.120} names no bucket", hint=form)
    for name in options:
        if name not in _OPTIONS:
            raise InvalidValue(f"an S3 URL has no option {name!r:.40}", hint=nearest(name, _OPTIONS) or form)
    region, encryption = options.get("region"), options.get("encryption")
    if region is not None and not _REGION.fullmatch(region):
        raise InvalidValue(f"{region!r:.40} is no region", hint=form)
    if encryption is not None and not _KEY.fullmatch(encryption):
        raise InvalidValue(
            f"{encryption!r:.40} is no encryption", hint="AES256, aws:kms, or a KMS key's id, alias or ARN"
        )
    prefix = _prefix(unquote(parts.path, errors="replace"))
    return S3Address(parts.netloc, prefix, region, encryption, _seconds(options.get("timeout"), S3_TIMEOUT))


def _seconds(text: str | None, default: float) -> float:
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text) or not float(text):
        raise InvalidValue(f"timeout is a number of seconds, not {text!r:.40}", hint="leave it out, or write 10")
    return float(text)


def _prefix(path: str) -> str:
    names = [name for name in path.split("/") if name]
    if any(name in (".", "..") for name in names) or not path.isprintable() or "\ufffd" in path:
        raise InvalidValue(f"prefix {path!r:.80} has a dotted part or a control character", hint="name a plain prefix")
    prefix = "".join(f"{name}/" for name in names)
    if len(prefix.encode()) > _PREFIX_BYTES:
        raise InvalidValue(f"prefix {prefix!r:.40}... has more than {_PREFIX_BYTES} bytes", hint="use a shorter one")
    return prefix


def _shown(url: str) -> str:
    """Returns a URL without what somebody may have taken for the place of credentials."""
    return re.sub(r"//[^/]*@", "//****@", url)
