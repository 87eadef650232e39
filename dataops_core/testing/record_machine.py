"""The record store against a model: random commits, retries, expiry and listings, compared after every step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dataops_core.contracts.records import (
    ABSENT,
    ANY,
    EXPIRES_AT,
    Check,
    Delete,
    Put,
    Record,
    RecordStore,
    Stored,
    Table,
    Write,
    key_of,
    new_token,
    token_of,
)
from dataops_core.errors import Conflict
from dataops_core.testing.record_case import ITEMS, RECORDS, queried, scanned, wait_until

NAMES = ("a", "b", "a/b", "\uffff", "\U0001f600")
RANKS = ("1", "2", "\uffff", "\U0001f600")
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_numbers = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
_json = st.recursive(
    st.none() | st.booleans() | _numbers | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)
#: Mostly in the indexes, so that there is something to list.
_fields = st.fixed_dictionaries(
    {"group": st.sampled_from(("g", "g", "g", "h", None)), "rank": st.sampled_from((*RANKS, *RANKS, None))},
    optional={"tag": st.just("t"), "open": st.just("yes"), "value": _json},
)
#: A record, or a row of one of two partitions of which one's name begins with the other's.
_slots = st.tuples(st.sampled_from(("record", "record", "", ".a")), st.sampled_from(NAMES))
CONDITIONS = ("absent", "any", "now", "stored", "old", "never")
#: Mostly with a condition that holds: one that does not refuses the whole commit.
_intents = st.tuples(
    st.sampled_from(("put", "put", "put", "delete", "check")),
    st.sampled_from(("now", "now", "now", "now", "stored", "stored", "any", "any", "absent", "old", "never")),
    _fields,
)
Slot = tuple[str, str]


class RecordMachine(RuleBasedStateMachine):
    """Commits and listings of one scope, which is new for every run, so that one store serves all runs."""

    store: RecordStore

    @initialize()
    def begin(self) -> None:
        """Starts in an empty scope."""
        self.scope = uuid4().hex
        self.live: dict[Slot, Stored] = {}
        self.past: dict[Slot, list[Stored]] = {}
        self.commits: list[list[Write]] = []
        self.looks = 0

    def teardown(self) -> None:
        """Leaves the tables small for the next run."""
        for slot in self.live:
            self.store.commit([Delete(*self._key(slot))])

    def _record(self, slot: Slot, fields: dict[str, Any]) -> dict[str, Any]:
        table, partition, sort = self._key(slot)
        own = {k: f"{self.scope}{v}" if v and k in ("group", "tag", "open") else v for k, v in fields.items()}
        key = {table.partition: partition}
        return {**own, **key} if sort is None else {**own, **key, "item": sort}

    def _key(self, slot: Slot) -> tuple[Table, str, str | None]:
        kind, name = slot
        return (RECORDS, f"{self.scope}.{name}", None) if kind == "record" else (ITEMS, self.scope + kind, name)

    def _write(self, slot: Slot, intent: tuple[str, str, dict[str, Any]]) -> Write:
        what, condition, fields = intent
        now = self.live.get(slot)
        old = [past for past in self.past.get(slot, []) if past != now]
        when: Any = {
            "absent": ABSENT,
            "any": ANY,
            "never": new_token(),
            "old": old[0] if old else new_token(),
            "now": now.token if now else ABSENT,
            "stored": now or ABSENT,
        }[condition]
        table, partition, sort = self._key(slot)
        if what == "put":
            return Put(table, self._record(slot, fields), when)
        if what == "delete" and when is not ABSENT:
            return Delete(table, partition, sort, when)
        return Check(table, partition, sort, when)

    def _slot(self, write: Write) -> Slot:
        partition, sort = key_of(write)
        if sort is None:
            return ("record", partition.partition(".")[2])
        return (partition.removeprefix(self.scope), sort)

    def _holds(self, write: Write) -> bool:
        now = self.live.get(self._slot(write))
        if write.when is ANY:
            return True
        if write.when is ABSENT:
            return now is None
        return now is not None and now.token == token_of(write.when)

    def _commit(self, writes: list[Write]) -> None:
        puts = [w for w in writes if isinstance(w, Put)]
        before = {slot: stored.token for slot, stored in self.live.items()}
        applied_before = any(before.get(self._slot(w)) == w.token for w in puts)
        failing = [number for number, w in enumerate(writes) if not self._holds(w)]
        try:
            tokens = self.store.commit(writes)
        except Conflict as conflict:
            assert failing and not applied_before, f"refused write {conflict.index} without a reason"
            assert conflict.index in failing, f"write {conflict.index} was named, {failing} do not hold"
            return
        assert tokens == [w.token for w in puts]
        if applied_before:
            return
        assert not failing, f"applied although writes {failing} do not hold"
        for write in writes:
            slot = self._slot(write)
            if isinstance(write, Put):
                self.live[slot] = Stored(write.record, write.token)
                self.past.setdefault(slot, []).append(self.live[slot])
            elif isinstance(write, Delete):
                self.live.pop(slot, None)

    @rule(intents=st.dictionaries(_slots, _intents, min_size=1, max_size=5))
    def commit(self, intents: dict[Slot, tuple[str, str, dict[str, Any]]]) -> None:
        """Commits some writes with mixed conditions."""
        writes = [self._write(slot, intent) for slot, intent in intents.items()]
        self.commits.append(writes)
        self._commit(writes)

    @rule(
        slot=_slots,
        what=st.sampled_from(("put", "delete", "check")),
        condition=st.sampled_from(CONDITIONS),
        fields=_fields,
    )
    def commit_one(self, slot: Slot, what: str, condition: str, fields: dict[str, Any]) -> None:
        """Commits one write with any condition, also those that do not hold."""
        self._commit([self._write(slot, (what, condition, fields))])

    @rule(fields=st.dictionaries(_slots, _fields, min_size=4))
    def fill(self, fields: dict[Slot, dict[str, Any]]) -> None:
        """Writes many records, whatever is there."""
        self._commit([Put(self._key(slot)[0], self._record(slot, some)) for slot, some in fields.items()])

    @rule(number=st.integers(0, 3))
    def commit_again(self, number: int) -> None:
        """Sends one of the last commits again."""
        if self.commits:
            self._commit(self.commits[-1 - number % len(self.commits)])

    @rule(some=st.dictionaries(_slots, _fields, min_size=1, max_size=5))
    def expire(self, some: dict[Slot, dict[str, Any]]) -> None:
        """Writes records and waits until they have expired."""
        at = self.store.now() + 0.002
        writes = [
            Put(self._key(slot)[0], {**self._record(slot, fields), EXPIRES_AT: at}) for slot, fields in some.items()
        ]
        self.store.commit(writes)
        wait_until(self.store, at)
        for slot, write in zip(some, writes, strict=True):
            self.live.pop(slot, None)
            self.past.setdefault(slot, []).append(Stored(write.record, write.token))

    @invariant()
    def every_record_is_what_the_model_says(self) -> None:
        """Reads every record, and lists some; each time in another way, with other bounds and limits."""
        self.looks += 1
        if self.looks % 2:
            for name in NAMES:
                assert self.store.get(*self._key(("record", name))) == self.live.get(("record", name)), name
        else:
            rows = self.store.get_many(RECORDS, [(f"{self.scope}.{name}", None) for name in NAMES])
            assert rows == [self.live.get(("record", name)) for name in NAMES]
        rows = self.store.get_many(ITEMS, [(self.scope + kind, name) for kind in ("", ".a") for name in NAMES])
        assert rows == [self.live.get((kind, name)) for kind in ("", ".a") for name in NAMES]
        limit, newest_first = 1 + self.looks % 3, bool(self.looks % 2)
        bounds = (None, *NAMES)
        self._list_range(bounds[self.looks % 6], bounds[self.looks // 6 % 6], None, newest_first)
        self._list_range(None, None, limit, newest_first)
        listing = self.looks % 4
        if listing < 3:
            index, value = (("group-rank", "g"), ("open-rank", "yes"), ("group-rank", "h"))[listing]
            self._list_index(index, value, limit, newest_first)
        else:
            self._list_tags(limit, newest_first)
        if self.looks % 15 == 7:  # where many stores share a server, this reads past all of them
            self._scan(limit)

    def _list_range(self, lo: str | None, hi: str | None, limit: int | None, newest_first: bool) -> None:
        names = sorted((name for kind, name in self.live if kind == ""), reverse=newest_first)
        names = [n for n in names if (lo is None or n >= lo) and (hi is None or n <= hi)]
        found = self.store.range(ITEMS, self.scope, lo, hi, limit=limit, newest_first=newest_first)
        assert found == [self.live["", name] for name in names[:limit]]

    def _list_index(self, index: str, value: str, limit: int, newest_first: bool) -> None:
        field, value = index.partition("-")[0], f"{self.scope}{value}"
        records = [stored.record for (kind, _), stored in self.live.items() if kind == "record"]
        expected = [r for r in records if r.get(field) == value and r.get("rank") is not None]

        def look() -> list[Any]:
            return queried(self.store, RECORDS, index, value, limit=limit, newest_first=newest_first)

        self._sees(lambda: sorted(look(), key=_id), sorted(expected, key=_id))
        ranks = [r["rank"] for r in look()]
        assert ranks == sorted(ranks, reverse=newest_first)

    def _list_tags(self, limit: int, newest_first: bool) -> None:
        """Lists an index that is ordered by a key field."""
        value = f"{self.scope}t"
        rows = [stored.record for (kind, _), stored in self.live.items() if kind != "record"]

        def look() -> list[Any]:
            return queried(self.store, ITEMS, "tag-item", value, limit=limit, newest_first=newest_first)

        self._sees(lambda: sorted(look(), key=_row), sorted((r for r in rows if r.get("tag") == value), key=_row))
        names = [r["item"] for r in look()]
        assert names == sorted(names, reverse=newest_first)

    def _scan(self, limit: int) -> None:
        found = [r for r in scanned(self.store, ITEMS, limit=limit) if r["owner"].startswith(self.scope)]
        expected = [s.record for (kind, _), s in self.live.items() if kind != "record"]
        assert sorted(found, key=_row) == sorted(expected, key=_row)

    def _sees(self, look: Callable[[], Any], expected: Any) -> None:
        deadline = time.monotonic() + (0 if "consistent_query" in self.store.capabilities else 10)
        while (found := look()) != expected:
            assert time.monotonic() < deadline, f"listed {found}, expected {expected}"
            time.sleep(0.02)


def _id(record: Record) -> str:
    return str(record["id"])


def _row(record: Record) -> tuple[str, str]:
    return (record["owner"], record["item"])
