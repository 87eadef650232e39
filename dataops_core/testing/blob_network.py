"""Clauses about a blob store that is reached over a network: what an answer that never comes may do, and may not.

Each runs through a `FaultProxy`. A store may try again by itself or give up with Unreachable; but what it acknowledged
is there, whole, and what it reads is right.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from dataops_core.contracts.blobs import BlobStore
from dataops_core.errors import Conflict, DataOpsError, Unreachable
from dataops_core.testing.blob_case import listed, load, store_bytes
from dataops_core.testing.blob_clauses import content
from dataops_core.testing.fault_proxy import Fault, FaultProxy
from dataops_core.testing.network_case import at_every_exchange, outlast, unreachable
from dataops_core.testing.suite import needs


class BlobNetwork:
    """Faults between the store and its server. `patience` is how long a store may wait for an answer, in seconds."""

    patience: float
    faults: tuple[Fault, ...]

    @needs("network")
    @pytest.mark.parametrize("size", [1_000, 200_000])
    def test_a_fault_at_every_exchange_leaves_a_blob_stored_whole(
        self, store: BlobStore, proxy: FaultProxy, through: BlobStore, size: int
    ) -> None:
        """A blob that the store itself has stored is no rival's; only who was told Unreachable may meet it."""
        data = content(size)

        def create(key: str) -> None:
            told = False
            while True:
                try:
                    store_bytes(through, key, data, if_absent=True)
                    break
                except Unreachable:
                    told = True
                except Conflict:
                    assert told, "it takes its own blob for a rival's"
                    break
            assert load(store, key) == data
            with pytest.raises(Conflict):
                through.put(key, io.BytesIO(b"a rival's"), if_absent=True)

        def replace(key: str) -> None:
            store_bytes(store, f"old/{key}", b"old")
            outlast(lambda: store_bytes(through, f"old/{key}", data, content_type="text/csv"))
            info = store.head(f"old/{key}")
            assert load(store, f"old/{key}") == data and info is not None and info.content_type == "text/csv"

        at_every_exchange(proxy, self.faults, create)
        at_every_exchange(proxy, self.faults, replace)

    @needs("network")
    def test_a_fault_at_every_exchange_of_a_copy_and_of_a_deletion(
        self, store: BlobStore, proxy: FaultProxy, through: BlobStore
    ) -> None:
        data = content(2_000)
        store_bytes(store, "source", data)

        def copy(key: str) -> None:
            outlast(lambda: through.copy("source", f"copied/{key}"))
            assert load(store, f"copied/{key}") == data

        def delete(key: str) -> None:
            store_bytes(store, f"gone/{key}", data)
            outlast(lambda: through.delete(f"gone/{key}"))
            assert store.head(f"gone/{key}") is None

        at_every_exchange(proxy, self.faults, copy)
        at_every_exchange(proxy, self.faults, delete)
        assert load(store, "source") == data

    @needs("network")
    def test_a_read_is_right_or_fails(self, store: BlobStore, proxy: FaultProxy, through: BlobStore) -> None:
        data = content(300_000)
        info = store_bytes(store, "a", data)
        reads: list[tuple[Callable[[], Any], Any]] = [
            (lambda: load(through, "a"), data),
            (lambda: load(through, "a", start=5, stop=200_000), data[5:200_000]),
            (lambda: through.head("a"), info),
            (lambda: through.head("missing"), None),
            (lambda: listed(through), ["a"]),
        ]
        for read, expected in reads:

            def compare(_: str, read: Callable[[], Any] = read, expected: Any = expected) -> None:
                found = outlast(read)
                assert found == expected, f"{str(found)[:80]} was read"

            at_every_exchange(proxy, self.faults, compare)

    @needs("network")
    def test_connections_that_were_reset_are_made_anew(self, proxy: FaultProxy, through: BlobStore) -> None:
        """What was idle when it was lost costs a caller at most one Unreachable."""
        for number in range(3):
            outlast(lambda n=number: store_bytes(through, f"b{n}", b"x"), times=2)  # type: ignore[misc]
            proxy.reset()
            assert outlast(lambda n=number: load(through, f"b{n}"), times=2) == b"x"  # type: ignore[misc]
            proxy.reset()

    @needs("network")
    def test_a_half_open_connection_is_given_up(self, store: BlobStore, proxy: FaultProxy, through: BlobStore) -> None:
        store_bytes(through, "warm", b"x")
        proxy.decide = lambda _: "silent"
        unreachable(self.patience, lambda: through.head("warm"))
        unreachable(self.patience, lambda: load(through, "warm"))
        unreachable(self.patience, lambda: through.put("a", io.BytesIO(b"x")))
        proxy.heal()
        outlast(lambda: store_bytes(through, "a", b"content"))
        assert load(store, "a") == outlast(lambda: load(through, "a")) == b"content"

    @needs("network")
    def test_a_server_that_is_gone_is_told(self, proxy: FaultProxy, through: BlobStore) -> None:
        store_bytes(through, "warm", b"x")
        proxy.leave()
        unreachable(self.patience, lambda: load(through, "warm"))
        unreachable(self.patience, lambda: through.put("a", io.BytesIO(b"x")))
        try:
            findings = through.check()
        except DataOpsError as error:
            pytest.fail(f"check() raises {error!r} in place of telling it")
        assert any(finding.level == "error" and finding.hint for finding in findings)

    @needs("network")
    def test_latency_is_only_slow(self, store: BlobStore, proxy: FaultProxy, through: BlobStore) -> None:
        proxy.latency = 0.1
        store_bytes(through, "a", b"content")
        assert load(through, "a") == load(store, "a") == b"content"
