"""The saver of graph checkpoints on Redis against LangGraph's conformance suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataops_redis.plugin import dataops_record_store
from langgraph.checkpoint.conformance import checkpointer_test, validate

from dataops_core.execution.checkpointer import RecordSaver
from dataops_core.storage.file_blobs import FileBlobs
from dataops_core.storage.opening import Stores
from dataops_core.storage.schema import TABLES


async def test_conformance_whole(url: str, tmp_path: Path) -> None:
    stores = Stores(dataops_record_store(url=url, tables=TABLES), FileBlobs(tmp_path))

    @checkpointer_test(name="redis")
    async def make() -> Any:
        yield RecordSaver(stores)

    report = await validate(make)
    stores.close()
    missing = [name for name, result in report.results.items() if not result.detected]
    assert missing + [failure for result in report.results.values() for failure in result.failures] == []
    assert sum(result.tests_passed for result in report.results.values()) > 50
