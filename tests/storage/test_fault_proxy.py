"""The proxy does to connections what it is told to, and otherwise nothing."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from dataops_core.testing import FaultProxy

RESET = ConnectionResetError, BrokenPipeError


class Server(socketserver.ThreadingTCPServer):
    """Answers each line with the line, as often as its first byte says."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        with suppress(OSError):
            for line in self.rfile:
                self.server.asked.append(line)
                self.wfile.write(line.rstrip() * int(line[:1]) + b"\n")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    with FaultProxy("127.0.0.1", server.server_address[1]).running() as proxy:
        yield proxy


class Client:
    def __init__(self, proxy: FaultProxy, used: ExitStack) -> None:
        self.connection = used.enter_context(socket.create_connection(("127.0.0.1", proxy.port), timeout=5))

    def ask(self, line: bytes = b"1x\n") -> bytes:
        self.connection.sendall(line)
        answer = b""
        while not answer.endswith(b"\n"):
            piece = self.connection.recv(1 << 16)
            if not piece:
                raise EOFError(answer)
            answer += piece
        return answer


@pytest.fixture
def used() -> Iterator[ExitStack]:
    with ExitStack() as used:
        yield used


@pytest.fixture
def client(proxy: FaultProxy, used: ExitStack) -> Client:
    return Client(proxy, used)


def test_everything_passes(proxy: FaultProxy, client: Client, server: Server) -> None:
    large = b"9" + b"x" * 500_000 + b"\n"
    assert client.ask(b"1a\n") == b"1a\n"
    assert client.ask(large) == large.strip() * 9 + b"\n"
    assert server.asked == [b"1a\n", large]
    assert (proxy.count, proxy.done.total()) == (2, 0)


def test_a_request_in_pieces_is_one_exchange(proxy: FaultProxy, client: Client) -> None:
    for piece in (b"1", b"a", b"b"):
        client.connection.sendall(piece)
        time.sleep(0.03)
    assert client.ask(b"\n") == b"1ab\n"
    assert proxy.count == 1


def test_a_reset_request_never_arrives(proxy: FaultProxy, client: Client, used: ExitStack, server: Server) -> None:
    proxy.once("reset", 2)
    assert client.ask(b"1a\n") == b"1a\n"
    with pytest.raises(RESET):
        client.ask(b"1b\n")
    assert server.asked == [b"1a\n"]
    assert Client(proxy, used).ask(b"1c\n") == b"1c\n", "it happens once"


def test_of_a_lost_answer_nothing_arrives(proxy: FaultProxy, client: Client, server: Server) -> None:
    proxy.once("lost")
    with pytest.raises(RESET):
        client.ask(b"1a\n")
    assert server.asked == [b"1a\n"], "the request did"


def test_a_torn_answer_ends_in_a_reset(proxy: FaultProxy, client: Client) -> None:
    proxy.once("torn")
    with pytest.raises(RESET):
        client.ask(b"4abc\n")


def test_a_cut_answer_ends_like_a_whole_one(proxy: FaultProxy, client: Client) -> None:
    proxy.once("cut")
    with pytest.raises(EOFError) as ended:
        client.ask(b"4abc\n")
    (part,) = ended.value.args
    assert part != b"4abc" * 4 + b"\n"
    assert (b"4abc" * 4 + b"\n").startswith(part) and part


def test_a_repeated_request_arrives_twice_and_is_answered_once(
    proxy: FaultProxy, client: Client, server: Server
) -> None:
    proxy.once("twice")
    assert client.ask(b"1a\n") == b"1a\n"
    assert client.ask(b"1b\n") == b"1b\n"
    assert server.asked == [b"1a\n", b"1a\n", b"1b\n"]


def test_a_slow_request_waits(proxy: FaultProxy, client: Client) -> None:
    proxy.slowness = 0.2
    proxy.once("slow")
    began = time.monotonic()
    client.ask()
    assert time.monotonic() - began >= 0.2
    proxy.latency = 0.1
    began = time.monotonic()
    client.ask()
    assert time.monotonic() - began >= 0.1


def test_a_silent_connection_stays_open_until_it_is_healed(
    proxy: FaultProxy, client: Client, used: ExitStack, server: Server
) -> None:
    proxy.once("silent")
    client.connection.settimeout(0.2)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            client.ask()
    assert server.asked == []
    assert Client(proxy, used).ask() == b"1x\n", "others are not silent"
    proxy.heal()
    with pytest.raises(RESET):
        client.ask()


def test_one_exchange_is_chosen_by_what_it_holds(proxy: FaultProxy, client: Client, server: Server) -> None:
    proxy.once("lost", 2, holding=b"b")
    for line in (b"1a\n", b"1b\n", b"1a\n"):
        client.ask(line)
    with pytest.raises(RESET):
        client.ask(b"1b\n")
    assert (proxy.count, proxy.done) == (4, {"lost": 1})


def test_idle_connections_can_be_reset(proxy: FaultProxy, client: Client) -> None:
    client.ask()
    proxy.reset()
    with pytest.raises(RESET):
        client.ask()


def test_a_server_that_left_is_not_there(proxy: FaultProxy, client: Client) -> None:
    client.ask()
    proxy.leave()
    with pytest.raises(RESET):
        client.ask()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def test_a_server_that_is_not_there_resets(used: ExitStack, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with FaultProxy("127.0.0.1", port).running() as proxy, pytest.raises((*RESET, EOFError)):
        Client(proxy, used).ask()
