"""Clauses about listing records: ranges, indexes, paging, scanning, expiry."""

from __future__ import annotations

from dataops_core.contracts.records import ABSENT, EXPIRES_AT, Check, Delete, Put, RecordStore
from dataops_core.testing.record_case import (
    ITEMS,
    RECORDS,
    RecordCase,
    item,
    pages,
    put,
    put_expired,
    queried,
    refused,
    scanned,
    wait_until,
)


class Listings(RecordCase):
    """Ranges, indexes and scans."""

    def test_a_range_is_ordered_and_bounded(self, store: RecordStore) -> None:
        names = ["", "0", "1", "10", "2", "A", "a", "a ", "a#1", "é", "\uffff", "\U0001f600"][1:]
        store.commit([Put(ITEMS, item("s1", name)) for name in reversed(names)])
        for stranger in ("s1.a", "s", "s10", "S1"):
            put(store, item(stranger, "a"))

        def listed(*bounds: str | None, **options: object) -> list[str]:
            return [s.record["item"] for s in store.range(ITEMS, "s1", *bounds, **options)]  # type: ignore[arg-type]

        assert names == sorted(names)
        assert listed() == names
        assert listed(newest_first=True) == names[::-1]
        for lo in (None, *names, "1a", "zz"):
            for hi in (None, *names, "1a", "zz"):
                expected = [n for n in names if (lo is None or n >= lo) and (hi is None or n <= hi)]
                assert listed(lo, hi) == expected, f"the range from {lo!r} to {hi!r}, both included"
                assert listed(lo, hi, limit=2) == expected[:2]
                assert listed(lo, hi, limit=2, newest_first=True) == expected[::-1][:2]
        for limit in range(1, len(names) + 2):
            assert listed(limit=limit) == names[:limit]
        assert store.range(ITEMS, "nobody") == []

    def test_a_range_gives_records_with_their_versions(self, store: RecordStore) -> None:
        stored = [put(store, item("s1", name, n=1)) for name in "ab"]
        assert store.range(ITEMS, "s1") == stored
        stored[0] = put(store, item("s1", "a", n=2), stored[0])
        assert store.range(ITEMS, "s1") == stored

    def test_a_range_reads_past_expired_records(self, store: RecordStore) -> None:
        for name in "acdf":
            put(store, item("s1", name))
        for name in ("b", "e", "e2", "g"):
            put_expired(store, item("s1", name))
        assert [s.record["item"] for s in store.range(ITEMS, "s1")] == list("acdf")
        assert [s.record["item"] for s in store.range(ITEMS, "s1", limit=2)] == list("ac")
        assert [s.record["item"] for s in store.range(ITEMS, "s1", newest_first=True, limit=2)] == list("fd")
        assert [s.record["item"] for s in store.range(ITEMS, "s1", "d", limit=2)] == list("df")

    def test_an_index_is_ordered_and_complete(self, store: RecordStore) -> None:
        records = [{"id": f"r{n}", "group": "g", "rank": f"{n * 7 % 10}"} for n in range(10)]
        for record in records:
            put(store, record)
        for stranger in ("G", "g ", "gg", "é"):
            put(store, {"id": f"stranger {stranger}", "group": stranger, "rank": "1"})
        records.sort(key=lambda r: r["rank"])
        for limit in (1, 2, 3, 10, 50):
            self.sees(store, lambda n=limit: queried(store, RECORDS, "group-rank", "g", limit=n), records)  # type: ignore[misc]
            backwards = queried(store, RECORDS, "group-rank", "g", limit=limit, newest_first=True)
            assert backwards == records[::-1]
        assert store.query(RECORDS, "group-rank", "nobody").items == []

    def test_records_of_one_rank_are_all_listed(self, store: RecordStore) -> None:
        for n in range(12):
            put(store, {"id": f"r{n}", "group": "g", "rank": "same"})
        ids = sorted(f"r{n}" for n in range(12))
        for limit in (1, 5):
            for newest_first in (False, True):
                self.sees(
                    store,
                    lambda n=limit, d=newest_first: sorted(  # type: ignore[misc]
                        r["id"] for r in queried(store, RECORDS, "group-rank", "g", limit=n, newest_first=d)
                    ),
                    ids,
                )

    def test_a_record_without_the_fields_is_not_in_the_index(self, store: RecordStore) -> None:
        put(store, {"id": "both", "group": "g", "open": "yes", "rank": "1"})
        put(store, {"id": "closed", "group": "g", "rank": "2"})
        put(store, {"id": "unranked", "group": "g", "open": "yes"})
        put(store, {"id": "null", "group": "g", "open": None, "rank": "3"})
        self.sees(store, lambda: [r["id"] for r in queried(store, RECORDS, "open-rank", "yes")], ["both"])
        grouped = ["both", "closed", "null"]
        self.sees(store, lambda: [r["id"] for r in queried(store, RECORDS, "group-rank", "g")], grouped)

    def test_an_index_follows_its_records(self, store: RecordStore) -> None:
        def ids(index: str, value: str) -> list[str]:
            return [r["id"] for r in queried(store, RECORDS, index, value, limit=1)]

        first = put(store, {"id": "r1", "group": "a", "open": "yes", "rank": "1"}, ABSENT)
        put(store, {"id": "r2", "group": "a", "rank": "2"})
        self.sees(store, lambda: ids("group-rank", "a"), ["r1", "r2"])
        same = put(store, {"id": "r1", "group": "a", "open": "yes", "rank": "1", "text": "new"}, first)
        self.sees(store, lambda: queried(store, RECORDS, "open-rank", "yes"), [same.record])
        later = put(store, {"id": "r1", "group": "a", "open": "yes", "rank": "3"}, same)
        self.sees(store, lambda: ids("group-rank", "a"), ["r2", "r1"])
        moved = put(store, {"id": "r1", "group": "b", "rank": "3"}, later)
        self.sees(store, lambda: (ids("group-rank", "a"), ids("group-rank", "b")), (["r2"], ["r1"]))
        self.sees(store, lambda: ids("open-rank", "yes"), [])
        put(store, {"id": "r1", "group": "c", "open": "yes", "rank": "4"})
        self.sees(store, lambda: (ids("group-rank", "b"), ids("group-rank", "c")), ([], ["r1"]))
        self.sees(store, lambda: ids("open-rank", "yes"), ["r1"])
        assert refused(store, [Delete(RECORDS, "r1", when=moved)]) == 0
        store.commit([Delete(RECORDS, "r1")])
        self.sees(store, lambda: (ids("group-rank", "c"), ids("open-rank", "yes")), ([], []))

    def test_paging_shows_what_stays_exactly_once(self, store: RecordStore) -> None:
        """Whatever is inserted, changed or deleted between two pages."""
        for newest_first in (False, True):
            group = f"g{newest_first}"
            for n in range(20):
                put(store, {"id": f"{group}{n:02}", "group": group, "rank": f"{n // 2:02}"})
            self.sees(store, lambda g=group: len(queried(store, RECORDS, "group-rank", g)), 20)  # type: ignore[misc]
            seen: list[str] = []
            turns = pages(
                lambda c, g=group, d=newest_first: store.query(  # type: ignore[misc]
                    RECORDS, "group-rank", g, limit=3, cursor=c, newest_first=d
                )
            )
            doomed = sorted(range(0, 20, 3), reverse=newest_first)
            for number, page in enumerate(turns):
                seen += [s.record["id"] for s in page.items]
                assert number < 30, "the listing grows as fast as it is read"
                # Behind the cursor first: that shifts what is counted by position, once forth and once back.
                if number % 2:
                    store.commit([Delete(RECORDS, f"{group}{doomed[number // 2 % 7]:02}")])
                else:
                    rank = f"{9 - number if newest_first else number:02}"
                    put(store, {"id": f"{group}new{number}", "group": group, "rank": rank})
                    changed = (number * 3 + 1) % 18
                    old = {"id": f"{group}{changed:02}", "group": group, "rank": f"{changed // 2:02}"}
                    put(store, {**old, "text": "new"})
            stayed = {f"{group}{n:02}" for n in range(20) if n % 3}
            assert stayed <= set(seen), f"{sorted(stayed - set(seen))} stayed but was skipped"
            assert all(seen.count(one) == 1 for one in stayed), "a record that stayed was shown twice"

    def test_a_scan_enumerates_one_table(self, store: RecordStore) -> None:
        ids = {f"s{n}" for n in range(25)}
        for one in ids:
            store.commit([Put(RECORDS, {"id": one}), Put(ITEMS, item(one, "a")), Put(ITEMS, item(one, "b"))])
        put_expired(store, {"id": "gone"})
        for limit in (1, 7, 100):
            found = [r["id"] for r in scanned(store, RECORDS, limit=limit)]
            assert sorted(found) == sorted(ids)
        assert len(scanned(store, ITEMS, limit=9)) == 50

    def test_a_scan_shows_what_stays_exactly_once(self, store: RecordStore) -> None:
        for n in range(20):
            put(store, {"id": f"r{n}"})
        seen: list[str] = []
        for number, page in enumerate(pages(lambda c: store.scan(RECORDS, limit=3, cursor=c))):
            seen += [s.record["id"] for s in page.items]
            put(store, {"id": f"r{19 - number}", "text": "new"})
            if number < 5:
                store.commit([Delete(RECORDS, f"r{number}")])
                put(store, {"id": f"new{number}"})
        assert all(seen.count(f"r{n}") == 1 for n in range(5, 20))

    def test_what_expires_is_gone_at_once(self, store: RecordStore) -> None:
        at = store.now() + 0.6
        fields = {"group": "g", "rank": "1", EXPIRES_AT: at}
        stored = put(store, {"id": "r1", **fields})
        row = put(store, item("s1", "a", tag="t", **{EXPIRES_AT: at}))
        whole = put(store, {"id": "int", "group": "g", "rank": "0", EXPIRES_AT: int(store.now()) + 1000})
        if store.now() < at - 0.2:
            assert store.get(RECORDS, "r1") == stored
            assert store.range(ITEMS, "s1") == [row]
        wait_until(store, at)
        assert store.get(RECORDS, "r1") is None
        assert store.get_many(ITEMS, [("s1", "a")]) == [None]
        assert store.range(ITEMS, "s1") == []
        # At once, also where an index lags: an expired record may never be handed out.
        assert all(s.record["id"] == "int" for s in store.query(RECORDS, "group-rank", "g").items)
        assert store.query(ITEMS, "tag-item", "t").items == []
        assert [r["id"] for r in scanned(store, RECORDS)] == ["int"]
        assert store.get(RECORDS, "int") == whole

    def test_an_expired_record_makes_room(self, store: RecordStore) -> None:
        old = put_expired(store, {"id": "r1", "group": "old", "rank": "1"})
        assert refused(store, [Put(RECORDS, {"id": "r1"}, old)]) == 0
        assert refused(store, [Delete(RECORDS, "r1", when=old)]) == 0
        assert refused(store, [Check(RECORDS, "r1", when=old)]) == 0
        assert refused(store, [Check(RECORDS, "r1", when=ABSENT)]) is None
        new = put(store, {"id": "r1", "group": "new", "rank": "1"}, ABSENT)
        assert store.get(RECORDS, "r1") == new
        assert refused(store, [Put(RECORDS, {"id": "r1"}, ABSENT)]) == 0
        self.sees(store, lambda: queried(store, RECORDS, "group-rank", "new"), [new.record])
        assert queried(store, RECORDS, "group-rank", "old") == []

    def test_a_record_stops_expiring_when_it_is_written_without(self, store: RecordStore) -> None:
        at = store.now() + 0.2
        put(store, {"id": "r1", EXPIRES_AT: at})
        kept = put(store, {"id": "r1", "n": 1})
        wait_until(store, at)
        assert store.get(RECORDS, "r1") == kept
