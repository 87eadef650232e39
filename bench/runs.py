"""Runs: whole queries, durable steps, commits, bytes."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import workflows
from bench.measure import Row, interleaved

_numbers = itertools.count()
ANSWER = "What a workflow has found out and tells, in a few lines. " * 15


def rows() -> Iterator[Row]:
    """Measures in a fresh home with four installed chains."""
    with tempfile.TemporaryDirectory() as folder:
        site, home = Path(folder, "site"), Path(folder, "home")
        workflows.install(site, "three_exit", durability="exit", query="alpha beta chain")
        workflows.install(site, "talker", durability="exit", query="theta iota chain", said=ANSWER)
        workflows.install(site, "three_sync", kind="def", query="gamma delta chain")
        workflows.install(site, "ten_sync", nodes=10, kind="def", query="epsilon zeta chain")
        sys.path.insert(0, str(site))
        os.environ["DATAOPS_HOME"] = str(home)
        from dataops_core import settings
        from dataops_core.storage.opening import close_stores

        settings.use(settings.load())
        yield from _query_at_exit()
        yield from _durable_steps(folder)
        yield from _commits()
        yield from _bytes(home)
        close_stores()


def _bare() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Returns the two graphs that a query runs, bare: an orchestrator of two empty nodes, and the chain."""
    module = importlib.import_module("three_exit.workflow")
    chain = module.chain(3).compile()
    orchestrator = module.chain(2).compile()
    return chain, orchestrator


def _query_at_exit() -> Iterator[Row]:
    from dataops_core.orchestrator import orchestrator_graph

    loop = asyncio.new_event_loop()
    chain, orchestrator = _bare()

    def bare() -> None:
        async def both() -> None:
            await orchestrator.ainvoke({"word": "x"})
            await chain.ainvoke({"word": "x"})

        loop.run_until_complete(both())

    def whole() -> None:
        result = loop.run_until_complete(
            orchestrator_graph.ainvoke({"user_query": "alpha beta chain word=x", "user_id": "bench"})
        )
        assert result["status"] == "success", result

    cpu = interleaved({"bare": bare, "whole": whole}, rounds=15, repeat=20, cpu=True)
    yield Row(
        "whole durable query at exit, CPU",
        cpu["whole"] / cpu["bare"],
        1.7,
        "x",
        f"orchestrator_graph {cpu['whole'] * 1e3:.2f} ms / both graphs by bare ainvoke {cpu['bare'] * 1e3:.2f} ms",
    )


def _durable_steps(folder: str) -> Iterator[Row]:
    from langgraph.checkpoint.sqlite import SqliteSaver

    from dataops_core.execution.runner import Runner

    runner = Runner()
    module = importlib.import_module("three_sync.workflow")

    for name, nodes in (("three_sync", 3), ("ten_sync", 10)):
        with SqliteSaver.from_conn_string(str(Path(folder, f"{name}.db"))) as saver:
            saver.conn.execute("pragma synchronous=full")
            graph = module.chain(nodes).compile(checkpointer=saver)

            def peer(graph: Any = graph) -> None:
                config = {"configurable": {"thread_id": str(next(_numbers))}}
                graph.invoke({"word": "x"}, config, durability="sync")

            def ours(name: str = name) -> None:
                _execute_only(runner, name)

            wall = interleaved({"peer": peer, "ours": ours}, rounds=11, repeat=10, cpu=False)
        yield Row(
            f"{nodes}-node run, every step durable, wall",
            wall["ours"] / wall["peer"],
            0.8,
            "x",
            f"Runner.run ({wall['ours'] * 1e3:.2f} ms, acceptance and answer included) / "
            f"SqliteSaver sync FULL ({wall['peer'] * 1e3:.2f} ms)",
        )


def _execute_only(runner: Any, name: str) -> None:
    result = runner.run(name, {"word": "x"})
    assert result.status == "success", result


def _commits() -> Iterator[Row]:
    from dataops_core.orchestrator import orchestrator_graph
    from dataops_core.storage.opening import open_stores

    records = open_stores().records
    commit, count = records.commit, itertools.count()

    def counting(writes: Any) -> Any:
        next(count)
        return commit(writes)

    for query, limit in (("alpha beta chain word=x", 3.0), ("gamma delta chain word=x", 7.0)):
        records.commit = counting  # type: ignore[method-assign]
        start = next(count)
        asyncio.run(orchestrator_graph.ainvoke({"user_query": query}))
        used = next(count) - start - 1
        records.commit = commit  # type: ignore[method-assign]
        where = "at exit" if limit == 3.0 else "per step, 3 nodes"
        yield Row(f"commits of a whole query, {where}", used, limit, "", "calls of RecordStore.commit")


def _bytes(home: Path) -> Iterator[Row]:
    from dataops_core import SessionManager
    from dataops_core.orchestrator import orchestrator_graph
    from dataops_core.storage.opening import open_stores

    database = home / "dataops.db"
    open_stores()
    for query, limit in (("gamma delta chain word=x", 80.0), ("alpha beta chain word=x", 48.0)):
        session = SessionManager().create_session("bench").session_id
        asyncio.run(orchestrator_graph.ainvoke({"user_query": query, "session_id": session}))
        wal = Path(f"{database}-wal")
        written = _wal_bytes(wal, lambda query=query, session=session: _turns(query, session, 20)) / 20
        where = "per step" if limit == 80.0 else "at exit"
        yield Row(f"WAL bytes a turn, {where}", written / 1024, limit, " KiB", "pages appended to the write-ahead log")
    session = SessionManager().create_session("kept").session_id
    before = _live_bytes(database)
    payload = 0
    for turn in range(200):
        query = f"/talker word=x, turn {turn}: " + "what people ask for in words " * 10
        payload += len(query) + len(ANSWER)
        orchestrated = asyncio.run(orchestrator_graph.ainvoke({"user_query": query, "session_id": session}))
        assert orchestrated["status"] == "success", orchestrated
    kept = _live_bytes(database) - before
    yield Row("bytes kept after 200 turns", kept / payload, 3.0, "x", f"{kept} bytes in the database / {payload} said")


def _turns(query: str, session: str, count: int) -> None:
    from dataops_core.orchestrator import orchestrator_graph

    for _ in range(count):
        asyncio.run(orchestrator_graph.ainvoke({"user_query": query, "session_id": session}))


def _wal_bytes(wal: Path, work: Callable[[], object]) -> float:
    """Returns the bytes that work appends to the write-ahead log, emptied first and not checkpointed meanwhile."""
    import sqlite3

    connection = sqlite3.connect(str(wal).removesuffix("-wal"))
    connection.execute("pragma wal_checkpoint(truncate)")
    reader = sqlite3.connect(str(wal).removesuffix("-wal"))
    reader.execute("begin")
    reader.execute("select count(*) from sqlite_master").fetchone()
    before = wal.stat().st_size
    work()
    grown = wal.stat().st_size - before
    reader.close()
    connection.close()
    return grown


def _live_bytes(database: Path) -> int:
    import sqlite3

    with sqlite3.connect(database) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        pages, free, size = (
            connection.execute(f"pragma {p}").fetchone()[0] for p in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)
