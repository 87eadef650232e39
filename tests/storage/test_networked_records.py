"""The clauses about networks pass for a client that is right, and notice each that is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dataops_core.contracts.records import Finding, Put, RecordStore, Write, new_token
from dataops_core.errors import Unreachable
from dataops_core.storage.sqlite_records import SqliteRecords
from dataops_core.testing import RecordStoreSuite, failed_clauses
from dataops_core.testing.record_case import TABLES
from dataops_core.testing.record_network import Network
from tests.storage.broken_stores import RefusesWhatItAppliedBefore
from tests.storage.networked import NetworkRecords, serving
from tests.storage.processes import MEMORY

#: Broken clients, each with the clause that must notice.
BROKEN_CLIENTS: dict[type[NetworkRecords], str] = {}
#: The port of the server whose store lies in a folder.
PORTS: dict[Path, int] = {}


class NetworkedSuite(RecordStoreSuite):
    patience = 4.0
    client = NetworkRecords

    def upstream(self, place: Path) -> tuple[str, int]:
        return "127.0.0.1", PORTS[place]

    def proxied(self, place: Path, port: int) -> RecordStore:
        client: Any = self.client(port)
        return client  # type: ignore[no-any-return]


def served(cls: type[SqliteRecords], used: ExitStack) -> Callable[[Path], tuple[Any, Any]]:
    """Returns what serves a store and opens two handles of it."""

    def opened(folder: Path) -> tuple[Any, Any]:
        store = cls(folder / "dataops.db", TABLES)
        PORTS[folder] = used.enter_context(serving(store))
        return store, cls(folder / "dataops.db", TABLES)

    return opened


@pytest.fixture
def used() -> Iterator[ExitStack]:
    with ExitStack() as used:
        yield used


def caught_by(clause: str) -> Callable[[type[NetworkRecords]], type[NetworkRecords]]:
    def keep(cls: type[NetworkRecords]) -> type[NetworkRecords]:
        BROKEN_CLIENTS[cls] = clause
        return cls

    return keep


ONCE = "test_a_fault_at_every_exchange_leaves_a_commit_applied_once"


@caught_by(ONCE)
class TakesSilenceForSuccess(NetworkRecords):
    def commit(self, writes: Sequence[Write]) -> list[str]:
        try:
            return super().commit(writes)
        except Unreachable:
            return [write.token for write in writes if isinstance(write, Put)]

    def ask(self, name: str, arguments: list[Any], options: dict[str, Any] | None = None) -> Any:
        try:
            return self.understood(self.exchange(json.dumps([name, arguments, options or {}]).encode() + b"\n"))
        except (OSError, EOFError):
            self.forget()
            raise Unreachable("the server does not answer", hint="is it running?") from None


@caught_by(ONCE)
class SendsOtherTokens(NetworkRecords):
    """What it sends again is another commit."""

    def exchange(self, line: bytes) -> bytes:
        told = json.loads(line)
        if told[0] == "commit" and getattr(self.here, "stream", None) is None:
            for write in told[1]:
                write[5] = write[5] and new_token()
        return super().exchange(json.dumps(told).encode() + b"\n")


@caught_by("test_a_read_is_right_or_fails")
class TakesHalfAnAnswer(NetworkRecords):
    def understood(self, answer: bytes) -> Any:
        try:
            return super().understood(answer)
        except EOFError:
            if answer.startswith(b'{"ok": [['):
                return []
            raise


@caught_by("test_a_read_is_right_or_fails")
class FindsNothingWhereNobodyAnswers(NetworkRecords):
    def get(self, *key: Any) -> Any:
        try:
            return super().get(*key)
        except Unreachable:
            return None

    def ask(self, name: str, arguments: list[Any], options: dict[str, Any] | None = None) -> Any:
        try:
            return self.understood(self.exchange(json.dumps([name, arguments, options or {}]).encode() + b"\n"))
        except (OSError, EOFError):
            self.forget()
            raise Unreachable("the server does not answer", hint="is it running?") from None


@caught_by("test_connections_that_were_reset_are_made_anew")
class KeepsItsDeadConnection(NetworkRecords):
    def forget(self) -> None:
        return


@caught_by("test_a_half_open_connection_is_given_up")
class WaitsForEver(NetworkRecords):
    timeout = None


@caught_by("test_a_half_open_connection_is_given_up")
class SaysNothingOfWhatToDo(NetworkRecords):
    def ask(self, *told: Any) -> Any:
        try:
            return super().ask(*told)
        except Unreachable as error:
            raise Unreachable(error.message) from None


@caught_by("test_a_server_that_is_gone_is_told")
class RaisesWhatThePlatformRaises(NetworkRecords):
    def ask(self, *told: Any) -> Any:
        try:
            return super().ask(*told)
        except Unreachable:
            raise ConnectionError("errno 111") from None


@caught_by("test_a_server_that_is_gone_is_told")
class IsWellWithoutItsServer(NetworkRecords):
    def check(self) -> list[Finding]:
        return [Finding("ok", "all is well")]


@caught_by("test_writers_on_a_bad_network_lose_and_double_nothing")
class GivesThreadsOneConnection(NetworkRecords):
    """Two threads take each other's answers."""

    class Shared:
        stream: Any = None

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.here = self.Shared()  # type: ignore[assignment]


@pytest.mark.slow
def test_every_clause_about_networks_passes_for_a_client_that_is_right(used: ExitStack) -> None:
    for clause in [name for name in vars(Network) if name.startswith("test_")]:
        assert failed_clauses(NetworkedSuite, served(SqliteRecords, used), only=clause, within=MEMORY) == {}


@pytest.mark.parametrize("client", BROKEN_CLIENTS, ids=lambda cls: cls.__name__)
def test_a_broken_client_is_noticed(client: type[NetworkRecords], used: ExitStack) -> None:
    suite = type("BrokenSuite", (NetworkedSuite,), {"client": client, "patience": 2.0})
    assert failed_clauses(suite, served(SqliteRecords, used), only=BROKEN_CLIENTS[client], within=MEMORY)


def test_a_server_that_does_not_know_a_commit_again_is_noticed(used: ExitStack) -> None:
    assert failed_clauses(NetworkedSuite, served(RefusesWhatItAppliedBefore, used), only=ONCE, within=MEMORY)


def test_the_suite_of_a_store_without_a_network_does_not_offer_it() -> None:
    assert NetworkedSuite.offers("network") and not RecordStoreSuite.offers("network")
    with pytest.raises(LookupError):
        failed_clauses(RecordStoreSuite, served(SqliteRecords, ExitStack()), only=ONCE)
