"""An HTTP proxy between boto3 and a server that does to requests what networks and busy services do."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlsplit

#: lost: done, and the answer dropped · torn: the answer ends in its middle · reset: never forwarded · twice: done
#: twice, one answer · busy: refused as AWS refuses who asks too much · failed: refused by a server in trouble ·
#: denied, expired, skewed: refused for the lack of a permission, for old credentials, for a wrong clock.
Fault = Literal["lost", "torn", "reset", "busy", "twice", "failed", "denied", "expired", "skewed"]

#: What AWS says: DynamoDB's code and status, and those of S3.
_REFUSALS = {
    "busy": (("ThrottlingException", 400), ("SlowDown", 503)),
    "failed": (("InternalServerError", 500), ("InternalError", 500)),
    "denied": (("AccessDeniedException", 400), ("AccessDenied", 403)),
    "expired": (("ExpiredTokenException", 400), ("ExpiredToken", 400)),
    "skewed": (("RequestExpired", 400), ("RequestTimeTooSkewed", 403)),
}


@dataclass(frozen=True)
class Request:
    """A request on its way: the number of it, and the operation, e.g. `PutItem` or `PutObject`."""

    number: int
    operation: str


class Proxy:
    """What happens to requests is decided by `decide`; each is counted by its operation."""

    def __init__(self, upstream: str) -> None:
        self.host = upstream.removeprefix("http://")
        self.counts: Counter[str] = Counter()
        #: What was forwarded and answered: the operation and both bodies; kept only where somebody puts a list here.
        self.kept: list[tuple[str, bytes, bytes]] | None = None
        self.decide: Callable[[Request], Fault | None] = lambda request: None
        self.delay = 0.0
        self.date: str | None = None
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def once(self, fault: Fault, *operations: str) -> None:
        """Lets a fault happen to the next request of these operations, and to no other."""
        left = [fault]

        def decide(request: Request) -> Fault | None:
            with self._lock:
                return left.pop() if left and request.operation in operations else None

        self.decide = decide

    def counted(self, operation: str) -> Request:
        """Counts a request."""
        with self._lock:
            self.counts[operation] += 1
            return Request(self.counts.total(), operation)

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        """Serves until the end."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = self.proxy.counted(operation_of(self.command, self.path, self.headers))
        fault = self.proxy.decide(request)
        if self.proxy.delay:
            time.sleep(self.proxy.delay)
        if fault == "reset":
            return self._reset()
        if fault in _REFUSALS:
            return self._refused(fault)
        status, headers, data = self._forwarded(body)
        if self.proxy.kept is not None:
            self.proxy.kept.append((request.operation, body, data))
        if fault == "twice":
            status, headers, data = self._forwarded(body)
        if fault == "lost":
            return self._reset()
        self._answer(status, headers, data, torn=fault == "torn")
        return None

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - http.server's names

    def _forwarded(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.proxy.host, timeout=60)
        try:
            skipped = {"expect", "connection"}
            headers = {name: value for name, value in self.headers.items() if name.lower() not in skipped}
            connection.request(self.command, self.path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, *, torn: bool = False) -> None:
        self.send_response_only(status)
        skipped = {"transfer-encoding", "connection", "content-length"} | ({"date"} if self.proxy.date else set())
        length = str(len(data))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            if name.lower() not in skipped:
                self.send_header(name, value)
        if self.proxy.date:
            self.send_header("Date", self.proxy.date)
        if status not in (204, 304):
            self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if torn else data)
        if torn:
            self._reset()

    def _refused(self, fault: Fault) -> None:
        of_dynamodb, of_s3 = _REFUSALS[fault]
        if "X-Amz-Target" in self.headers:
            code, status = of_dynamodb
            data = f'{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"hunter2 as the test says"}}'
        else:
            code, status = of_s3
            data = f"<Error><Code>{code}</Code><Message>hunter2 as the test says</Message></Error>"
        self._answer(status, [("Content-Type", "application/x-amz-json-1.0")], data.encode())

    def _reset(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def operation_of(method: str, path: str, headers: object) -> str:
    """Returns the name that AWS gives to what a request asks for."""
    target = headers.get("X-Amz-Target")  # type: ignore[attr-defined]
    if target is not None:
        return str(target).rpartition(".")[2]
    parts = urlsplit(path)
    query = parse_qs(parts.query, keep_blank_values=True)
    in_bucket = "/" not in parts.path.strip("/")
    if method == "POST":
        return "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload"
    if method == "PUT" and "partNumber" in query:
        copies = headers.get("x-amz-copy-source")  # type: ignore[attr-defined]
        return "UploadPartCopy" if copies else "UploadPart"
    if method == "DELETE" and "uploadId" in query:
        return "AbortMultipartUpload"
    if in_bucket:
        settings = [name for name in query if name != "list-type"]
        return (
            "ListObjectsV2" if "list-type" in query else f"{method.capitalize()}Bucket{settings[0] if settings else ''}"
        )
    return f"{method.capitalize()}Object"
