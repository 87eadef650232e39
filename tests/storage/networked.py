"""Stores behind lines of JSON over TCP: the smallest to which a network can do something."""

from __future__ import annotations

import io
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, BinaryIO, Final

from dataops_core.contracts.blobs import BlobInfo, BlobPage, BlobStore
from dataops_core.contracts.records import (
    ABSENT,
    ANY,
    Check,
    Condition,
    Delete,
    Finding,
    Key,
    Page,
    Put,
    RecordStore,
    Stored,
    Table,
    Write,
    encode_writes,
    key_of,
    token_of,
)
from dataops_core.errors import Conflict, InvalidValue, NotFound, Unreachable
from dataops_core.testing.record_case import TABLES

_TABLES: Final = {table.name: table for table in TABLES}


@contextmanager
def serving(store: Any) -> Iterator[int]:
    """Serves a record store or a blob store until the end of the block; yields the port."""
    answered = _of_blobs if hasattr(store, "put") else _of_records

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                for line in self.rfile:
                    self.wfile.write(json.dumps(_answer(answered, store, *json.loads(line))).encode() + b"\n")
            except OSError:
                return  # the client is gone

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _answer(act: Callable[..., Any], store: Any, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    try:
        return {"ok": act(store, name, arguments, options)}
    except Conflict as conflict:
        return {"refused": conflict.index}
    except (InvalidValue, NotFound) as error:
        return {type(error).__name__: error.message}


def _of_records(store: RecordStore, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    if name == "commit":
        return store.commit([_write(*told) for told in arguments])
    table, *rest = arguments
    return _plain(getattr(store, name)(_TABLES[table], *rest, **options))


def _of_blobs(store: BlobStore, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    if name == "open":
        with store.open(*arguments, **options) as stream:
            return stream.read().decode("latin-1")
    if name == "put":
        key, data = arguments
        return _plain(store.put(key, io.BytesIO(data.encode("latin-1")), **options))
    return _plain(getattr(store, name)(*arguments, **options))


def _write(kind: str, table: str, where: Any, sort: str | None, when: str, token: str) -> Write:
    condition: Any = {"ANY": ANY, "ABSENT": ABSENT}.get(when, when)
    if kind == "Put":
        return Put(_TABLES[table], where, condition, token)
    return (Delete if kind == "Delete" else Check)(_TABLES[table], where, sort, condition)


def _plain(found: Any) -> Any:
    if isinstance(found, Stored):
        return [found.record, found.token]
    if isinstance(found, Page | BlobPage):
        return [_plain(found.items), found.cursor]
    if isinstance(found, BlobInfo):
        return asdict(found)
    return [_plain(one) for one in found] if isinstance(found, list) else found


class Client:
    """Asks twice more when it loses its connection, then gives up."""

    timeout: float | None = 0.5
    looks: tuple[str, list[Any]]

    def __init__(self, port: int) -> None:
        self.port = port
        self.here = threading.local()

    def check(self) -> list[Finding]:
        try:
            self.ask(*self.looks)
        except Unreachable as error:
            return [Finding("error", error.message, error.hint)]
        return [Finding("ok", "it answers")]

    def close(self) -> None:
        self.forget()

    def ask(self, name: str, arguments: list[Any], options: dict[str, Any] | None = None) -> Any:
        line = json.dumps([name, arguments, options or {}]).encode() + b"\n"
        for self.attempts in (1, 2, 3):
            try:
                return self.understood(self.exchange(line))
            except (OSError, EOFError):
                self.forget()
        raise Unreachable("the server does not answer", hint="is it running?")

    def exchange(self, line: bytes) -> bytes:
        if getattr(self.here, "stream", None) is None:
            with socket.create_connection(("127.0.0.1", self.port), self.timeout) as connection:
                self.here.stream = connection.makefile("rwb")
        self.here.stream.write(line)
        self.here.stream.flush()
        return bytes(self.here.stream.readline())

    def understood(self, answer: bytes) -> Any:
        if not answer.endswith(b"\n"):
            raise EOFError
        told = json.loads(answer)
        if "refused" in told:
            raise Conflict("refused", index=told["refused"])
        for error in (InvalidValue, NotFound):
            if error.__name__ in told:
                raise error(told[error.__name__])
        return told["ok"]

    def forget(self) -> None:
        stream, self.here.stream = getattr(self.here, "stream", None), None
        if stream is not None:
            try:
                stream.close()
            except OSError:
                return


class NetworkRecords(Client):
    """Records on a server."""

    capabilities = frozenset({"consistent_query"})
    looks = ("scan", [TABLES[0].name])

    def get(self, table: Table, partition: str, sort: str | None = None) -> Stored | None:
        return _stored(self.ask("get", [table.name, partition, sort]))

    def get_many(self, table: Table, keys: Sequence[Key]) -> list[Stored | None]:
        return [_stored(told) for told in self.ask("get_many", [table.name, list(keys)])]

    def range(self, table: Table, *bounds: Any, **options: Any) -> list[Stored]:
        return [Stored(*told) for told in self.ask("range", [table.name, *bounds], options)]

    def query(self, table: Table, *arguments: Any, **options: Any) -> Page:
        items, cursor = self.ask("query", [table.name, *arguments], options)
        return Page([Stored(*told) for told in items], cursor)

    def scan(self, table: Table, **options: Any) -> Page:
        items, cursor = self.ask("scan", [table.name], options)
        return Page([Stored(*told) for told in items], cursor)

    def commit(self, writes: Sequence[Write]) -> list[str]:
        encode_writes(writes)
        return list(self.ask("commit", self.told(writes)))

    def told(self, writes: Sequence[Write]) -> list[Any]:
        """Returns the writes as they are sent."""
        return [
            [
                type(write).__name__,
                write.table.name,
                write.record if isinstance(write, Put) else key_of(write)[0],
                key_of(write)[1],
                write.when.name if isinstance(write.when, Condition) else token_of(write.when),
                write.token if isinstance(write, Put) else "",
            ]
            for write in writes
        ]


class NetworkBlobs(Client):
    """Blobs on a server."""

    capabilities: frozenset[str] = frozenset()
    looks = ("list", [])

    def put(self, key: str, stream: BinaryIO, **options: Any) -> BlobInfo:
        data = stream.read()
        try:
            return BlobInfo(**self.ask("put", [key, data.decode("latin-1")], options))
        except Conflict:
            # Perhaps it is ours: done, and the answer lost.
            if self.attempts > 1 and self.open(key).read() == data:
                return BlobInfo(**self.ask("head", [key]))
            raise

    def open(self, key: str, **bounds: Any) -> BinaryIO:
        return io.BytesIO(self.ask("open", [key], bounds).encode("latin-1"))

    def head(self, key: str) -> BlobInfo | None:
        told = self.ask("head", [key])
        return None if told is None else BlobInfo(**told)

    def copy(self, src: str, dst: str) -> BlobInfo:
        return BlobInfo(**self.ask("copy", [src, dst]))

    def delete(self, key: str) -> None:
        self.ask("delete", [key])

    def list(self, prefix: str = "", **options: Any) -> BlobPage:
        items, cursor = self.ask("list", [prefix], options)
        return BlobPage([BlobInfo(**told) for told in items], cursor)


def _stored(told: list[Any] | None) -> Stored | None:
    return None if told is None else Stored(*told)
