"""The saver of graph checkpoints on DynamoDB and S3 against LangGraph's conformance suite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dataops_aws.dynamodb import dataops_record_store
from dataops_aws.s3 import dataops_blob_store
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate

from dataops_core.execution.checkpointer import RecordSaver
from dataops_core.storage.opening import Stores
from dataops_core.storage.schema import TABLES


@pytest.fixture
def stores(records_url: str, blobs_url: str) -> Iterator[Stores]:
    stores = Stores(dataops_record_store(url=records_url, tables=TABLES), dataops_blob_store(url=blobs_url))
    stores.records.prepare()
    stores.blobs.prepare()
    yield stores
    stores.close()


async def test_conformance_whole(stores: Stores) -> None:
    @checkpointer_test(name="aws")
    async def make() -> Any:
        yield RecordSaver(stores)

    report = await validate(make)
    missing = [name for name, result in report.results.items() if not result.detected]
    assert missing + [failure for result in report.results.values() for failure in result.failures] == []


def test_large_values_lie_in_s3_once_and_go_with_the_thread(stores: Stores) -> None:
    saver = RecordSaver(stores)
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    for step in range(3):
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = {"big": "x" * 500_000, "small": step}
        config = saver.put(config, checkpoint, {"source": "loop", "step": step}, {})
    assert len(stores.blobs.list("values/t/").items) == 1
    found = saver.get_tuple({"configurable": {"thread_id": "t", "checkpoint_ns": ""}})
    assert found is not None
    assert found.checkpoint["channel_values"] == {"big": "x" * 500_000, "small": 2}
    saver.delete_thread("t")
    assert stores.blobs.list("values/t/").items == []
