"""What an attached run has not committed yet: checkpoints and writes that wait for the step's commit."""

from __future__ import annotations

from dataclasses import dataclass

from langgraph.checkpoint.base import Checkpoint, CheckpointMetadata

from dataops_core.contracts.records import Record
from dataops_core.execution.checkpoint_rows import CHECKPOINT, CheckpointRows, PendingWrite
from dataops_core.execution.scope import RunScope


@dataclass(slots=True)
class Waiting:
    """A checkpoint that is not committed yet. It becomes a row only when it must be kept: most never are."""

    ns: str
    checkpoint: Checkpoint
    metadata: CheckpointMetadata
    parent: str | None


class Pending:
    """What an attached run has not committed yet."""

    def __init__(self, scope: RunScope, rows: CheckpointRows) -> None:
        self.scope, self.rows = scope, rows
        self.checkpoints: list[Waiting | Record] = []
        #: By namespace and checkpoint, then by task and its path, then by index.
        self.writes: dict[tuple[str, str], dict[tuple[str, str], dict[int, PendingWrite]]] = {}

    def kept(self) -> list[Record]:
        """Returns the rows of everything that waits."""
        return [*self.kept_checkpoints(), *(row for at in list(self.writes) for row in self.write_rows(*at))]

    def kept_checkpoints(self) -> list[Record]:
        """Returns the rows of the checkpoints that wait, and of what their reading back needs."""
        return [self._row(waiting) for waiting in self.checkpoints]

    def write_rows(self, ns: str, checkpoint_id: str) -> list[Record]:
        """Returns the rows of a checkpoint's pending writes."""
        found = self.writes.get((ns, checkpoint_id), {})
        return [
            row
            for (task_id, path), writes in found.items()
            for row in self.rows.writes(self.scope.run_id, ns, checkpoint_id, task_id, path, list(writes.values()))
        ]

    def find(self, ns: str, checkpoint_id: str | None) -> Record | None:
        """Returns the row of a checkpoint that waits: the one of that id, or the newest."""
        rows = [r for r in self.kept_checkpoints() if r["ns"] == ns and r["item"].startswith(CHECKPOINT)]
        found = [row for row in rows if checkpoint_id in (None, row["checkpoint_id"])]
        return max(found, key=lambda row: str(row["checkpoint_id"]), default=None)

    def row(self, ns: str, checkpoint: Checkpoint, metadata: CheckpointMetadata, parent: str | None) -> Record:
        """Makes the row of a checkpoint."""
        row = self.rows.checkpoint(self.scope.run_id, ns, checkpoint, metadata, parent)
        self.scope.large_values |= "large" in row
        return row

    def supersede(self, ns: str, parent: str | None, metadata: CheckpointMetadata) -> None:
        """Drops what a new checkpoint of a namespace makes superfluous."""
        if "counters_since_delta_snapshot" in metadata:
            # A DeltaChannel is read back from its ancestors and their writes.
            self.checkpoints += self.write_rows(ns, parent or "")
        else:
            self.checkpoints = [w for w in self.checkpoints if _ns_of(w) != ns]
        self.writes.pop((ns, parent or ""), None)

    def _row(self, waiting: Waiting | Record) -> Record:
        if isinstance(waiting, dict):
            return waiting
        return self.row(waiting.ns, waiting.checkpoint, waiting.metadata, waiting.parent)


def _ns_of(waiting: Waiting | Record) -> str:
    return waiting.ns if isinstance(waiting, Waiting) else str(waiting["ns"])
