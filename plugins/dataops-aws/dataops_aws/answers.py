"""An answer that ends early is no answer, but a lost connection.

http.client takes the end of a connection for the end of the headers; botocore does not compare a body with its
Content-Length, and takes JSON that it cannot read for an empty answer. So a record that is there would look like one
that is not: over TLS too, where Python lets a connection end without a farewell. And for the rest of a `100 Continue`
botocore would wait forever, at full speed.
"""

from __future__ import annotations

import functools
from http.client import RemoteDisconnected
from typing import Any

from botocore import awsrequest

_BLANK = (b"\r\n", b"\n")
_ENDED = "the answer ended inside its headers"


def require_whole_answers(client: Any) -> None:
    """Lets a client of boto3 treat answers that end early as lost connections, which it tries again.

    boto3 has no setting for that: the classes of its connections are exchanged in this client, and in no other.
    """
    client._endpoint.http_session._pool_classes_by_scheme.update(http=_Pool, https=_TlsPool)


class _Lines:
    """A stream that remembers its last line."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.last = b""

    def readline(self, *limit: int) -> bytes:
        self.last = self.stream.readline(*limit)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _Answer(awsrequest.AWSHTTPResponse):  # type: ignore[misc]
    fp: Any

    def __init__(self, *args: Any, status_tuple: Any = None, **named: Any) -> None:
        super().__init__(*args, status_tuple=status_tuple, **named)

    def begin(self) -> None:
        stream = self.fp
        lines = self.fp = _Lines(stream)
        super().begin()
        if lines.last not in _BLANK:
            raise RemoteDisconnected(_ENDED)
        if self.fp is lines:  # or there is no body, and it is closed
            self.fp = stream


class _Whole:
    """A connection whose answers are whole, or none."""

    response_class = _Answer

    def request(self, *args: Any, **named: Any) -> Any:
        return super().request(*args, **{**named, "enforce_content_length": True})  # type: ignore[misc]

    def _handle_expect_response(self, body: Any) -> None:
        super()._handle_expect_response(body)  # type: ignore[misc]
        if isinstance(self.response_class, functools.partial):  # the answer came before the request was sent
            self.response_class = functools.partial(_Answer, **self.response_class.keywords)  # type: ignore[assignment]

    def _consume_headers(self, stream: Any) -> None:
        while (line := stream.readline()) not in _BLANK:
            if not line:
                raise RemoteDisconnected(_ENDED)


class _Connection(_Whole, awsrequest.AWSHTTPConnection):  # type: ignore[misc]
    pass


class _TlsConnection(_Whole, awsrequest.AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _Pool(awsrequest.AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _Connection


class _TlsPool(awsrequest.AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _TlsConnection
