"""The LangGraph saver over the two storage primitives; it serves every backend.

Threads that are not runs are written through. A run that is attached is written lean: one commit a step under the
run's fence, carrying the step's checkpoint, artifacts and events; the input's checkpoint rides with the first step, and
a step's pending writes are dropped when the checkpoint that supersedes them commits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)

from dataops_core.contracts.records import ANY, Put, Record, Write
from dataops_core.execution.checkpoint_rows import CHECKPOINT, CheckpointRows, config_of
from dataops_core.execution.pending import Pending, Waiting
from dataops_core.execution.scope import RunScope
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import delete_blobs, delete_partition

#: Rows that one commit takes beside what else rides with it.
_AT_ONCE: Final = 30


class RecordSaver(BaseCheckpointSaver[str]):
    """A checkpointer for LangGraph, sync and async.

    Args:
        stores: where checkpoints are kept. A thread's id is the partition of its rows in `dataops_run_items`.
    """

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self.stores = stores
        self._buffers: dict[str, Pending] = {}

    @property
    def _rows(self) -> CheckpointRows:
        # The serializer is replaced by copies with an allow-list, so it is asked for each time.
        return CheckpointRows(self.stores, self.serde)

    def attach(self, scope: RunScope) -> None:
        """Makes a run's thread lean and fenced until `detach`."""
        self._buffers[scope.run_id] = Pending(scope, self._rows)

    def detach(self, run_id: str) -> None:
        """Forgets what a run has not committed."""
        self._buffers.pop(run_id, None)

    def take(self, run_id: str) -> list[Write]:
        """Returns the writes that keep what an attached run has not committed yet (after an interrupt or error)."""
        buffer = self._buffers.get(run_id)
        if buffer is None:
            return []
        rows = buffer.kept()
        buffer.checkpoints, buffer.writes = [], {}
        return [Put(schema.RUN_ITEMS, row, ANY) for row in rows]

    def has_checkpoint(self, thread_id: str) -> bool:
        """Says whether a thread has a checkpoint to resume from."""
        return self._rows.find(thread_id, "", None) is not None

    def drop(self, run_id: str) -> None:
        """Deletes what a run kept for itself: its graph's state, large values, and events."""
        delete_partition(self.stores, schema.RUN_ITEMS, run_id)
        delete_blobs(self.stores, f"values/{run_id}/")

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Returns the checkpoint that the config names, or the thread's newest."""
        thread_id, ns = _where(config)
        wanted = get_checkpoint_id(config)
        if buffer := self._buffers.get(thread_id):
            row = buffer.find(ns, wanted)
            if row is not None:
                return self._rows.load(row, buffer.write_rows(ns, row["checkpoint_id"]))
            if buffer.scope.is_new:
                return None
        found = self._rows.find(thread_id, ns, wanted)
        return None if found is None else self._rows.load(found)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Yields matching checkpoints, newest first within a namespace; without a config, of every thread."""
        rows = self._rows
        older = get_checkpoint_id(before) if before else None
        count = 0
        for row in self._candidates(rows, config):
            if limit is not None and count >= limit:
                return
            if older and row["checkpoint_id"] >= older:
                continue
            if filter:
                metadata = dict(rows.metadata(row))
                if any(metadata.get(key) != value for key, value in filter.items()):
                    continue
            count += 1
            yield rows.load(row)

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keeps a checkpoint; of an attached run it becomes one commit with the step's artifacts and events."""
        thread_id, ns = _where(config)
        parent = get_checkpoint_id(config)
        told = get_checkpoint_metadata(config, metadata)
        buffer = self._buffers.get(thread_id)
        if buffer is None:
            row = self._rows.checkpoint(thread_id, ns, checkpoint, told, parent)
            self.stores.records.commit([Put(schema.RUN_ITEMS, row, ANY)])
            return config_of(thread_id, ns, checkpoint["id"])
        buffer.supersede(ns, parent, metadata)
        if _may_wait(buffer, metadata):
            # What a node may change before the next checkpoint is made a row at once.
            lazy = buffer.scope.durability == "exit" or metadata.get("step", 0) < 0
            waiting = Waiting(ns, checkpoint, told, parent)
            buffer.checkpoints.append(waiting if lazy else buffer.row(ns, checkpoint, told, parent))
        else:
            writes = [Put(schema.RUN_ITEMS, row, ANY) for row in buffer.kept_checkpoints()]
            writes.append(Put(schema.RUN_ITEMS, buffer.row(ns, checkpoint, told, parent), ANY))
            buffer.checkpoints = []
            # What a DeltaChannel is read back from may be more than one commit holds; the checkpoint comes last.
            for start in range(0, len(writes), _AT_ONCE):
                batch = writes[start : start + _AT_ONCE]
                buffer.scope.commit(lambda batch=batch: batch)  # type: ignore[misc]
        return config_of(thread_id, ns, checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keeps what a task wrote; of an attached run it waits for the step's commit."""
        thread_id, ns = _where(config)
        at = str(config["configurable"]["checkpoint_id"])
        indexed = [(WRITES_IDX_MAP.get(channel, i), channel, value) for i, (channel, value) in enumerate(writes)]
        if buffer := self._buffers.get(thread_id):
            kept = buffer.writes.setdefault((ns, at), {}).setdefault((task_id, task_path), {})
            for index, channel, value in indexed:
                if index < 0 or index not in kept:
                    kept[index] = (index, channel, value)
            return
        rows = self._rows
        rows.keep_writes(rows.writes(thread_id, ns, at, task_id, task_path, indexed))

    def delete_thread(self, thread_id: str) -> None:
        """Deletes everything that a thread has kept."""
        self._rows.delete_thread(thread_id)

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Deletes the checkpoints whose metadata name one of these runs, in any thread."""
        rows, wanted = self._rows, set(run_ids)
        for row in list(rows.all_checkpoints()):
            if rows.metadata(row).get("run_id") in wanted:
                rows.delete_checkpoint(row)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copies a thread with its whole history, writes and large values."""
        self._rows.copy_thread(source_thread_id, target_thread_id)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Deletes history: `delete` drops threads whole, `keep_latest` keeps each namespace's newest checkpoint.

        A thread whose graph uses a DeltaChannel is left whole: its newest checkpoint is read back from its ancestors.
        """
        rows = self._rows
        for thread_id in thread_ids:
            if strategy == "delete":
                rows.delete_thread(thread_id)
                continue
            found = rows.rows(thread_id, CHECKPOINT)
            newest: dict[str, Record] = {}
            for row in found:
                newest.setdefault(row["ns"], row)
            if any("counters_since_delta_snapshot" in rows.metadata(row) for row in newest.values()):
                continue
            for row in found:
                if row is not newest[row["ns"]]:
                    rows.delete_checkpoint(row)

    def _candidates(self, rows: CheckpointRows, config: RunnableConfig | None) -> Iterator[Record]:
        if config is None:
            yield from rows.all_checkpoints()
            return
        thread_id = str(config["configurable"]["thread_id"])
        ns = config["configurable"].get("checkpoint_ns")
        wanted = get_checkpoint_id(config)
        for row in rows.rows(thread_id, CHECKPOINT):
            if (ns is None or row["ns"] == ns) and wanted in (None, row["checkpoint_id"]):
                yield row

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Async `get_tuple`; a run that has committed nothing yet needs no look at the store."""
        buffer = self._buffers.get(_where(config)[0])
        if buffer is not None and buffer.scope.is_new:
            return self.get_tuple(config)
        return await asyncio.to_thread(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Async `list`."""
        found = self.list(config, filter=filter, before=before, limit=limit)
        while (item := await asyncio.to_thread(next, found, None)) is not None:
            yield item

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Async `put`; leaves the event loop only when it commits."""
        buffer = self._buffers.get(_where(config)[0])
        if buffer is not None and _may_wait(buffer, metadata):
            return self.put(config, checkpoint, metadata, new_versions)
        return await asyncio.to_thread(self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Async `put_writes`; leaves the event loop only when it commits."""
        if _where(config)[0] in self._buffers:
            self.put_writes(config, writes, task_id, task_path)
        else:
            await asyncio.to_thread(self.put_writes, config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Async `delete_thread`."""
        await asyncio.to_thread(self.delete_thread, thread_id)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Async `delete_for_runs`."""
        await asyncio.to_thread(self.delete_for_runs, run_ids)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Async `copy_thread`."""
        await asyncio.to_thread(self.copy_thread, source_thread_id, target_thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Async `prune`."""
        await asyncio.to_thread(lambda: self.prune(thread_ids, strategy=strategy))

    def get_next_version(self, current: str | None, channel: None) -> str:
        """Returns the version after `current`; versions sort as text."""
        number = 0 if current is None else int(str(current).split(".")[0])
        return f"{number + 1:032}"


def _where(config: RunnableConfig) -> tuple[str, str]:
    return str(config["configurable"]["thread_id"]), config["configurable"].get("checkpoint_ns", "")


def _may_wait(buffer: Pending, metadata: CheckpointMetadata) -> bool:
    # Until the first step has ended, the run's record says as much as a checkpoint would.
    return buffer.scope.durability == "exit" or (metadata.get("step", 0) < 1 and not metadata.get("parents"))
