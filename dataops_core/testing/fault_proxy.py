"""A TCP proxy before a server that does to connections what networks do. It knows no protocol.

What passes is counted in *exchanges*: an exchange begins with the first bytes that a client sends on a new connection
or after an answer, and ends with the answer. That fits what asks and waits: Redis, HTTP, databases.

    with FaultProxy("127.0.0.1", 6379).running() as proxy:
        store = open_it(port=proxy.port)
        proxy.once("lost")                       # the next exchange
        proxy.decide = lambda exchange: "slow" if b"SET" in exchange.data else None

Faults that are words of a protocol, say a service that is busy, need a proxy that speaks it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal

#: reset: the request is not forwarded, the connection is reset · lost: forwarded and answered, the answer is dropped
#: and the connection reset · torn: reset in the middle of the answer · cut: ended in the middle of the answer as if it
#: were whole · twice: the server gets the request once more, on a connection of its own, where a request stands alone;
#: one answer · slow: the request waits for `slowness` seconds · silent: from here on nothing passes on this
#: connection, which stays open.
Fault = Literal["reset", "lost", "torn", "cut", "twice", "slow", "silent"]

_PIECE: Final = 1 << 16
#: Seconds that a repeated request waits for its answer.
_REPEATED: Final = 5.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way: its number since the proxy began, and its first bytes."""

    number: int
    data: bytes


class FaultProxy:
    """Forwards connections to one server. Its attributes may be set at any time.

    Args:
        host: of the server.
        port: of the server.

    Attributes:
        port: where clients connect, on 127.0.0.1.
        decide: says what happens to an exchange; called in the proxy's thread, one call after the other.
        latency: seconds that every exchange waits.
        slowness: seconds that a `slow` exchange waits.
        count: how many exchanges began.
        done: how often each fault happened.
    """

    def __init__(self, host: str, port: int) -> None:
        self.upstream = (host, port)
        self.port = 0
        self.decide: Callable[[Exchange], Fault | None] = _nothing
        self.latency = 0.0
        self.slowness = 1.0
        self.count = 0
        self.done: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._open: set[_Connection] = set()
        self._listening: socket.socket | None = None

    def heal(self) -> None:
        """Lets everything pass from now on; connections that fell silent are reset."""
        self.decide, self.latency = _nothing, 0.0
        self._call(self._reset, True)

    def once(self, fault: Fault, nth: int = 1, holding: bytes = b"") -> None:
        """Lets a fault happen to one exchange, and to no other.

        Args:
            fault: what happens.
            nth: to which exchange from now on, counted from 1.
            holding: count only exchanges whose first bytes hold this.
        """
        left = nth

        def decide(exchange: Exchange) -> Fault | None:
            nonlocal left
            left -= holding in exchange.data
            if left or holding not in exchange.data:
                return None
            return fault

        self.decide = decide

    def reset(self) -> None:
        """Resets every open connection, also those that wait for their next request."""
        self._call(self._reset, False)

    def leave(self) -> None:
        """Stops listening and resets every connection: the server is not there any more."""
        self._call(self._leave)

    @contextmanager
    def running(self) -> Iterator[FaultProxy]:
        """Forwards until the end of the block."""
        listening = socket.create_server(("127.0.0.1", 0))
        self._listening, self.port = listening, listening.getsockname()[1]
        ready = threading.Event()
        thread = threading.Thread(target=self._serve, args=(listening, ready), name="fault-proxy", daemon=True)
        thread.start()
        ready.wait()
        try:
            yield self
        finally:
            self._call(self._leave)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def _serve(self, listening: socket.socket, ready: threading.Event) -> None:
        self._loop.create_task(self._accept(listening))
        self._loop.call_soon(ready.set)
        self._loop.run_forever()
        self._loop.run_until_complete(_cancel_all())

    async def _accept(self, listening: socket.socket) -> None:
        listening.setblocking(False)
        tasks: set[asyncio.Task[None]] = set()
        while True:
            try:
                accepted, _ = await self._loop.sock_accept(listening)
            except OSError:  # it left
                return
            task = self._loop.create_task(self._forward(accepted))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _forward(self, accepted: socket.socket) -> None:
        client = await asyncio.open_connection(sock=accepted)
        try:
            server = await asyncio.open_connection(*self.upstream)
        except OSError:
            _abort(client[1])
            return
        connection = _Connection(self, *client, *server)
        self._open.add(connection)
        try:
            await connection.run()
        finally:
            self._open.discard(connection)

    def decided(self, data: bytes) -> Fault | None:
        """Counts an exchange and returns what happens to it."""
        self.count += 1
        fault = self.decide(Exchange(self.count, data))
        if fault is not None:
            self.done[fault] += 1
        return fault

    def _reset(self, silent_only: bool) -> None:
        for connection in list(self._open):
            if connection.fault == "silent" or not silent_only:
                connection.abort()

    def _leave(self) -> None:
        if self._listening is not None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        self._reset(False)

    def _call(self, act: Callable[..., None], *arguments: object) -> None:
        """Does something in the proxy's thread, and waits until it is done."""
        done = threading.Event()

        def both() -> None:
            try:
                act(*arguments)
            finally:
                done.set()

        self._loop.call_soon_threadsafe(both)
        done.wait()


class _Connection:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(
        self,
        proxy: FaultProxy,
        from_client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        self.fault: Fault | None = None
        self._proxy = proxy
        self._from_client, self._to_client = from_client, to_client
        self._from_server, self._to_server = from_server, to_server
        self._asking = False
        self._request = bytearray()

    async def run(self) -> None:
        """Forwards until one side ends."""
        pumps = [asyncio.create_task(self._requests()), asyncio.create_task(self._answers())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._to_client.close()
            self._to_server.close()

    def abort(self) -> None:
        """Resets both sides."""
        _abort(self._to_client)
        _abort(self._to_server)

    async def _requests(self) -> None:
        while data := await self._from_client.read(_PIECE):
            if self.fault == "silent":
                continue
            if not self._asking:
                self._asking = True
                self._request.clear()
                self.fault = self._proxy.decided(data)
                if self.fault == "reset":
                    return self.abort()
                if self.fault == "silent":
                    continue
                await asyncio.sleep(self._proxy.latency + (self._proxy.slowness if self.fault == "slow" else 0))
            if self.fault == "twice":
                self._request += data
            self._to_server.write(data)
            await self._to_server.drain()
        return None

    async def _answers(self) -> None:
        while data := await self._from_server.read(_PIECE):
            if self.fault == "silent":
                continue
            if self._asking:  # the first bytes of an answer: the request was whole, and is done
                self._asking = False
                if self.fault == "twice":
                    await self._again()
                elif self.fault == "lost":
                    return self.abort()
                elif self.fault in ("torn", "cut"):
                    self._to_client.write(data[: len(data) // 2])
                    await self._to_client.drain()
                    if self.fault == "torn":
                        await asyncio.sleep(0.02)  # or the reset overtakes what is on its way
                        self.abort()
                    return None
            self._to_client.write(data)
            await self._to_client.drain()
        return None

    async def _again(self) -> None:
        with suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_connection(*self._proxy.upstream)
            try:
                writer.write(bytes(self._request))
                await asyncio.wait_for(reader.read(_PIECE), _REPEATED)
            finally:
                writer.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _nothing(_: Exchange) -> None:
    return None


def _abort(writer: asyncio.StreamWriter) -> None:
    """Closes at once; the other side reads of a reset, not of an end."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
