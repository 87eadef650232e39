"""The conformance suite for blob stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis.stateful import run_state_machine_as_test

from dataops_core.contracts.blobs import CHUNK, BlobStore
from dataops_core.errors import CorruptData
from dataops_core.testing.blob_case import in_pieces, listed, load, store_bytes
from dataops_core.testing.blob_clauses import Blobs, content
from dataops_core.testing.blob_machine import BlobMachine
from dataops_core.testing.blob_network import BlobNetwork
from dataops_core.testing.child import Child, Place, together
from dataops_core.testing.suite import Suite, needs


class BlobStoreSuite(Suite, Blobs, BlobNetwork):
    """Every clause of the blob store's contract. Subclass it in a test module and say what `plugin` and `url` are."""

    def corrupt(self, place: Path, key: str) -> None:
        """Changes one byte of a stored blob behind the store's back; offers the capability `damage`.

        Args:
            place: the folder that `url` was given.
            key: which blob.
        """
        raise NotImplementedError

    @pytest.fixture
    def store(self, place: Place) -> Iterator[BlobStore]:
        """An empty store."""
        store: BlobStore = place.blobs()
        store.prepare()
        yield store
        store.close()

    @pytest.fixture
    def other(self, store: BlobStore, place: Place) -> Iterator[BlobStore]:
        """Another handle of the same store."""
        other: BlobStore = place.blobs()
        yield other
        other.close()

    def test_model(self, store: BlobStore) -> None:
        """A state machine compares the store with a model."""
        machine = type("BlobMachine", (BlobMachine,), {"store": store})
        run_state_machine_as_test(cast(Any, machine), settings=self.looks())

    def test_preparing_twice_does_nothing_more(self, store: BlobStore, other: BlobStore) -> None:
        store_bytes(store, "a", b"x")
        assert store.prepare() == []
        assert other.prepare() == []
        assert load(store, "a") == b"x"

    def test_a_healthy_store_says_so(self, store: BlobStore) -> None:
        findings = store.check()
        assert findings
        assert all(finding.level in ("ok", "warn", "error") and finding.what for finding in findings)
        assert not [f for f in findings if f.level == "error"]

    def test_closing_twice_is_harmless_and_loses_nothing(self, store: BlobStore, other: BlobStore) -> None:
        store_bytes(store, "a", b"x")
        store.close()
        store.close()
        assert load(other, "a") == b"x"

    @needs("damage")
    def test_a_damaged_blob_is_noticed(self, store: BlobStore, tmp_path: Path) -> None:
        for key, data in (("small", b"content"), ("large", content(3 * CHUNK)), ("fine", b"fine")):
            store_bytes(store, key, data)
        for key in ("small", "large"):
            self.corrupt(tmp_path, key)
        for key in ("small", "large"):
            with pytest.raises(CorruptData, match=key):
                load(store, key)
            with pytest.raises(CorruptData):
                in_pieces(store, key)
            with pytest.raises(CorruptData):
                store.copy(key, "copy")
        assert store.head("copy") is None
        assert listed(store) == ["fine", "large", "small"]
        assert load(store, "fine") == b"fine"

    @needs("processes")
    def test_one_of_many_processes_creates_a_blob(self, store: BlobStore, place: Place) -> None:
        keys = [f"k/{n}" for n in range(25)]
        said = together([Child(place, "blob_jobs.create", keys=keys, me=str(n)) for n in range(self.processes)])
        winners = {key: str(n) for n, (won,) in enumerate(said) for key in won}
        assert sum(len(won) for (won,) in said) == len(keys), "each blob has one creator"
        for key in keys:
            assert load(store, key) == winners[key].encode() * 5_000

    @needs("processes")
    def test_processes_never_see_two_versions_mixed(self, store: BlobStore, place: Place) -> None:
        said = together([Child(place, "blob_jobs.replace", key="a", me=letter, times=15) for letter in "xyz"])
        assert said == [[15], [15], [15]]
        assert len(set(load(store, "a"))) == 1

    @needs("processes")
    def test_a_kill_in_the_middle_leaves_nothing_to_see(self, store: BlobStore, place: Place) -> None:
        for size in (100, 6 * CHUNK):
            child = Child(place, "blob_jobs.stall", keys=[f"{size}/a", f"{size}/b"], size=size)
            child.ready()
            child.go()
            assert child.said() == f"{size}/a"
            assert child.said() == "in the middle"
            child.kill()
            assert load(store, f"{size}/a") == b"x" * size
            assert store.head(f"{size}/b") is None
            assert listed(store, f"{size}/") == [f"{size}/a"]
            store_bytes(store, f"{size}/b", b"afterwards", if_absent=True)

    @needs("processes")
    def test_a_kill_at_every_step_leaves_all_or_nothing(self, store: BlobStore, place: Place) -> None:
        (attempts,) = together([Child(place, "blob_jobs.store_and_replace", at_most=self.kills)])
        assert len(attempts) > 5, "the backend's code was not seen at work"
        assert attempts[0][1] and attempts[-1][1], "the first attempt and the last are not killed"
        new = b"new" * 1_000
        for number, acknowledged in attempts:
            keys = listed(store, f"{number}/")
            contents = {key.partition("/")[2]: load(store, key) for key in keys}
            assert contents in ({"old": b"old"}, {"old": new}, {"old": new, "created": new}), f"step {number}"
            assert not acknowledged or len(contents) == 2, f"step {number}: an acknowledged blob is gone"
