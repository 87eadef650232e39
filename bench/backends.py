"""The same work on each backend that pip alone can start: SQLite, Redis 6.2, and moto's DynamoDB and S3.

moto keeps everything in the memory of a Python process: its times say nothing of AWS, its ratios and bytes do.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import workflows
from bench.measure import Row, environment

PLUGINS = Path(__file__).parents[1] / "plugins"
#: Messages of the long session. moto would need half an hour for 100 000.
LONG = {"sqlite": 100_000, "redis": 100_000, "dynamodb": 5_000}
_INFINITE = float("inf")


def rows() -> Iterator[Row]:
    """Measures each backend in a process of its own, since settings are read once."""
    for name in LONG:
        with tempfile.TemporaryDirectory() as home, _stores(name, Path(home)) as variables:
            done = subprocess.run(
                [sys.executable, "-m", "bench.backends", name],
                env=environment(home) | variables | {"PYTHONPATH": os.pathsep.join(sys.path)},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        for line in done.stdout.splitlines():
            what, measured, limit, unit, how = line.split("\t")
            yield Row(f"{name}: {what}", float(measured), float(limit), unit, how)


@contextmanager
def _stores(name: str, folder: Path) -> Iterator[dict[str, str]]:
    """Runs what a backend needs; yields the variables that choose it."""
    with ExitStack() as stack:
        if name == "redis":
            sys.path.insert(0, str(PLUGINS / "dataops-redis"))
            from redis_servers import server

            (folder / "redis").mkdir()
            yield {"DATAOPS_RECORDS_URL": stack.enter_context(server(folder / "redis")).url}
        elif name == "dynamodb":
            sys.path.insert(0, str(PLUGINS / "dataops-aws"))
            from aws_standins.processes import moto

            yield {
                "AWS_ENDPOINT_URL": stack.enter_context(moto()), "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
                "AWS_REGION": "us-east-1", "AWS_DYNAMODB_TABLE": "dataops_sessions", "ARTIFACT_BUCKET": "bench",
            }  # fmt: skip
        else:
            yield {}


def _measure(name: str) -> Iterator[Row]:
    from bench.storage import _fill
    from dataops_core import SessionManager
    from dataops_core.storage.opening import open_stores

    stores = open_stores()
    stores.records.prepare()
    stores.blobs.prepare()
    sessions = SessionManager()
    sizes = (10, 1_000, LONG[name])
    ids = {size: sessions.create_session("bench").session_id for size in sizes}
    for size, session in ids.items():
        _fill(session, size)
    from bench.measure import interleaved

    def append(session: str) -> Callable[[], object]:
        return lambda: sessions.add_message(session, "user", "x" * 400)

    def load(session: str) -> Callable[[], object]:
        return lambda: sessions.get_messages(session, limit=20)

    sides = {f"append {size}": append(session) for size, session in ids.items()}
    sides |= {f"load {size}": load(session) for size, session in ids.items()}
    wall = interleaved(sides, rounds=15, repeat=10, cpu=False)
    for act in ("append", "load"):
        took = ", ".join(f"{wall[f'{act} {size}'] * 1e3:.2f} ms at {size}" for size in sizes)
        grown = wall[f"{act} {LONG[name]}"] / wall[f"{act} 1000"]
        yield Row(f"{act} at {LONG[name]} messages", grown, 1.1, "x", f"against 1 000: {took}")
    yield from _runs(name)


def _runs(name: str) -> Iterator[Row]:
    from bench.measure import interleaved
    from bench.runs import ANSWER
    from dataops_core import SessionManager
    from dataops_core.execution.runner import Runner
    from dataops_core.orchestrator import orchestrator_graph

    runner = Runner()
    wall = interleaved({"run": lambda: runner.run("three_sync", {"word": "x"})}, rounds=11, repeat=3, cpu=False)
    yield Row("3-node run, every step durable", wall["run"] * 1e3, _INFINITE, " ms", "wall, accepted to answered")
    session, payload, before = SessionManager().create_session("kept").session_id, 0, _kept(name)
    for turn in range(200):
        query = f"/talker word=x, turn {turn}: " + "what people ask for in words " * 10
        payload += len(query) + len(ANSWER)
        done = asyncio.run(orchestrator_graph.ainvoke({"user_query": query, "session_id": session}))
        assert done["status"] == "success", done
    kept = _kept(name) - before
    yield Row("bytes kept after 200 turns", kept / payload, 3.0, "x", f"{kept} bytes of records / {payload} said")


def _kept(name: str) -> int:
    """Returns how many bytes the records have, as the backend counts them."""
    from dataops_core.storage import schema
    from dataops_core.storage.opening import open_stores

    records = open_stores().records
    if name == "sqlite":
        from bench.runs import _live_bytes

        return _live_bytes(Path(os.environ["DATAOPS_HOME"], "dataops.db"))
    if name == "redis":
        told = records.redis.client.info("memory")  # type: ignore[attr-defined]
        # What clients take is theirs: their buffers come and go with the number of connections.
        return int(told["used_memory"]) - int(told["mem_clients_normal"])
    from dataops_aws.items import encode

    from dataops_core.contracts.records import encode_record

    total = 0
    for table in schema.TABLES:
        cursor: str | None = None
        while True:
            page = records.scan(table, limit=500, cursor=cursor)
            for stored in page.items:
                item = encode(table, encode_record(table, stored.record), stored.token)
                total += sum(len(key) + len(str(next(iter(value.values()))).encode()) for key, value in item.items())
            if (cursor := page.cursor) is None:
                break
    return total


def main() -> None:
    """Measures the backend that the environment chooses, and prints a line a figure."""
    folder = Path(os.environ["DATAOPS_HOME"])
    site = folder / "site"
    workflows.install(site, "three_sync", kind="def", query="gamma delta chain")
    from bench.runs import ANSWER

    workflows.install(site, "talker", durability="exit", query="theta iota chain", said=ANSWER)
    sys.path.insert(0, str(site))
    for row in _measure(sys.argv[1]):
        print(row.what, row.measured, row.limit, row.unit, row.how, sep="\t", flush=True)


if __name__ == "__main__":
    main()
