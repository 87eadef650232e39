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

from dataops_core.contracts.records import ANY, Delete, Put, Record
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import delete_blobs

CHECKPOINT: Final = "checkpoint#"
WRITE: Final = "write#"
#: A checkpoint up to this size is kept in its row; of a larger one the large values go to blobs of their own.
INLINE_BYTES: Final = 16_000
VALUE_BYTES: Final = 4_000
_PAGE: Final = 50
_LAST: Final = "\U0010ffff"


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
            row["data"] = self._dump(({**checkpoint, "channel_values": inline}, metadata))
            row["large"] = large
        return row

    def write(
        self, thread_id: str, ns: str, checkpoint_id: str, task_id: str, path: str, index: int, channel: str, value: Any
    ) -> Record:
        """Builds the row of one pending write; `index` is negative for LangGraph's own channels."""
        dumped = self.serde.dumps_typed(value)
        body = self._store(thread_id, dumped) if len(dumped[1]) > INLINE_BYTES else _text(dumped)
        return {
            "run_id": thread_id,
            "item": f"{WRITE}{_quoted(ns)}#{checkpoint_id}#{task_id}#{index + 10:06d}",
            "ns": ns,
            "checkpoint_id": checkpoint_id,
            "task_id": task_id,
            "path": path,
            "index": index,
            "channel": channel,
            "data": body,
        }

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
        writes = self._writes_of(row) if pending is None else list(pending)
        writes.sort(key=lambda w: writes_sort_key(w["path"], w["task_id"], w["index"]))
        parent = row.get("parent")
        return CheckpointTuple(
            config=config_of(row["run_id"], row["ns"], row["checkpoint_id"]),
            checkpoint=checkpoint,
            metadata=metadata,
            parent_config=config_of(row["run_id"], row["ns"], parent) if parent else None,
            pending_writes=[(w["task_id"], w["channel"], self._loads(w["data"])) for w in writes],
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
