"""How graph checkpoints and pending writes lie in `dataops_run_items`; large values lie in the blob store."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointMetadata, CheckpointTuple, writes_sort_key
from langgraph.checkpoint.serde.base import SerializerProtocol

from dataops_core.contracts.records import ABSENT, ANY, Delete, Put, Record
from dataops_core.errors import Conflict
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import attempts, delete_blobs

CHECKPOINT: Final = "checkpoint#"
WRITE: Final = "write#"
#: A checkpoint up to this size is kept in its row; of a larger one the large values go to blobs of their own.
INLINE_BYTES: Final = 16_000
VALUE_BYTES: Final = 4_000
ROW_BYTES: Final = 64_000
_PAGE: Final = 50
_LAST: Final = "\U0010ffff"
_REGULAR: Final = "all"

#: What a task wrote: its index among the task's writes, the channel, the value.
PendingWrite = tuple[int, str, Any]


class CheckpointRows:
    """Reads and writes the rows of threads.

    Args:
        stores: where they lie.
        serde: LangGraph's serializer; never pickle.
    """

    def __init__(self, stores: Stores, serde: SerializerProtocol) -> None:
        self.stores, self.serde = stores, serde

    def checkpoint(
        self, thread_id: str, ns: str, checkpoint: Checkpoint, metadata: CheckpointMetadata, parent: str | None
    ) -> Record:
        """Builds the row of a checkpoint; large values are written to the blob store here."""
        row: Record = {
            "run_id": thread_id,
            "item": f"{CHECKPOINT}{_quoted(ns)}#{checkpoint['id']}",
            "ns": ns,
            "checkpoint_id": checkpoint["id"],
            "data": self._dump((checkpoint, metadata)),
        }
        if parent:
            row["parent"] = parent
        if len(row["data"]["body"]) > INLINE_BYTES:
            inline: dict[str, Any] = {}
            large: dict[str, Any] = {}
            for channel, value in checkpoint["channel_values"].items():
                dumped = self.serde.dumps_typed(value)
                if len(dumped[1]) > VALUE_BYTES:
                    large[channel] = self._store(thread_id, dumped)
                else:
                    inline[channel] = value
            rest = self.serde.dumps_typed(({**checkpoint, "channel_values": inline}, metadata))
            # Many small values are together as large as one, and a row holds only so much.
            row["data"] = self._store(thread_id, rest) if len(rest[1]) > ROW_BYTES else _text(rest)
            row["large"] = large
        return row

    def writes(
        self, thread_id: str, ns: str, checkpoint_id: str, task_id: str, path: str, writes: Sequence[PendingWrite]
    ) -> list[Record]:
        """Builds the rows of a task's pending writes.

        LangGraph takes a task of which it finds writes for done, so all that it wrote lies in one row, however much it
        is. What goes to LangGraph's own channels has negative indexes and rows of its own, since it is replaced.
        """
        regular = [write for write in writes if write[0] >= 0]
        groups = [[write] for write in writes if write[0] < 0] + ([regular] if regular else [])
        prefix = f"{WRITE}{_quoted(ns)}#{checkpoint_id}#{task_id}#"
        return [
            {
                "run_id": thread_id,
                "item": prefix + (_REGULAR if group is regular else str(-group[0][0])),
                "ns": ns,
                "checkpoint_id": checkpoint_id,
                "task_id": task_id,
                "path": path,
                "data": self._kept(thread_id, group),
            }
            for group in groups
        ]

    def keep_writes(self, rows: Sequence[Record]) -> None:
        """Commits the rows of a task's writes together. A regular write that is there already stays as it is."""
        puts = [Put(schema.RUN_ITEMS, row, ABSENT if _is_regular(row) else ANY) for row in rows]
        for _ in attempts():
            try:
                self.stores.records.commit(puts)
                return
            except Conflict:
                (row,) = (row for row in rows if _is_regular(row))
                old = self.stores.records.get(schema.RUN_ITEMS, row["run_id"], row["item"])
                puts = [put for put in puts if not _is_regular(put.record)]
                if old is None:
                    puts.append(Put(schema.RUN_ITEMS, row, ABSENT))
                elif more := self._missing(old.record, row):
                    puts.append(Put(schema.RUN_ITEMS, {**row, "data": more}, old))
                if not puts:
                    return
        raise Conflict(f"the writes of a task of {rows[0]['run_id']!r} are changed all the time", hint="try again")

    def find(self, thread_id: str, ns: str, checkpoint_id: str | None) -> Record | None:
        """Returns the row of one checkpoint, or of the namespace's newest."""
        prefix = f"{CHECKPOINT}{_quoted(ns)}#"
        if checkpoint_id:
            stored = self.stores.records.get(schema.RUN_ITEMS, thread_id, prefix + checkpoint_id)
            return stored.record if stored else None
        rows = self.rows(thread_id, prefix, limit=1)
        return rows[0] if rows else None

    def rows(self, thread_id: str, prefix: str, *, limit: int | None = None) -> list[Record]:
        """Returns the rows of a thread whose key begins with `prefix`, newest first."""
        found = self.stores.records.range(
            schema.RUN_ITEMS, thread_id, prefix, prefix + _LAST, limit=limit, newest_first=True
        )
        return [stored.record for stored in found]

    def all_checkpoints(self) -> Iterator[Record]:
        """Yields the checkpoint rows of every thread; for operators."""
        cursor = None
        while True:
            page = self.stores.records.scan(schema.RUN_ITEMS, limit=200, cursor=cursor)
            yield from (s.record for s in page.items if s.record["item"].startswith(CHECKPOINT))
            if (cursor := page.cursor) is None:
                return

    def load(self, row: Record, pending: Sequence[Record] | None = None) -> CheckpointTuple:
        """Reads a checkpoint back, with its pending writes (read from the store unless given)."""
        checkpoint, metadata = self._loads(row["data"])
        for channel, value in row.get("large", {}).items():
            checkpoint["channel_values"][channel] = self._loads(value)
        writes = [
            (w["path"], w["task_id"], *write)
            for w in (self._writes_of(row) if pending is None else pending)
            for write in self._loads(w["data"])
        ]
        writes.sort(key=lambda write: writes_sort_key(*write[:3]))
        parent = row.get("parent")
        return CheckpointTuple(
            config=config_of(row["run_id"], row["ns"], row["checkpoint_id"]),
            checkpoint=checkpoint,
            metadata=metadata,
            parent_config=config_of(row["run_id"], row["ns"], parent) if parent else None,
            pending_writes=[(task_id, channel, value) for _, task_id, _, channel, value in writes],
        )

    def metadata(self, row: Record) -> CheckpointMetadata:
        """Reads a checkpoint's metadata only."""
        found: CheckpointMetadata = self._loads(row["data"])[1]
        return found

    def delete(self, rows: Sequence[Record]) -> None:
        """Deletes rows of one thread, in batches."""
        for start in range(0, len(rows), _PAGE):
            batch = rows[start : start + _PAGE]
            self.stores.records.commit([Delete(schema.RUN_ITEMS, r["run_id"], r["item"], ANY) for r in batch])

    def delete_checkpoint(self, row: Record) -> None:
        """Deletes a checkpoint and its pending writes."""
        self.delete([*self._writes_of(row), row])

    def delete_thread(self, thread_id: str) -> None:
        """Deletes the checkpoints, writes and large values of a thread."""
        for prefix in (CHECKPOINT, WRITE):
            while rows := self.rows(thread_id, prefix, limit=_PAGE):
                self.delete(rows)
        delete_blobs(self.stores, f"values/{_part(thread_id)}/")

    def copy_thread(self, source: str, target: str) -> None:
        """Copies a thread: every checkpoint, write and large value."""
        for prefix in (CHECKPOINT, WRITE):
            for row in self.rows(source, prefix):
                row["run_id"] = target
                for value in [row["data"], *row.get("large", {}).values()]:
                    if "blob" in value:
                        copied = schema.value_key(_part(target), value["blob"].rpartition("/")[2])
                        self.stores.blobs.copy(value["blob"], copied)
                        value["blob"] = copied
                self.stores.records.commit([Put(schema.RUN_ITEMS, row, ANY)])

    def _writes_of(self, row: Record) -> list[Record]:
        return self.rows(row["run_id"], f"{WRITE}{_quoted(row['ns'])}#{row['checkpoint_id']}#")

    def _dump(self, value: Any) -> dict[str, str]:
        return _text(self.serde.dumps_typed(value))

    def _missing(self, old: Record, new: Record) -> dict[str, str] | None:
        """Returns the writes of two rows together, of which the old one's count; None when it has them all."""
        there = self._loads(old["data"])
        known = {write[0] for write in there}
        more = [write for write in self._loads(new["data"]) if write[0] not in known]
        return self._kept(old["run_id"], [*there, *more]) if more else None

    def _kept(self, thread_id: str, writes: Sequence[PendingWrite]) -> dict[str, str]:
        dumped = self.serde.dumps_typed(list(writes))
        return self._store(thread_id, dumped) if len(dumped[1]) > INLINE_BYTES else _text(dumped)

    def _loads(self, data: dict[str, str]) -> Any:
        if "blob" in data:
            with self.stores.blobs.open(data["blob"]) as stream:
                return self.serde.loads_typed((data["type"], stream.read()))
        return self.serde.loads_typed((data["type"], base64.b64decode(data["body"])))

    def _store(self, thread_id: str, dumped: tuple[str, bytes]) -> dict[str, str]:
        # The key is the content's hash: a value that does not change from step to step is written once.
        key = schema.value_key(_part(thread_id), hashlib.sha256(dumped[1]).hexdigest())
        if self.stores.blobs.head(key) is None:
            self.stores.blobs.put(key, io.BytesIO(dumped[1]))
        return {"type": dumped[0], "blob": key}


def config_of(thread_id: str, ns: str, checkpoint_id: str) -> RunnableConfig:
    """Returns the config that names one checkpoint."""
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": ns, "checkpoint_id": checkpoint_id}}


def _is_regular(row: Record) -> bool:
    return str(row["item"]).endswith(f"#{_REGULAR}")


def _text(dumped: tuple[str, bytes]) -> dict[str, str]:
    return {"type": dumped[0], "body": base64.b64encode(dumped[1]).decode()}


def _quoted(ns: str) -> str:
    # A namespace grows with the depth of subgraphs; a sort key has 900 bytes.
    if len(ns) > 400:
        return "~" + hashlib.sha256(ns.encode()).hexdigest()
    return ns.replace("%", "%25").replace("#", "%23").replace("\0", "%00")


def _part(thread_id: str) -> str:
    """Returns a thread id as one part of a blob key; run ids stay readable, a stranger's id becomes its hash."""
    if len(thread_id) <= 100 and all(c.isascii() and (c.isalnum() or c in ".-_") for c in thread_id.strip(".")):
        return thread_id
    return "~" + hashlib.sha256(thread_id.encode()).hexdigest()
