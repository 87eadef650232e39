"""Stores that fail, or call something, at the n-th call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dataops_core.errors import Unreachable
from dataops_core.storage.opening import Stores

CALLS = ("get", "get_many", "range", "query", "scan", "commit", "put", "open", "head", "copy", "delete", "list")


class Counted:
    """Passes calls on to a store, and counts them.

    Args:
        store: a record store or a blob store.
        calls: what was called so far, of both stores.
        before, after: called with the number of a call.
    """

    def __init__(self, store: Any, calls: list[str], before: Callable[[int], None], after: Callable[[int], None]):
        self._store, self._calls, self._before, self._after = store, calls, before, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in CALLS:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._calls.append(name)
            number = len(self._calls)
            self._before(number)
            result = found(*args, **kwargs)
            self._after(number)
            return result

        return call


def counted(
    stores: Stores, before: Callable[[int], None] = lambda _: None, after: Callable[[int], None] = lambda _: None
) -> tuple[Stores, list[str]]:
    """Returns the stores with their calls counted, and the calls."""
    calls: list[str] = []
    return Stores(Counted(stores.records, calls, before, after), Counted(stores.blobs, calls, before, after)), calls


def failing(stores: Stores, at: int, *, done: bool) -> Stores:
    """Returns stores whose call number `at`, and every later one, fails; with `done` that call is done before."""

    def before(number: int) -> None:
        if number > at or (number == at and not done):
            raise Unreachable("the store went away")

    def after(number: int) -> None:
        if number == at:
            raise Unreachable("the store went away")

    return counted(stores, before, after)[0]


def everything(stores: Stores) -> tuple[dict[str, int], list[str]]:
    """Returns how many records each table has, and the keys of all blobs."""
    from dataops_core.storage import schema
    from dataops_core.storage.tombstones import is_tombstone

    tables = {}
    for table in schema.TABLES:
        found = stores.records.scan(table, limit=10_000).items
        if count := sum(not is_tombstone(item.record) for item in found):
            tables[table.name] = count
    return tables, [info.key for info in stores.blobs.list("", limit=10_000).items]
