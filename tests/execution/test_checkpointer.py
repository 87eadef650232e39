"""The saver on SQLite and files: the suite, and LangGraph's own with each call by a new saver, and by sync calls."""

from __future__ import annotations

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate

from dataops_core.execution.checkpointer import RecordSaver
from dataops_core.storage.file_blobs import FileBlobs
from dataops_core.storage.opening import Stores
from dataops_core.storage.schema import TABLES
from dataops_core.storage.sqlite_records import SqliteRecords
from dataops_core.testing import CheckpointerSuite


class TestCheckpointer(CheckpointerSuite):
    def stores(self, place):
        return Stores(SqliteRecords(place / "dataops.db", TABLES), FileBlobs(place / "blobs"))


def failures(report):
    """Returns every failure, and every capability that was not found."""
    missing = [name for name, result in report.results.items() if not result.detected]
    return missing + [failure for result in report.results.values() for failure in result.failures]


class ReopenedSaver(RecordSaver):
    """A saver whose every call goes through a saver of its own."""

    def __getattribute__(self, name):
        if name.startswith("_") or name in ("stores", "serde"):
            return super().__getattribute__(name)
        return getattr(RecordSaver(super().__getattribute__("stores")), name)


async def test_conformance_whole_by_a_new_saver_for_each_call(stores):
    @checkpointer_test(name="reopened")
    async def make():
        yield ReopenedSaver(stores)

    assert failures(await validate(make)) == []


class Sync(RecordSaver):
    """The sync methods under the names of the async ones."""

    async def aget_tuple(self, config):
        return self.get_tuple(config)

    async def aput(self, *args):
        return self.put(*args)

    async def aput_writes(self, *args, **kwargs):
        self.put_writes(*args, **kwargs)

    async def alist(self, config, **kwargs):
        for item in self.list(config, **kwargs):
            yield item

    async def adelete_thread(self, thread_id):
        self.delete_thread(thread_id)

    async def adelete_for_runs(self, run_ids):
        self.delete_for_runs(run_ids)

    async def acopy_thread(self, source_thread_id, target_thread_id):
        self.copy_thread(source_thread_id, target_thread_id)

    async def aprune(self, thread_ids, *, strategy="keep_latest"):
        self.prune(thread_ids, strategy=strategy)


async def test_conformance_whole_sync(stores):
    @checkpointer_test(name="sync")
    async def make():
        yield Sync(stores)

    assert failures(await validate(make)) == []


def test_large_values_lie_in_blobs_once_and_go_with_the_thread(stores):
    saver = RecordSaver(stores)
    config = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    for step in range(3):
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = {"big": "x" * 100_000, "small": step}
        config = saver.put(config, checkpoint, {"source": "loop", "step": step}, {})
    assert len(stores.blobs.list("values/t/").items) == 1
    found = saver.get_tuple({"configurable": {"thread_id": "t", "checkpoint_ns": ""}})
    assert found.checkpoint["channel_values"] == {"big": "x" * 100_000, "small": 2}
    saver.copy_thread("t", "u")
    saver.delete_thread("t")
    assert stores.blobs.list("values/t/").items == []
    copied = saver.get_tuple({"configurable": {"thread_id": "u", "checkpoint_ns": ""}})
    assert copied.checkpoint["channel_values"]["big"] == "x" * 100_000
