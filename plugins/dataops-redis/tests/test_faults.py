"""Servers that are not there, refuse, die and come back: a clear word each, and nothing lost."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dataops_redis import commits
from dataops_redis.addresses import address
from dataops_redis.plugin import dataops_record_store
from dataops_redis.records import RedisRecords
from redis_servers import Server, cluster, free_port, server

from dataops_core.contracts.records import ABSENT, ANY, EXPIRES_AT
from dataops_core.errors import ConfigError, Conflict, Unreachable
from dataops_core.testing.record_case import ITEMS, RECORDS, TABLES, item, put, queried


def opened(url: str) -> RedisRecords:
    return RedisRecords(address(url), TABLES)


@pytest.fixture
def store(url: str) -> Iterator[RedisRecords]:
    store = opened(url)
    yield store
    store.close()


def test_a_server_that_is_not_there() -> None:
    store = opened(f"redis://127.0.0.1:{free_port()}?retry=0.2")
    began = time.monotonic()
    for use in (lambda: store.get(RECORDS, "a"), lambda: put(store, {"id": "a"}), store.prepare, store.now):
        with pytest.raises(Unreachable, match="does not answer"):
            use()
    assert time.monotonic() - began < 10
    assert [finding.level for finding in store.check()] == ["error"]


def test_a_server_that_never_answers() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        store = opened(f"redis://127.0.0.1:{silent.getsockname()[1]}?timeout=0.2&retry=0")
        with pytest.raises(Unreachable, match="answer"):
            store.get(RECORDS, "a")


def test_a_cluster_that_never_answers_and_one_that_is_not_there(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        store = opened(f"redis+cluster://{hosts}?timeout=0.3&retry=0.3")
        stored = put(store, {"id": "a"})
        for node in nodes:
            node.signal(signal.SIGSTOP)
        began = time.monotonic()
        for use in (lambda: store.get(RECORDS, "a"), lambda: put(store, {"id": "b"})):
            with pytest.raises(Unreachable, match="does not answer in time"):
                use()
        assert [finding.level for finding in store.check()] == ["error"]
        assert time.monotonic() - began < 10
        for node in nodes:
            node.signal(signal.SIGCONT)
        assert store.get(RECORDS, "a") == stored
        with pytest.raises(ConfigError, match="refuses the password"):
            opened(f"redis+cluster://nobody:wrong@{hosts}").get(RECORDS, "a")
    with pytest.raises(Unreachable, match="does not answer"):
        opened(f"redis+cluster://{hosts}?retry=0.2").get(RECORDS, "a")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guarded")
    with server(folder, "--requirepass", "topsecret", client={"password": "topsecret"}) as running:
        with running.client() as client:
            client.execute_command("ACL", "SETUSER", "reader", "on", ">topsecret", "~*", "+@read", "+ping", "+time")
            client.execute_command(
                "ACL", "SETUSER", "dataops", "on", ">topsecret", "~dataops:*", "+@read", "+@write", "+@connection",
                "+evalsha", "+eval", "+time", "+info", "+ping",
            )  # fmt: skip
        yield running


@pytest.mark.parametrize("access", ["", "default:wrong@", "nobody:topsecret@"])
def test_a_wrong_password(guarded: Server, access: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_PASSWORD", raising=False)
    store = opened(guarded.url.replace("//", f"//{access}"))
    with pytest.raises(ConfigError, match="refuses the password, or wants one") as raised:
        store.get(RECORDS, "a")
    assert "topsecret" not in str(raised.value) and "REDIS_PASSWORD" in raised.value.hint


def test_a_user_who_may_not(guarded: Server) -> None:
    store = opened(guarded.url.replace("//", "//reader:topsecret@"))
    assert store.get(RECORDS, "a") is None
    with pytest.raises(ConfigError, match="the user may not do this"):
        put(store, {"id": "a"})


def test_the_rule_of_the_readme_is_enough(guarded: Server) -> None:
    store = opened(guarded.url.replace("//", "//dataops:topsecret@"))
    stored = put(store, item("s1", "a", tag="x"))
    assert store.get(ITEMS, "s1", "a") == stored
    assert queried(store, ITEMS, "tag-item", "x") == [stored.record]
    assert [record.record for record in store.scan(ITEMS).items] == [stored.record]
    assert not [finding for finding in store.check() if finding.level == "error"]
    assert store.sweep(0)


def test_a_replica_is_told(redis: Server, tmp_path: Path) -> None:
    with server(tmp_path, "--replicaof", "127.0.0.1", str(redis.port)) as replica:
        store = opened(replica.url + "?retry=0")
        with pytest.raises(Unreachable, match="read-only replica"):
            put(store, {"id": "a"})
        assert any(f.level == "error" and "read-only replica" in f.what for f in store.check())


def test_a_full_server_refuses_and_loses_nothing(tmp_path: Path) -> None:
    with server(tmp_path, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as small:
        store, kept = opened(small.url), 0
        refused = None
        while refused is None and kept < 1_000:
            try:
                put(store, {"id": f"r{kept}", "text": "x" * 50_000})
                kept += 1
            except Unreachable as error:
                refused = error
        assert refused is not None and "out of memory" in refused.message
        assert [bool(store.get(RECORDS, f"r{n}")) for n in range(kept)] == [True] * kept


@pytest.mark.parametrize(
    ("options", "level", "said"),
    [
        (("--save", ""), "error", "keeps nothing on disk"),
        (("--save", "60", "1"), "warn", "a crash loses all since the last one"),
        (("--appendonly", "yes", "--appendfsync", "everysec"), "warn", "once a second"),
        (("--appendonly", "yes", "--appendfsync", "always"), "ok", "syncs every commit"),
        (("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"), "error", "throws any record away"),
        (("--maxmemory", "50mb", "--maxmemory-policy", "volatile-ttl"), "warn", "throws expiring records away"),
        (("--maxmemory", "50mb", "--maxmemory-policy", "noeviction"), "ok", "evicts nothing"),
    ],
)
def test_check_says_what_may_be_lost(tmp_path: Path, options: tuple[str, ...], level: str, said: str) -> None:
    with server(tmp_path, *options, durable=False) as running:
        findings = opened(running.url).check()
    assert [f.level for f in findings if said in f.what] == [level], findings


def test_a_server_that_is_killed_and_comes_back_loses_nothing(tmp_path: Path) -> None:
    """Writers go on through three kills of the server; what was acknowledged is there once."""
    with server(tmp_path) as running:
        acknowledged: dict[int, int] = {}
        stop = threading.Event()

        def write(number: int) -> None:
            store = opened(running.url + "?retry=20")
            done = 0
            while not stop.is_set():
                put(store, item(f"w{number}", f"{done:06d}", tag="all"), ABSENT)
                done += 1
                acknowledged[number] = done
            store.close()

        writers = [threading.Thread(target=write, args=[number]) for number in range(3)]
        for writer in writers:
            writer.start()
        for _ in range(3):
            time.sleep(0.4)
            running.kill()
            time.sleep(0.1)
            running.start()
        time.sleep(0.3)
        stop.set()
        for writer in writers:
            writer.join(timeout=60)
        store = opened(running.url)
        for number in range(3):
            rows = [int(row.record["item"]) for row in store.range(ITEMS, f"w{number}")]
            assert rows == list(range(acknowledged[number]))
        assert len(queried(store, ITEMS, "tag-item", "all", limit=500)) == sum(acknowledged.values())


def test_an_entry_stays_while_its_place_is_the_same(store: RedisRecords) -> None:
    key = store.names.index(RECORDS, "group-rank", "g")
    stored = put(store, {"id": "a", "group": "g", "rank": "1", "n": 0})
    before = store.redis.client.zrange(key, 0, -1)
    for n in range(5):
        stored = put(store, {"id": "a", "group": "g", "rank": "1", "n": n}, stored)
    assert store.redis.client.zrange(key, 0, -1) == before
    put(store, {"id": "a", "group": "g", "rank": "2"}, stored)
    (now,) = store.redis.client.zrange(key, 0, -1)
    assert now not in before
    put(store, {"id": "a"})
    assert store.redis.client.zcard(key) == 0


def test_a_commit_takes_no_old_entry(store: RedisRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "GRACE", 1e-7)  # every entry is too old when the commit comes
    with pytest.raises(Unreachable, match="delayed for too long"):
        put(store, {"id": "a", "group": "g", "rank": "1"})
    assert store.get(RECORDS, "a") is None
    monkeypatch.undo()
    put(store, {"id": "a", "group": "g", "rank": "1"})
    assert len(queried(store, RECORDS, "group-rank", "g")) == 1


def test_sweeping_takes_what_nobody_can_see(store: RedisRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    key = store.names.index(RECORDS, "group-rank", "g")
    put(store, {"id": "a", "group": "g", "rank": "1"})
    with pytest.raises(Conflict):
        put(store, {"id": "a", "group": "g", "rank": "0"}, ABSENT)  # leaves its entry behind
    put(store, item("s", "gone", **{EXPIRES_AT: store.now() + 0.05}))
    put(store, item("s", "stays"))
    time.sleep(0.1)
    assert (store.redis.client.zcard(key), store.redis.client.zcard(store.names.listed(ITEMS, "s"))) == (2, 2)
    assert [swept.count for swept in store.sweep(0, dry_run=True)] == [0, 1], "a young entry may belong to a commit"
    monkeypatch.setattr("dataops_redis.sweeping.GRACE", 0.0)
    assert [swept.count for swept in store.sweep(0, dry_run=True)] == [1, 1]
    assert [swept.count for swept in store.sweep(0)] == [1, 1]
    assert (store.redis.client.zcard(key), store.redis.client.zcard(store.names.listed(ITEMS, "s"))) == (1, 1)
    assert [record["id"] for record in queried(store, RECORDS, "group-rank", "g")] == ["a"]


def test_what_somebody_else_wrote_harms_nobody(store: RedisRecords) -> None:
    put(store, {"id": "a"})
    store.redis.client.set(f"{store.names.prefix}:{{x}}:suite_records:r:nonsense", "x")
    store.redis.client.set("another program's key", "x")
    assert [record.record for record in store.scan(RECORDS).items] == [{"id": "a"}]


def test_a_scan_passes_over_what_others_keep(tmp_path: Path) -> None:
    with server(tmp_path) as shared:
        store = opened(shared.url)
        with shared.client() as client:
            client.mset({f"another program's key {n}": "x" for n in range(20_000)})
            for n in range(3):
                put(store, {"id": f"r{n}"})
            pages = [store.scan(RECORDS, limit=1)]
            while pages[-1].cursor:
                pages.append(store.scan(RECORDS, limit=1, cursor=pages[-1].cursor))
            assert sorted(row.record["id"] for page in pages for row in page.items) == ["r0", "r1", "r2"]
            assert client.info("commandstats")["cmdstat_scan"]["calls"] < 100


def test_two_prefixes_are_two_stores(redis: Server) -> None:
    one, other = opened(f"{redis.url}?prefix=one"), opened(f"{redis.url}?prefix=other")
    put(one, {"id": "a", "group": "g", "rank": "1"}, ANY)
    assert other.get(RECORDS, "a") is None
    assert other.scan(RECORDS).items == [] == queried(other, RECORDS, "group-rank", "g")


PROGRAM = """
import os, signal, sys
from dataops_redis.plugin import dataops_record_store
from dataops_core.testing.record_case import RECORDS, TABLES, put
store = dataops_record_store(url=sys.argv[1], tables=TABLES)
put(store, {"id": "parent"})
pid = os.fork()
if pid == 0:
    put(store, {"id": "child"})
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert store.get(RECORDS, "child") and store.get(RECORDS, "parent")
"""


def test_it_survives_a_fork(url: str) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, url], check=True, timeout=60)


def test_opening_connects_to_nobody() -> None:
    store: Any = dataops_record_store(url="redis://127.0.0.1:1", tables=TABLES)
    store.close()
    assert signal.getsignal(signal.SIGINT) is not None
