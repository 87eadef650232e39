"""The blob store on S3: one object a blob, with its SHA-256 and type as metadata.

Objects below the prefix that lack our metadata are somebody else's: they are neither listed nor read.
"""

from __future__ import annotations

import builtins
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from botocore.exceptions import ClientError

from dataops_aws.addresses import S3Address
from dataops_aws.description import copied, described, info_of, measured
from dataops_aws.download import BlobReader
from dataops_aws.failures import code_of, explained, status_of
from dataops_aws.service import Service
from dataops_aws.upload import PART, Upload
from dataops_core.contracts.blobs import BlobInfo, BlobPage, check_blob_key
from dataops_core.contracts.records import Finding
from dataops_core.errors import Conflict, InvalidValue, NotFound

_ABSENT: Final = ("404", "NoSuchKey", "NoSuchVersion")
_EMPTY_RANGE: Final = ("InvalidRange", "416")
_HEADS_AT_ONCE: Final = 16
_MOST_LISTED: Final = 1000
#: A link is for one download, begun soon.
_LINK_SECONDS: Final = 3600


class S3Blobs:
    """Blobs in one bucket, below a prefix. Safe to use from many threads, and again after a fork or `close`.

    Args:
        address: bucket, prefix, region, encryption and time-out.
    """

    capabilities: frozenset[str] = frozenset({"presign"})

    def __init__(self, address: S3Address) -> None:
        self.address = address
        self.service = Service("s3", address.region, str(address), address.timeout)

    def put(self, key: str, stream: BinaryIO, *, if_absent: bool = False, content_type: str | None = None) -> BlobInfo:
        """Stores what the stream holds, all or nothing. With `if_absent` an existing blob raises Conflict.

        A stream that cannot be read twice, and has more than a megabyte, goes through a temporary file.
        """
        place = self._place(key)
        with measured(stream) as content:
            told = described(content, content_type)
            if if_absent and content.size > PART and self._head(key, place) is not None:
                # Said before gigabytes are sent; S3 has the last word at the end.
                raise Conflict(f"blob {key!r} exists already", hint="a blob is never changed; use another key")
            upload = Upload(self.service, place, told | self._encryption(), f"blob {key!r}", if_absent=if_absent)
            upload.store(content)
            info = info_of(key, content.size, told["Metadata"])
        assert info is not None  # noqa: S101 - these are our metadata
        return info

    def open(self, key: str, *, start: int = 0, stop: int | None = None) -> BinaryIO:
        """Returns a stream of the bytes in `[start, stop)`; a whole one verifies its SHA-256 at the end."""
        place = self._place(key)
        if start < 0 or (stop is not None and stop < 0):
            raise InvalidValue(f"a range of bytes begins and ends at 0 or later, not at {start} and {stop}")
        answer: Any = None
        if stop is None or start < stop:
            answer = self._got(key, place, _range(start, stop))
        if answer is None:  # nothing lies in the range
            answer = self._head(key, place)
            if answer is None:
                raise self._missing(key)
            answer["Body"] = io.BytesIO()
            start = stop = 0
        size = _size(answer)
        info = info_of(key, size, answer["Metadata"])
        if info is None:
            answer["Body"].close()
            raise self._missing(key)
        end = size if stop is None else min(stop, size)
        etag = answer["ETag"]

        def resume(position: int) -> Any:
            again = self._got(key, place, {**_range(position, end), "IfMatch": etag})
            return again["Body"]

        return BlobReader(info, min(start, end), end, answer["Body"], resume, self.service.place).buffered()

    def head(self, key: str) -> BlobInfo | None:
        """Returns what is known of a blob, or None."""
        answer = self._head(key, self._place(key))
        return None if answer is None else info_of(key, answer["ContentLength"], answer["Metadata"])

    def copy(self, src: str, dst: str) -> BlobInfo:
        """Copies a blob; raises NotFound when `src` is missing.

        Small ones are read, verified and stored; large ones S3 copies by itself, with the SHA-256 that readers verify.
        """
        place, target = self._place(src), self._place(dst)
        there = self._head(src, place)
        info = None if there is None else info_of(src, there["ContentLength"], there["Metadata"])
        if there is None or info is None:
            raise self._missing(src)
        if info.size <= PART:
            with self.open(src) as stream:
                return self.put(dst, io.BytesIO(stream.read()), content_type=info.content_type)
        metadata = copied(there["Metadata"])
        told = {"Metadata": metadata, "ContentType": there.get("ContentType", "binary/octet-stream")}
        upload = Upload(self.service, target, told | self._encryption(), f"blob {dst!r}", if_absent=False)
        upload.copy(place, info.size, there["ETag"])
        copy = info_of(dst, info.size, metadata)
        assert copy is not None  # noqa: S101 - these are our metadata
        return copy

    def delete(self, key: str) -> None:
        """Deletes a blob; a missing one is no error."""
        self.service.call("delete_object", f"blob {key!r}", **self._place(key))

    def list(self, prefix: str = "", *, limit: int = 1000, cursor: str | None = None) -> BlobPage:
        """Lists the blobs whose key begins with `prefix`, in key order; each costs a request of its own."""
        if limit < 1:
            raise InvalidValue(f"a page holds at least one blob, not {limit}")
        root = self.address.prefix
        try:
            (root + prefix + (cursor or "")).encode()
        except UnicodeEncodeError:
            raise InvalidValue(f"prefix {prefix!r:.60} is not valid Unicode") from None
        after = {"StartAfter": root + cursor} if cursor else {}
        with ThreadPoolExecutor(_HEADS_AT_ONCE) as pool:
            while True:
                answer = self.service.call(
                    "list_objects_v2", self.address.bucket, Bucket=self.address.bucket, Prefix=root + prefix,
                    MaxKeys=min(limit, _MOST_LISTED), **after,
                )  # fmt: skip
                names = [found["Key"] for found in answer.get("Contents", [])]
                items = [info for info in pool.map(self._listed, names) if info is not None]
                if not answer["IsTruncated"]:
                    return BlobPage(items)
                if items:
                    return BlobPage(items, names[-1][len(root) :])
                after = {"StartAfter": names[-1]}  # only somebody else's objects

    def presign(self, key: str, seconds: float, filename: str) -> str:
        """Returns a link by which anybody may download a blob for some time, saved under a name.

        Args:
            key: which blob.
            seconds: how long the link works, at most an hour; never longer than the credentials that signed it.
            filename: what a browser calls the file.

        Raises:
            NotFound: there is no such blob.
        """
        if not 1 <= seconds <= _LINK_SECONDS:
            raise InvalidValue(f"a link works for 1 to {_LINK_SECONDS} seconds, not {seconds}")
        if self.head(key) is None:
            raise self._missing(key)
        plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in filename)
        named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='', errors='replace')}"
        parameters = {**self._place(key), "ResponseContentDisposition": named}
        return str(
            self.service.call(
                "generate_presigned_url", f"blob {key!r}", ClientMethod="get_object", Params=parameters,
                ExpiresIn=int(seconds),
            )
        )  # fmt: skip

    def prepare(self) -> builtins.list[str]:
        """Creates the bucket when it is missing, and lets it clear away unfinished uploads; says what it did."""
        from dataops_aws.bucket import prepare

        return prepare(self.service, self.address)

    def check(self) -> builtins.list[Finding]:
        """Says what is wrong with the bucket, its permissions, encryption and lifecycle, and what is right."""
        from dataops_aws.bucket_check import examine

        return examine(self.service, self.address)

    def close(self) -> None:
        """Releases connections; safe to call twice."""
        self.service.close()

    # Within

    def _place(self, key: str) -> dict[str, str]:
        return {"Bucket": self.address.bucket, "Key": self.address.prefix + check_blob_key(key)}

    def _encryption(self) -> dict[str, str]:
        chosen = self.address.encryption
        if chosen is None:
            return {}  # the bucket's default, which is never none
        if chosen in ("AES256", "aws:kms"):
            return {"ServerSideEncryption": chosen}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": chosen}

    def _head(self, key: str, place: dict[str, str]) -> Any:
        try:
            return self.service.call("head_object", f"blob {key!r}", "404", "NoSuchKey", **place)
        except ClientError:
            return None

    def _got(self, key: str, place: dict[str, str], arguments: dict[str, str]) -> Any:
        """Asks for an object or a part of it; returns None when nothing lies in the range."""
        try:
            return self.service.call(
                "get_object", f"blob {key!r}", *_ABSENT, *_EMPTY_RANGE, "PreconditionFailed", **place, **arguments
            )
        except ClientError as error:
            if code_of(error) in _EMPTY_RANGE:
                return None
            if code_of(error) in _ABSENT:
                raise self._missing(key) from None
            if status_of(error) == 412:
                raise Conflict(f"blob {key!r} was replaced while it was read", hint="read it again") from None
            raise explained(error, "get_object", f"blob {key!r}", self.service.place) from error

    def _listed(self, name: str) -> BlobInfo | None:
        key = name[len(self.address.prefix) :]
        try:
            return self.head(key)
        except InvalidValue:  # a key that is none of ours
            return None

    def _missing(self, key: str) -> NotFound:
        return NotFound(f"blob {key!r} does not exist in {self.service.place}")


def _range(start: int, stop: int | None) -> dict[str, str]:
    if start == 0 and stop is None:
        return {}
    return {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}


def _size(answer: Any) -> int:
    """Returns the size of the whole object, also where the answer holds a part of it."""
    whole = str(answer.get("ContentRange", "")).rpartition("/")[2]
    return int(whole) if whole.isdecimal() else int(answer["ContentLength"])
