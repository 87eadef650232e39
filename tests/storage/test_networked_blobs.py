"""The clauses about networks pass for a client of blobs that is right, and notice each that is not."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from dataops_core.contracts.blobs import BlobInfo
from dataops_core.errors import Conflict, Unreachable
from dataops_core.storage.file_blobs import FileBlobs
from dataops_core.testing import BlobStoreSuite, failed_clauses
from dataops_core.testing.blob_network import BlobNetwork
from tests.storage.networked import NetworkBlobs, serving
from tests.storage.processes import MEMORY

#: Broken clients, each with the clause that must notice.
BROKEN_CLIENTS: dict[type[NetworkBlobs], str] = {}
#: The port of the server whose store lies in a folder.
PORTS: dict[Path, int] = {}


class NetworkedSuite(BlobStoreSuite):
    patience = 4.0
    client = NetworkBlobs

    def upstream(self, place: Path) -> tuple[str, int]:
        return "127.0.0.1", PORTS[place]

    def proxied(self, place: Path, port: int) -> Any:
        return self.client(port)


@pytest.fixture
def served() -> Iterator[Callable[[Path], tuple[Any, Any]]]:
    with ExitStack() as used:

        def opened(folder: Path) -> tuple[Any, Any]:
            PORTS[folder] = used.enter_context(serving(FileBlobs(folder / "blobs")))
            return FileBlobs(folder / "blobs"), FileBlobs(folder / "blobs")

        yield opened


def caught_by(clause: str) -> Callable[[type[NetworkBlobs]], type[NetworkBlobs]]:
    def keep(cls: type[NetworkBlobs]) -> type[NetworkBlobs]:
        BROKEN_CLIENTS[cls] = clause
        return cls

    return keep


WHOLE = "test_a_fault_at_every_exchange_leaves_a_blob_stored_whole"


@caught_by(WHOLE)
class TakesItsOwnForARivals(NetworkBlobs):
    def put(self, key: str, stream: BinaryIO, **options: Any) -> BlobInfo:
        return BlobInfo(**self.ask("put", [key, stream.read().decode("latin-1")], options))


@caught_by(WHOLE)
class TakesARivalsForItsOwn(NetworkBlobs):
    def put(self, key: str, stream: BinaryIO, **options: Any) -> BlobInfo:
        try:
            return super().put(key, stream, **options)
        except Conflict:
            return BlobInfo(**self.ask("head", [key]))


@caught_by(WHOLE)
class StoresTheRestOfTheStream(NetworkBlobs):
    """A stream that was read is not read again."""

    def put(self, key: str, stream: BinaryIO, **options: Any) -> BlobInfo:
        for _ in range(3):
            try:
                line = json.dumps(["put", [key, stream.read().decode("latin-1")], options])
                return BlobInfo(**self.understood(self.exchange(line.encode() + b"\n")))
            except (OSError, EOFError):
                self.forget()
        raise Unreachable("the server does not answer", hint="is it running?")


@caught_by("test_a_fault_at_every_exchange_of_a_copy_and_of_a_deletion")
class TakesSilenceForSuccess(NetworkBlobs):
    def delete(self, key: str) -> None:
        try:
            self.understood(self.exchange(json.dumps(["delete", [key], {}]).encode() + b"\n"))
        except (OSError, EOFError):
            self.forget()


@caught_by("test_a_read_is_right_or_fails")
class ReadsWhatThereIs(NetworkBlobs):
    def understood(self, answer: bytes) -> Any:
        if answer.startswith(b'{"ok": "') and not answer.endswith(b"\n"):
            return answer[8:].decode("latin-1")
        return super().understood(answer)


@caught_by("test_connections_that_were_reset_are_made_anew")
class KeepsItsDeadConnection(NetworkBlobs):
    def forget(self) -> None:
        return


@caught_by("test_a_half_open_connection_is_given_up")
class WaitsForEver(NetworkBlobs):
    timeout = None


@caught_by("test_a_server_that_is_gone_is_told")
class FindsNothingWhereNobodyAnswers(NetworkBlobs):
    def open(self, key: str, **bounds: Any) -> BinaryIO:
        try:
            return super().open(key, **bounds)
        except Unreachable:
            return io.BytesIO()


@pytest.mark.slow
def test_every_clause_about_networks_passes_for_a_client_that_is_right(
    served: Callable[[Path], tuple[Any, Any]],
) -> None:
    for clause in [name for name in vars(BlobNetwork) if name.startswith("test_")]:
        assert failed_clauses(NetworkedSuite, served, only=clause, within=MEMORY) == {}


@pytest.mark.parametrize("client", BROKEN_CLIENTS, ids=lambda cls: cls.__name__)
def test_a_broken_client_is_noticed(client: type[NetworkBlobs], served: Callable[[Path], tuple[Any, Any]]) -> None:
    suite = type("BrokenSuite", (NetworkedSuite,), {"client": client, "patience": 2.0})
    assert failed_clauses(suite, served, only=BROKEN_CLIENTS[client], within=MEMORY)
