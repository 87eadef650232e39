"""Clauses about many records: ranges, pages and scans stay right where one answer of the backend cannot hold them."""

from __future__ import annotations

from collections.abc import Sequence

from dataops_core.contracts.records import MAX_COMMIT_WRITES, Delete, Put, RecordStore, Write
from dataops_core.testing.record_case import ITEMS, RecordCase, item, pages, queried, scanned


class Scale(RecordCase):
    """Many records in one partition. `many` is how many."""

    many = 10_000

    def test_many_records(self, store: RecordStore, other: RecordStore) -> None:
        """They are listed whole, also while others are inserted and deleted between the pages."""
        names = [f"{number:06}" for number in range(self.many)]
        commit(store, [Put(ITEMS, item("s1", name, tag="t", text="x" * 100)) for name in names])
        middle = self.many // 2
        assert [s.record["item"] for s in store.range(ITEMS, "s1")] == names
        assert [s.record["item"] for s in store.range(ITEMS, "s1", limit=3, newest_first=True)] == names[:-4:-1]
        assert [s.record["item"] for s in store.range(ITEMS, "s1", names[middle], limit=3)] == names[middle:][:3]
        assert sorted(r["item"] for r in scanned(store, ITEMS, limit=1_000)) == names
        self.sees(store, lambda: len(queried(store, ITEMS, "tag-item", "t", limit=1_000)), self.many)

        doomed = names[::7]
        seen: list[str] = []
        for turn, page in enumerate(pages(lambda c: store.query(ITEMS, "tag-item", "t", limit=250, cursor=c))):
            seen += [s.record["item"] for s in page.items]
            others: list[Write] = [Delete(ITEMS, "s1", name) for name in doomed[turn * 20 :][:20]]
            # New ones before and after the place where the listing stands, some right beside it.
            spread = names[turn % 9 :: max(1, self.many // 20)][:25]
            others += [
                Put(ITEMS, item("s1", f"{name}+{turn}", tag="t"))
                for name in {*spread, *(name[:6] for name in seen[-1:])}
            ]
            other.commit(others)
        stays = set(names) - set(doomed)
        assert seen == sorted(seen), "pages of an index are in order"
        assert len(set(seen)) == len(seen), "a record was listed twice"
        assert stays <= set(seen), "a record that stayed was skipped"

        # Also for the sake of the clauses that come after it, where several stores share a server.
        commit(store, [Delete(ITEMS, "s1", str(row.record["item"])) for row in store.range(ITEMS, "s1")])
        assert store.range(ITEMS, "s1") == []
        assert scanned(store, ITEMS) == []
        self.sees(store, lambda: queried(store, ITEMS, "tag-item", "t"), [])


def commit(store: RecordStore, writes: Sequence[Write]) -> None:
    """Commits any number of writes, as many at a time as one commit may hold."""
    for start in range(0, len(writes), MAX_COMMIT_WRITES):
        store.commit(writes[start : start + MAX_COMMIT_WRITES])
