"""Reading one object of S3 from front to back: torn connections are taken up again, and the end is verified."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from typing import Any, BinaryIO, Final, cast

from botocore.exceptions import BotoCoreError, ResponseStreamingError
from urllib3.exceptions import HTTPError

from dataops_aws.failures import explained
from dataops_aws.pauses import pauses
from dataops_core.contracts.blobs import CHUNK, BlobInfo
from dataops_core.errors import CorruptData, DataOpsError

_TORN: Final = (ResponseStreamingError, BotoCoreError, HTTPError, OSError)
_RESUMED: Final = 8

#: Gives the bytes from a position to the end of what is read, of the same version of the object.
Resume = Callable[[int], Any]


class BlobReader(io.RawIOBase):
    """The bytes `[start, stop)` of a blob.

    Args:
        info: what is known of the blob.
        start: in bytes.
        stop: in bytes, at most the blob's size.
        body: gives the bytes, or None: `resume` is asked.
        resume: takes up reading where a connection was torn.
        place: the store, as messages call it.
    """

    def __init__(self, info: BlobInfo, start: int, stop: int, body: Any, resume: Resume, place: str) -> None:
        self.info = info
        self._position = start
        self._stop = stop
        self._body = body
        self._resume = resume
        self._place = place
        self._digest = hashlib.sha256() if start == 0 and stop == info.size else None

    def buffered(self) -> BinaryIO:
        """Returns this as a buffered stream."""
        return cast(BinaryIO, io.BufferedReader(self, 1 << 17))

    def readable(self) -> bool:
        """Returns True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills a buffer; raises CorruptData instead of handing out the end of a blob that is not what was stored."""
        room = min(len(buffer), self._stop - self._position)
        if room <= 0:
            if self.info.size == 0:
                self._verify()
            return 0
        data = self._some(min(room, CHUNK))
        self._position += len(data)
        if self._digest is not None:
            self._digest.update(data)
            if self._position == self._stop:
                self._verify()
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """Returns the rest."""
        return b"".join(iter(lambda: self.read(CHUNK) or b"", b""))

    def close(self) -> None:
        """Gives the connection back."""
        if not self.closed and self._body is not None:
            self._body.close()
        super().close()

    def _some(self, size: int) -> bytes:
        failure: DataOpsError | None = None
        for pause in pauses(_RESUMED):
            try:
                if self._body is None:
                    self._body = self._resume(self._position)
                data: bytes = self._body.read(size)
                if data:
                    return data
                raise ConnectionError("the answer ended early")
            except _TORN as error:
                failure = explained(error, "get_object", f"blob {self.info.key!r}", self._place)
                if self._body is not None:
                    self._body.close()
                    self._body = None
            time.sleep(pause)
        assert failure is not None  # noqa: S101 - the loop ran
        raise failure

    def _verify(self) -> None:
        if self._digest is not None and self._digest.hexdigest() != self.info.sha256:
            raise CorruptData(
                f"blob {self.info.key!r} is damaged: its SHA-256 is not the one that was stored",
                hint="restore an earlier version of the object, or delete it",
            )
