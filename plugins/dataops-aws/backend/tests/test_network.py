"""Answers that end early, and connections on which nothing comes any more. `backend/tests` tries what else happens."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aws_standins.cutting import Cutting, certified
from aws_standins.processes import opened_at
from aws_standins.proxy import Proxy
from dataops_aws.dynamodb import dataops_record_store
from dataops_aws.s3 import dataops_blob_store

from dataops_core.contracts.records import ABSENT, Put
from dataops_core.errors import Unreachable
from dataops_core.testing.blob_case import listed, load
from dataops_core.testing.fault_proxy import FaultProxy
from dataops_core.testing.network_case import unreachable
from dataops_core.testing.record_case import ITEMS, RECORDS, TABLES, item, put

pytestmark = pytest.mark.usefixtures("quick_retries")

TIMEOUT = 0.4
WRITE = Put(RECORDS, {"id": "r1", "n": 1}, ABSENT)


@pytest.fixture
def records(records_url: str) -> Iterator[Any]:
    """A store with one record, not through any proxy."""
    store = dataops_record_store(url=records_url, tables=TABLES)
    store.prepare()
    store.commit([WRITE])
    yield store
    store.close()


@pytest.fixture
def blobs(blobs_url: str) -> Iterator[Any]:
    """A store with one blob, not through any proxy."""
    store = dataops_blob_store(url=blobs_url)
    store.prepare()
    store.put("a", io.BytesIO(b"content"), content_type="text/csv")
    yield store
    store.close()


def cuts(answer: bytes) -> list[int]:
    """Returns where to end an answer: within its first line, and within and after every other one."""
    ends = [position + 1 for position, byte in enumerate(answer) if byte == ord("\n")] + [len(answer)]
    middles = [(before + end) // 2 for before, end in pairwise(ends)]
    return sorted({*range(ends[0]), *ends, *middles, len(answer) - 1} - {len(answer)})


def cut_everywhere(cutting: Cutting, act: Callable[[], Any]) -> int:
    """Asserts that an act is right or Unreachable wherever its answer ends; returns how often it was Unreachable."""
    expected = act()
    answer, told = bytes(cutting.heard), 0
    assert b"\r\n\r\n" in answer
    for cutting.after in cuts(answer):
        try:
            assert act() == expected, f"after {bytes(cutting.heard)!r}"
        except Unreachable:
            told += 1
    return told


@pytest.mark.parametrize("way", ["get", "missing", "get_many", "range", "commit"])
def test_a_record_is_right_or_unreachable_wherever_an_answer_ends(
    aws: str, records: Any, records_url: str, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    cutting = Cutting(aws)
    put(records, item("s1", "a"))
    with cutting.running() as port:
        through = opened_at(port, lambda: dataops_record_store(url=records_url, tables=TABLES))
        acts: dict[str, Callable[[], Any]] = {
            "get": lambda: through.get(RECORDS, "r1"),
            "missing": lambda: through.get(RECORDS, "r2"),
            "get_many": lambda: [s and s.record for s in through.get_many(RECORDS, [("r1", None), ("r2", None)])],
            "range": lambda: [s.record for s in through.range(ITEMS, "s1")],
            "commit": lambda: through.commit([Put(RECORDS, {"id": "r3"})]) and None,
        }
        assert cut_everywhere(cutting, acts[way]) > 20
        through.close()


@pytest.mark.parametrize("way", ["head", "missing", "load", "list", "put", "delete"])
def test_a_blob_is_right_or_unreachable_wherever_an_answer_ends(
    aws: str, blobs: Any, blobs_url: str, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    cutting = Cutting(aws)
    with cutting.running() as port:
        through = opened_at(port, lambda: dataops_blob_store(url=blobs_url))
        acts: dict[str, Callable[[], Any]] = {
            "head": lambda: through.head("a"),
            "missing": lambda: through.head("b"),
            "load": lambda: load(through, "a"),
            "list": lambda: listed(through),
            "put": lambda: through.put("c", io.BytesIO(b"x")).sha256,
            "delete": lambda: through.delete("d"),
        }
        assert cut_everywhere(cutting, acts[way]) > 20
        through.close()


def test_an_answer_that_ends_early_over_tls_is_none_either(
    aws: str, records: Any, records_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Python takes the end of a connection for the end of TLS."""
    context, trusted = certified(tmp_path)
    cutting = Cutting(aws, context)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(trusted))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with cutting.running() as port:
        through = opened_at(port, lambda: dataops_record_store(url=records_url, tables=TABLES), "https")
        assert cut_everywhere(cutting, lambda: through.get(RECORDS, "r1")) > 20
        through.close()


def test_an_answer_that_ended_early_is_asked_for_again(aws: str, records: Any, records_url: str) -> None:
    with FaultProxy(*address_of(aws)).running() as proxy:
        through = opened_at(proxy.port, lambda: dataops_record_store(url=records_url, tables=TABLES))
        for act in (lambda: through.get(RECORDS, "r1").token, lambda: through.commit([WRITE])[0]):
            proxy.once("cut")
            assert act() == WRITE.token
        assert proxy.done["cut"] == 2
        through.close()


def test_who_hears_nothing_is_told_after_twice_the_time_out(
    aws: str, records: Any, blobs: Any, records_url: str, blobs_url: str
) -> None:
    with FaultProxy(*address_of(aws)).running() as proxy:
        silenced = [
            opened_at(proxy.port, lambda: dataops_record_store(url=f"{records_url}?timeout={TIMEOUT}", tables=TABLES)),
            opened_at(proxy.port, lambda: dataops_blob_store(url=f"{blobs_url}?timeout={TIMEOUT}")),
        ]
        proxy.decide = lambda _: "silent"
        for act in (lambda: silenced[0].get(RECORDS, "r1"), lambda: silenced[1].head("a")):
            asked, began = proxy.count, time.monotonic()
            unreachable(10, act)
            assert 2 * TIMEOUT <= time.monotonic() - began < 2 * TIMEOUT + 1
            assert proxy.count - asked == 2
        proxy.heal()
        proxy.once("silent")
        assert silenced[0].get(RECORDS, "r1").token == WRITE.token
        for store in silenced:
            store.close()


def test_what_heard_nothing_is_tried_again_on_a_new_connection(proxy: Proxy, records: Any, records_url: str) -> None:
    """All that wait for their next request may be half open: they lead over the same network."""
    with FaultProxy(*address_of(proxy.endpoint)).running() as network:
        through = opened_at(
            network.port, lambda: dataops_record_store(url=f"{records_url}?timeout={TIMEOUT}", tables=TABLES)
        )
        network.latency = TIMEOUT / 4
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: through.get(RECORDS, "r1"), range(4)))
        network.latency = 0.0
        old = set(network._open)
        assert len(old) > 2, "connections wait for their next request"
        network.decide = lambda _: None if network._open - old else "silent"
        assert through.get(RECORDS, "r1").token == WRITE.token
        assert network.done["silent"] == 1
        through.close()


def address_of(endpoint: str) -> tuple[str, int]:
    """Returns host and port."""
    host, _, port = endpoint.removeprefix("http://").partition(":")
    return host, int(port)
