"""Storing one object in S3, all or nothing: in one request, or in parts that become an object at the end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, BinaryIO, Final

from botocore.exceptions import ClientError

from dataops_aws.description import UPLOAD, Measured
from dataops_aws.failures import code_of, explained, status_of
from dataops_aws.pauses import pauses
from dataops_aws.service import Service
from dataops_core.errors import Conflict, DataOpsError, InvalidValue, NotFound, Unreachable

#: What is larger is stored in parts; one part is in memory at a time.
PART: Final = 8 << 20
_MOST_PARTS: Final = 10_000
_COPIED_PART: Final = 256 << 20
_MIB: Final = 1 << 20
_TAKEN: Final = "PreconditionFailed"
_RIVAL: Final = "ConditionalRequestConflict"
_GONE: Final = "NoSuchUpload"
_RIVALS: Final = 6

#: S3 verifies each part by it; what it says of a part belongs into the request that completes the upload.
_CHECKSUM: Final = {"ChecksumAlgorithm": "CRC32"}

_OF_A_PART: Final = ("ETag", "ChecksumCRC32")

#: Sends part number n of an upload, given its arguments, and returns what S3 says of it.
SendPart = Callable[[int, dict[str, Any]], Any]


class Upload:
    """One object on its way.

    Args:
        service: S3.
        place: `Bucket` and `Key`.
        told: metadata, content type and encryption.
        about: the blob, as messages call it.
        if_absent: whether an object that is there refuses this one.
    """

    def __init__(
        self, service: Service, place: Mapping[str, str], told: Mapping[str, Any], about: str, *, if_absent: bool
    ) -> None:
        self._service = service
        self._place = dict(place)
        self._told = dict(told)
        self._about = about
        self._condition = {"IfNoneMatch": "*"} if if_absent else {}

    def store(self, measured: Measured) -> None:
        """Stores a stream that was measured.

        Raises:
            Conflict: an object is there, and it must not be.
        """
        if measured.size <= PART:
            body = measured.rewind().read()
            _require_same(hashlib.sha256(body).hexdigest(), measured)
            self._settled(lambda: self._call("put_object", Body=body, **self._told, **self._condition))
        else:
            self._settled(lambda: self._in_parts(measured))

    def copy(self, source: Mapping[str, str], size: int, etag: str) -> None:
        """Lets S3 copy an object of any size by itself, in parts."""
        length = max(_COPIED_PART, -(-size // _MOST_PARTS))
        bounds = [(start, min(start + length, size) - 1) for start in range(0, size, length)]

        def send(number: int, arguments: dict[str, Any]) -> Any:
            first, last = bounds[number - 1]
            answer = self._call(
                "upload_part_copy", CopySource=dict(source), CopySourceIfMatch=etag,
                CopySourceRange=f"bytes={first}-{last}", **arguments,
            )  # fmt: skip
            return answer["CopyPartResult"]

        self._settled(lambda: self._uploaded(len(bounds), send))

    def _in_parts(self, measured: Measured) -> None:
        length = max(
            PART, -(-measured.size // _MOST_PARTS // _MIB + 1) * _MIB if measured.size > PART * _MOST_PARTS else 0
        )
        source, digest = measured.rewind(), hashlib.sha256()

        def send(_: int, arguments: dict[str, Any]) -> Any:
            body = _exactly(source, length)
            digest.update(body)
            return self._call("upload_part", Body=body, **_CHECKSUM, **arguments)

        def verify() -> None:
            _require_same(digest.hexdigest(), measured)

        self._uploaded(-(-measured.size // length), send, verify)

    def _uploaded(self, count: int, send: SendPart, verify: Callable[[], None] = lambda: None) -> None:
        begun = self._call("create_multipart_upload", **_CHECKSUM, **self._told)
        upload = {"UploadId": begun["UploadId"]}
        try:
            parts = []
            for number in range(1, count + 1):
                sent = send(number, {**upload, "PartNumber": number})
                parts.append({"PartNumber": number, **{name: sent[name] for name in _OF_A_PART if name in sent}})
            verify()
            self._call("complete_multipart_upload", MultipartUpload={"Parts": parts}, **upload, **self._condition)
        except BaseException:
            # What cannot be cleared away now is cleared away by the bucket's lifecycle.
            with suppress(ClientError, DataOpsError):
                self._call("abort_multipart_upload", **upload)
            raise

    def _settled(self, attempt: Callable[[], object]) -> None:
        """Stores, once more after a rival's conditional request, and knows its own object when an answer got lost."""
        for pause in pauses(_RIVALS):
            try:
                attempt()
                return
            except ClientError as error:
                code = code_of(error)
                if code == _RIVAL:
                    time.sleep(pause)
                    continue
                if code in (_TAKEN, _GONE) or status_of(error) == 412:
                    if self._is_ours():
                        return
                    if code != _GONE:
                        raise self._refused(code) from None
                raise explained(error, "put_object", self._about, self._service.place) from error
        raise Unreachable(f"{self._about} is written by others at the same time", hint="try again")

    def _refused(self, code: str) -> DataOpsError:
        if self._condition:
            return Conflict(f"{self._about} exists already", hint="a blob is never changed; use another key")
        return NotFound(f"{self._about}: its source was changed or deleted while it was copied ({code})")

    def _is_ours(self) -> bool:
        try:
            there = self._call("head_object")
        except ClientError:
            return False
        return bool(there.get("Metadata", {}).get(UPLOAD) == self._told["Metadata"][UPLOAD])

    def _call(self, operation: str, **arguments: Any) -> Any:
        # `404` and `412` are what an answer without a body says.
        expected = (_TAKEN, _RIVAL, _GONE, "412", "404", "NoSuchKey")
        return self._service.call(operation, self._about, *expected, **self._place, **arguments)


def _exactly(source: BinaryIO, length: int) -> bytes:
    """Reads that many bytes; a stream may give less at a time."""
    parts, missing = [], length
    while missing and (piece := source.read(missing)):
        parts.append(piece)
        missing -= len(piece)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _require_same(sha256: str, measured: Measured) -> None:
    if sha256 != measured.sha256:
        raise InvalidValue("the stream changed while it was stored", hint="store it when nobody writes to it")
