"""What other processes do to a blob store while the suite looks on."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

from dataops_core.contracts.blobs import CHUNK, BlobStore
from dataops_core.errors import Conflict
from dataops_core.testing.blob_case import Trickle
from dataops_core.testing.child import killed_at_every_step

Say = Callable[[Any], None]


def create(store: BlobStore, say: Say, *, keys: list[str], me: str) -> None:
    """Tries to be the creator of many blobs; says which it created."""
    won = []
    for key in keys:
        try:
            store.put(key, io.BytesIO(me.encode() * 5_000), if_absent=True)
            won.append(key)
        except Conflict:
            continue
    say(won)


def replace(store: BlobStore, say: Say, *, key: str, me: str, times: int) -> None:
    """Replaces one blob again and again by a megabyte of one letter; reads it in between and asserts one letter."""
    for _ in range(times):
        store.put(key, io.BytesIO(me.encode() * CHUNK))
        with store.open(key) as stream:
            data = stream.read()
        assert len(data) == CHUNK and len(set(data)) == 1, "two versions were mixed"
    say(times)


def stall(store: BlobStore, say: Say, *, keys: list[str], size: int) -> None:
    """Begins to store blobs, and waits to be killed in the middle of the last one."""
    *done, last = keys
    for key in done:
        store.put(key, io.BytesIO(b"x" * size))
        say(key)

    def wait() -> None:
        say("in the middle")
        while True:
            time.sleep(60)

    store.put(last, Trickle(b"x" * size, piece=CHUNK, then=wait).stream())


def store_and_replace(open_store: Callable[[], BlobStore], say: Say, *, package: str, at_most: int) -> None:
    """Stores a blob and replaces another, killed at another line each time; says which were acknowledged."""

    def act(number: int) -> Callable[[], Any]:
        store = open_store()
        store.put(f"{number}/old", io.BytesIO(b"old"))

        def both() -> None:
            store.put(f"{number}/old", io.BytesIO(b"new" * 1_000))
            store.put(f"{number}/created", io.BytesIO(b"new" * 1_000), if_absent=True)

        return both

    open_store().close()  # imports what every attempt would import anew
    killed_at_every_step(package, act, say, at_most)


store_and_replace.opens_itself = True  # type: ignore[attr-defined]
