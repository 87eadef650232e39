"""Clauses about reading and committing records: versions, conditions, atomicity, retries."""

from __future__ import annotations

import threading
from itertools import product

from dataops_core.contracts.records import (
    ABSENT,
    ANY,
    Check,
    Delete,
    Put,
    RecordStore,
    Stored,
    When,
    Write,
    new_token,
)
from dataops_core.testing.record_case import (
    ITEMS,
    RECORDS,
    RecordCase,
    item,
    put,
    put_expired,
    refused,
)


class Commits(RecordCase):
    """Reading and committing."""

    def test_a_record_is_read_as_it_was_written(self, store: RecordStore) -> None:
        values = {
            "text": 'quotes " \\ / \n \u2028 é 😀', "empty": "", "int": -(2**53), "float": 0.1, "tiny": 5e-324,
            "yes": True, "no": False, "null": None, "list": [1, [2, {}]], "object": {"": {"a.b": []}, "$x": "y"},
        }  # fmt: skip
        for table, sort in ((RECORDS, None), (ITEMS, "i")):
            record = {"id": "r1", **values} if sort is None else item("r1", sort, **values)
            assert store.get(table, "r1", sort) is None
            write = Put(table, record, ABSENT)
            assert store.commit([write]) == [write.token]
            assert store.get(table, "r1", sort) == Stored(record, write.token)

    def test_what_was_read_can_be_changed_without_changing_the_store(self, store: RecordStore) -> None:
        record = {"id": "r1", "list": [1]}
        put(store, record)
        record["list"].append(2)  # type: ignore[attr-defined]
        read = store.get(RECORDS, "r1")
        assert read is not None and read.record["list"] == [1]
        read.record["list"].append(3)
        again = store.get(RECORDS, "r1")
        assert again is not None and again.record["list"] == [1]

    def test_get_many_keeps_the_order_and_the_gaps(self, store: RecordStore) -> None:
        stored = {name: put(store, item("s1", name)) for name in "abcd"}
        keys = [("s1", "d"), ("s1", "missing"), ("s1", "a"), ("other", "a"), ("s1", "d")]
        assert store.get_many(ITEMS, keys) == [stored["d"], None, stored["a"], None, stored["d"]]
        assert store.get_many(ITEMS, []) == []

    def test_every_handle_sees_the_newest_version(self, store: RecordStore, other: RecordStore) -> None:
        for number in range(5):
            writer, reader = (store, other) if number % 2 else (other, store)
            put(writer, {"id": "r1", "n": number, "group": "g", "rank": "1"})
            put(writer, item("s1", "a", n=number))
            for handle in (reader, writer):
                read, many = handle.get(RECORDS, "r1"), handle.get_many(ITEMS, [("s1", "a")])
                assert read is not None and read.record["n"] == number
                assert many[0] is not None and many[0].record["n"] == number
                assert [s.record["n"] for s in handle.range(ITEMS, "s1")] == [number]
        store.commit([Delete(RECORDS, "r1")])
        assert other.get(RECORDS, "r1") is None

    def test_conditions(self, store: RecordStore) -> None:
        """Every kind of write, on every state of its record, with every condition."""
        states = ("absent", "live", "expired")
        conditions = ("absent", "any", "version", "stored", "old version")
        for number, (kind, state, condition) in enumerate(product(("put", "delete", "check"), states, conditions)):
            if kind == "delete" and condition == "absent":
                continue
            owner = f"s{number}"
            old = put(store, item(owner, "x", n=0))
            now = put(store, item(owner, "x", n=1), old)
            if state == "absent":
                store.commit([Delete(ITEMS, owner, "x", now)])
            elif state == "expired":
                now = put_expired(store, item(owner, "x", n=2))
            whens: dict[str, tuple[When, bool]] = {
                "absent": (ABSENT, state != "live"),
                "any": (ANY, True),
                "version": (now.token, state == "live"),
                "stored": (now, state == "live"),
                "old version": (old.token, False),
            }
            when, holds = whens[condition]
            write: Write
            if kind == "put":
                write = Put(ITEMS, item(owner, "x", n=9), when)
            else:
                write = (Delete if kind == "delete" else Check)(ITEMS, owner, "x", when)
            what = f"{kind} when {condition} of a record that is {state}"
            assert refused(store, [write]) == (None if holds else 0), what
            read = store.get(ITEMS, owner, "x")
            number_now = None if read is None else read.record["n"]
            before = 1 if state == "live" else None
            after = {"put": 9, "delete": None, "check": before}[kind]
            assert number_now == (after if holds else before), what

    def test_a_version_of_an_earlier_life_does_not_hold(self, store: RecordStore) -> None:
        first = put(store, {"id": "r1", "n": 1}, ABSENT)
        store.commit([Delete(RECORDS, "r1", when=first)])
        put(store, {"id": "r1", "n": 1}, ABSENT)
        assert refused(store, [Put(RECORDS, {"id": "r1", "n": 2}, first)]) == 0
        assert refused(store, [Delete(RECORDS, "r1", when=first.token)]) == 0
        assert refused(store, [Check(RECORDS, "r1", when=first)]) == 0

    def test_a_commit_is_applied_whole_or_not_at_all(self, store: RecordStore) -> None:
        for position, bad in product(range(4), ("put", "delete", "check", "create")):
            scope = f"s{position}{bad}"
            kept = put(store, {"id": f"{scope}.kept", "n": 0})
            doomed = put(store, item(scope, "doomed"))
            writes: list[Write] = [
                Put(RECORDS, {"id": f"{scope}.kept", "n": 1, "group": scope, "rank": "1"}, kept),
                Put(ITEMS, item(scope, "new", tag=scope), ABSENT),
                Delete(ITEMS, scope, "doomed", doomed),
            ]
            refusals: dict[str, Write] = {
                "put": Put(ITEMS, item(scope, "bad"), new_token()),
                "delete": Delete(ITEMS, scope, "bad", new_token()),
                "check": Check(ITEMS, scope, "bad", new_token()),
                "create": Put(RECORDS, {"id": f"{scope}.taken"}, ABSENT),
            }
            put(store, {"id": f"{scope}.taken", "n": 7})
            writes.insert(position, refusals[bad])
            assert refused(store, writes) == position
            assert store.get(RECORDS, f"{scope}.kept") == kept
            assert store.range(ITEMS, scope) == [doomed]
            self.sees(store, lambda s=scope: store.query(RECORDS, "group-rank", s).items, [])  # type: ignore[misc]
            del writes[position]
            tokens = store.commit(writes)
            assert tokens == [w.token for w in writes if isinstance(w, Put)]
            assert [s.record["item"] for s in store.range(ITEMS, scope)] == ["new"]
            read = store.get(RECORDS, f"{scope}.kept")
            assert read is not None and read.record["n"] == 1

    def test_a_commit_of_checks_and_deletes_returns_no_tokens(self, store: RecordStore) -> None:
        stored = put(store, {"id": "s1", "n": 1})
        assert store.commit([Check(RECORDS, "s1", when=stored), Delete(ITEMS, "s1", "missing")]) == []
        assert store.get(RECORDS, "s1") == stored

    def test_a_commit_sent_again_is_recognised(self, store: RecordStore) -> None:
        """Nothing is written by the second sending, whatever happened to the other records of the commit."""
        fence = put(store, {"id": "s1.fence"})
        gone = put(store, item("s1", "gone"))
        writes: list[Write] = [
            Check(RECORDS, "s1.fence", when=fence),
            Put(ITEMS, item("s1", "free", by=1), ANY),
            Put(ITEMS, item("s1", "new", by=1), ABSENT),
            Delete(ITEMS, "s1", "gone", gone),
        ]
        tokens = store.commit(writes)
        assert store.commit(writes) == tokens
        put(store, {"id": "s1.fence", "taken": "over"}, fence)
        free = put(store, item("s1", "free", by=2))
        back = put(store, item("s1", "gone", by=2), ABSENT)
        assert store.commit(writes) == tokens, "a record bears its new token: the commit was applied before"
        assert store.get(ITEMS, "s1", "free") == free
        assert store.get(ITEMS, "s1", "gone") == back
        new = put(store, item("s1", "new", by=2))
        assert refused(store, writes) in (0, 2, 3), "no record bears its new token any more"
        assert store.get(ITEMS, "s1", "free") == free
        assert store.get(ITEMS, "s1", "new") == new

    def test_an_unconditional_commit_sent_again_writes_nothing(self, store: RecordStore) -> None:
        writes = [Put(ITEMS, item("s1", "a", by=1), ANY), Put(ITEMS, item("s1", "b", by=1), ANY)]
        tokens = store.commit(writes)
        for mine, others in (("a", "b"), ("b", "a")):
            put(store, item("s1", mine, by=1))
            store.commit(writes := [Put(ITEMS, w.record, ANY) for w in writes])
            tokens = [w.token for w in writes]
            newer = put(store, item("s1", others, by=2))
            assert store.commit(writes) == tokens
            assert store.get(ITEMS, "s1", others) == newer, "a repeated commit overwrote what came after it"

    def test_an_update_sent_again_is_recognised(self, store: RecordStore) -> None:
        first = put(store, {"id": "r1", "n": 1})
        write = Put(RECORDS, {"id": "r1", "n": 2}, first)
        assert store.commit([write]) == store.commit([write]) == [write.token]
        last = put(store, {"id": "r1", "n": 3}, write.token)
        assert refused(store, [write]) == 0
        assert store.get(RECORDS, "r1") == last

    def test_threads_lose_no_update(self, store: RecordStore) -> None:
        put(store, {"id": "counter", "n": 0})
        conflicts: list[int] = []
        failures: list[BaseException] = []

        def increase() -> None:
            try:
                for _ in range(15):
                    while True:
                        read = store.get(RECORDS, "counter")
                        assert read is not None
                        if refused(store, [Put(RECORDS, {"id": "counter", "n": read.record["n"] + 1}, read)]) is None:
                            break
                        conflicts.append(1)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=increase) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        read = store.get(RECORDS, "counter")
        assert read is not None and read.record["n"] == 60
