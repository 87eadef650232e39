"""Clauses about storing, reading, copying, deleting and listing blobs."""

from __future__ import annotations

import hashlib
import io
import time
from typing import Any

import pytest

from dataops_core.contracts.blobs import CHUNK, BlobStore
from dataops_core.errors import Conflict, InvalidValue, NotFound
from dataops_core.testing.blob_case import IMPOSSIBLE, KEYS, Trickle, in_pieces, listed, load, store_bytes

SIZES = (0, 1, 4_095, 4_096, CHUNK - 1, CHUNK, CHUNK + 1, 9 * CHUNK + 7)


def content(size: int, seed: int = 0) -> bytes:
    """Returns bytes that repeat nowhere near."""
    block = b"".join(hashlib.sha256(f"{seed} {n}".encode()).digest() for n in range(64))
    return (block * (size // len(block) + 1))[:size]


class Blobs:
    """Bytes by key."""

    def test_bytes_come_back_as_they_went_in(self, store: BlobStore) -> None:
        for size in SIZES:
            data = content(size)
            before = time.time()
            info = store_bytes(store, f"b{size}", data, content_type="text/csv; charset=utf-8")
            assert load(store, f"b{size}") == data
            assert store.head(f"b{size}") == info
            assert info.content_type == "text/csv; charset=utf-8"
            assert abs(info.modified - before) < 300
        assert store_bytes(store, "plain", b"x").content_type is None
        plain = store.head("plain")
        assert plain is not None and plain.content_type is None

    def test_a_stream_may_come_in_pieces(self, store: BlobStore) -> None:
        data = content(1_000)
        info = store.put("a", Trickle(data).stream())
        assert (info.size, info.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert load(store, "a") == data
        position = io.BytesIO(b"skipped" + data)
        position.read(7)
        store.put("b", position)
        assert load(store, "b") == data, "a stream is stored from where it stands"

    def test_a_blob_is_read_in_pieces(self, store: BlobStore) -> None:
        data = content(3 * CHUNK + 5)
        store_bytes(store, "a", data)
        for size in (1_000, 65_536, CHUNK, 4 * CHUNK):
            assert in_pieces(store, "a", size) == data

    def test_ranges(self, store: BlobStore) -> None:
        data = content(5_000)
        store_bytes(store, "a", data)
        store_bytes(store, "empty", b"")
        for start in (0, 1, 2_500, 4_999, 5_000, 6_000):
            for stop in (None, 0, 1, 2_500, 2_501, 4_999, 5_000, 6_000):
                assert load(store, "a", start=start, stop=stop) == data[start:stop], f"[{start}, {stop})"
        assert load(store, "empty", start=0, stop=10) == b""
        for bounds in ({"start": -1}, {"stop": -1}):
            with pytest.raises(InvalidValue):
                store.open("a", **bounds)

    def test_what_is_missing(self, store: BlobStore) -> None:
        store_bytes(store, "a/b", b"x")
        for key in ("a", "a/b/c", "missing", "a/c"):
            assert store.head(key) is None
            for act in (lambda k=key: store.open(k), lambda k=key: store.copy(k, "copy")):
                with pytest.raises(NotFound):
                    act()
            store.delete(key)
        assert listed(store) == ["a/b"]

    def test_a_blob_is_replaced_whole(self, store: BlobStore) -> None:
        for size in (5_000, 10, 0, 70_000):
            info = store_bytes(store, "a", content(size, seed=size), content_type=f"x/{size}")
            assert load(store, "a") == content(size, seed=size)
            assert store.head("a") == info
        assert listed(store) == ["a"]

    def test_if_absent_keeps_what_is_there(self, store: BlobStore) -> None:
        info = store_bytes(store, "a", b"first", if_absent=True)
        for data in (b"second", b"first"):
            with pytest.raises(Conflict):
                store.put("a", io.BytesIO(data), if_absent=True)
        assert store.head("a") == info
        assert load(store, "a") == b"first"
        store.delete("a")
        store_bytes(store, "a", b"third", if_absent=True)
        assert load(store, "a") == b"third"

    def test_if_absent_decides_at_the_end(self, store: BlobStore, other: BlobStore) -> None:
        """Two writers that both began before there was anything: one of them wins."""
        late = Trickle(b"late" * 10, then=lambda: other.put("a", io.BytesIO(b"early"), if_absent=True))
        with pytest.raises(Conflict):
            store.put("a", late.stream(), if_absent=True)
        assert load(store, "a") == b"early"

    def test_a_broken_stream_stores_nothing(self, store: BlobStore) -> None:
        def fail() -> None:
            raise RuntimeError("the source broke")

        for key, old in (("new", None), ("old", b"old")):
            if old is not None:
                store_bytes(store, key, old)
            for size in (100, 9 * CHUNK):
                with pytest.raises(RuntimeError):
                    store.put(key, Trickle(content(size), piece=CHUNK, then=fail).stream())
            head = store.head(key)
            assert (head is None) == (old is None)
            assert old is None or load(store, key) == old
        assert listed(store) == ["old"]

    def test_an_unfinished_blob_is_not_there(self, store: BlobStore, other: BlobStore) -> None:
        def look() -> None:
            assert other.head("new") is None
            assert listed(other) == ["old"]
            assert load(other, "old") == b"old"

        store_bytes(store, "old", b"old")
        store.put("new", Trickle(content(2_000_000), piece=CHUNK, then=look).stream())
        store.put("old", Trickle(content(2_000_000), piece=CHUNK, then=lambda: None).stream())
        assert listed(other) == ["new", "old"]

    def test_a_reader_keeps_the_version_that_it_opened(self, store: BlobStore, other: BlobStore) -> None:
        """Or says that it cannot; it never mixes two."""
        old, new = content(3 * CHUNK, seed=1), content(3 * CHUNK, seed=2)
        store_bytes(store, "a", old)
        with store.open("a") as stream:
            head = stream.read(CHUNK)
            store_bytes(other, "a", new)
            try:
                whole = head + stream.read()
            except Exception:
                whole = old
        assert whole in (old, new)
        assert load(store, "a") == new

    def test_copies_are_independent(self, store: BlobStore) -> None:
        info = store_bytes(store, "a", b"content", content_type="text/plain")
        copy = store.copy("a", "deep/b")
        assert (copy.key, copy.size, copy.sha256, copy.content_type) == ("deep/b", 7, info.sha256, "text/plain")
        assert store.head("deep/b") == copy
        store_bytes(store, "a", b"changed")
        assert load(store, "deep/b") == b"content"
        store.delete("a")
        assert load(store, "deep/b") == b"content"
        store_bytes(store, "c", b"replaced")
        store.copy("deep/b", "c")
        assert load(store, "c") == b"content"
        store.copy("c", "c")
        assert load(store, "c") == b"content"

    def test_deleting(self, store: BlobStore) -> None:
        for key in ("a", "a/b", "a/b/c"):
            store_bytes(store, key, key.encode())
        store.delete("a/b")
        store.delete("a/b")
        assert listed(store) == ["a", "a/b/c"]
        assert store.head("a/b") is None
        store.delete("a/b/c")
        store_bytes(store, "a/b/d", b"again")
        store.delete("a")
        assert listed(store) == ["a/b/d"]

    def test_hostile_keys(self, store: BlobStore) -> None:
        for key in KEYS:
            store_bytes(store, key, key.encode(), if_absent=True)
        for key in KEYS:
            assert load(store, key) == key.encode(), f"{key!r} was mixed up with another key"
        assert listed(store) == sorted(KEYS)
        for key in KEYS:
            store.delete(key)
            assert store.head(key) is None
        assert listed(store) == []

    @pytest.mark.parametrize("key", IMPOSSIBLE)
    def test_impossible_keys(self, store: BlobStore, key: Any) -> None:
        store_bytes(store, "a", b"x")
        for act in (
            lambda: store.put(key, io.BytesIO(b"x")),
            lambda: store.open(key),
            lambda: store.head(key),
            lambda: store.delete(key),
            lambda: store.copy("a", key),
            lambda: store.copy(key, "b"),
        ):
            with pytest.raises(InvalidValue):
                act()
        assert listed(store) == ["a"]

    def test_listings_are_ordered_and_paged(self, store: BlobStore) -> None:
        keys = ["a", "a/1", "a/2/x", "a-b", "a.b", "a0", "b", "b/c", "bé", "b\uffff", "b\U0001f600", "c/d/e/f"]
        for key in keys:
            store_bytes(store, key, key.encode(), content_type=f"x/{len(key)}")
        prefixes = ["a", "a/", "a/2", "a-", "b", "b/", "bé", "c/d/", "c/d/e/f", "c/d/e/f/", "d", "/", "..", "../", "A"]
        for prefix in ["", *prefixes]:
            expected = sorted(key for key in keys if key.startswith(prefix))
            for limit in (1, 2, 3, 1000):
                assert listed(store, prefix, limit=limit) == expected, f"keys that begin with {prefix!r}"
        for info in store.list().items:
            assert store.head(info.key) == info, "a listing says what head says"

    def test_a_listing_shows_what_stays_exactly_once(self, store: BlobStore) -> None:
        for n in range(30):
            store_bytes(store, f"p/{n:02}/x", b"x")
        seen: list[str] = []
        cursor = None
        for turn in range(40):
            page = store.list("p/", limit=4, cursor=cursor)
            seen += [info.key for info in page.items]
            store_bytes(store, f"p/{turn:02}/new", b"x")
            store.delete(f"p/{turn * 3:02}/x")
            cursor = page.cursor
            if cursor is None:
                break
        stayed = {f"p/{n:02}/x" for n in range(30) if n % 3}
        assert stayed <= set(seen)
        assert all(seen.count(key) == 1 for key in stayed)
        assert seen == sorted(seen)
