"""The conformance suite for record stores."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import pytest
from hypothesis.stateful import run_state_machine_as_test

from dataops_core.contracts.records import RecordStore
from dataops_core.errors import InvalidValue
from dataops_core.testing.child import Place
from dataops_core.testing.record_case import ITEMS, RECORDS, item, put
from dataops_core.testing.record_commits import Commits
from dataops_core.testing.record_limits import Limits
from dataops_core.testing.record_listings import Listings
from dataops_core.testing.record_machine import RecordMachine
from dataops_core.testing.record_network import Network
from dataops_core.testing.record_processes import Processes
from dataops_core.testing.record_scale import Scale
from dataops_core.testing.record_values import Values
from dataops_core.testing.suite import Suite


class RecordStoreSuite(Suite, Commits, Limits, Values, Listings, Scale, Processes, Network):
    """Every clause of the record store's contract. Subclass it in a test module and say what `plugin` and `url` are.

    Attributes:
        lag_seconds: how long an index may lag, for a store without the capability `consistent_query`.
        many: how many records the clauses about size write.
    """

    @pytest.fixture
    def store(self, place: Place) -> Iterator[RecordStore]:
        """An empty store."""
        store: RecordStore = place.records()
        store.prepare()
        yield store
        store.close()

    @pytest.fixture
    def other(self, store: RecordStore, place: Place) -> Iterator[RecordStore]:
        """Another handle of the same store."""
        other: RecordStore = place.records()
        yield other
        other.close()

    def test_model(self, store: RecordStore) -> None:
        """A state machine compares the store with a model."""
        machine = type("RecordMachine", (RecordMachine,), {"store": store})
        run_state_machine_as_test(cast(Any, machine), settings=self.looks())

    def test_preparing_twice_does_nothing_more(self, store: RecordStore, other: RecordStore) -> None:
        stored = put(store, {"id": "r1"})
        assert all(isinstance(line, str) and line for line in store.prepare())
        assert store.prepare() == []
        assert other.prepare() == []
        assert store.get(RECORDS, "r1") == stored

    def test_a_healthy_store_says_so(self, store: RecordStore) -> None:
        findings = store.check()
        assert findings
        assert all(finding.level in ("ok", "warn", "error") and finding.what for finding in findings)
        assert not [f for f in findings if f.level == "error"]

    def test_the_clock_is_near_ours(self, store: RecordStore) -> None:
        assert abs(store.now() - time.time()) < 300

    def test_closing_twice_is_harmless_and_loses_nothing(self, store: RecordStore, other: RecordStore) -> None:
        stored = put(store, item("s1", "a"))
        store.close()
        store.close()
        assert other.get(ITEMS, "s1", "a") == stored

    def test_an_undeclared_index_is_named(self, store: RecordStore) -> None:
        with pytest.raises(InvalidValue, match="nonsense"):
            store.query(RECORDS, "nonsense", "x")

    def test_capabilities_are_names(self, store: RecordStore) -> None:
        assert all(isinstance(name, str) for name in store.capabilities)

    @pytest.mark.parametrize("cursor", ["", "nonsense", "eyJ4IjogMX0=", "W10=", "é", "\0", "9" * 50])
    def test_a_cursor_that_was_not_handed_out_does_no_harm(self, store: RecordStore, cursor: str) -> None:
        put(store, {"id": "r1", "group": "g", "rank": "1"})
        with suppress(InvalidValue):
            store.query(RECORDS, "group-rank", "g", cursor=cursor)
        with suppress(InvalidValue):
            store.scan(RECORDS, cursor=cursor)
