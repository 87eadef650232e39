"""A run's fence and lease: who may write for it, and until when its silence is no death.

The fence is a record whose token every commit of an attempt depends upon. It holds the attempt's first lease too, so
that a short run needs no lease of its own; the lease is a record beside it, so that renewing it disturbs nobody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from dataops_core.contracts.records import ABSENT, ANY, Check, Put, RecordStore, Stored
from dataops_core.errors import Conflict, FenceLost
from dataops_core.execution.owners import is_dead, this_process
from dataops_core.execution.scope import FENCE, LEASE
from dataops_core.storage import schema


@dataclass(frozen=True, slots=True)
class Held:
    """What the store says of a run's fence and lease.

    Args:
        fence: the fence's record, or None.
        owner: whose the lease is; "" when it was given back.
        until: when it ends, in seconds since 1970 by the store's clock; 0 when there is none.
        token: changes with every renewal.
    """

    fence: Stored | None
    owner: str = ""
    until: float = 0.0
    token: str | None = None

    def over(self, now: float) -> bool:
        """Says whether nobody is at the run: the lease has ended, or its owner is dead."""
        return self.until <= now or is_dead(self.owner)


class Fences:
    """Fences and leases of one worker.

    Args:
        records: where they are kept.
        seconds: how long a worker may be silent before its run is taken over.
    """

    def __init__(self, records: RecordStore, seconds: float) -> None:
        self.records, self.seconds = records, seconds
        self.owner = this_process()

    def read(self, run_id: str) -> Held:
        """Returns who holds a run."""
        fence = self.records.get(schema.RUN_ITEMS, run_id, FENCE)
        lease = self.records.get(schema.RUN_ITEMS, run_id, LEASE) or fence
        if lease is None:
            return Held(fence)
        return Held(fence, lease.record["owner"], lease.record["until"], lease.token)

    def fence(self, run_id: str, now: float, old: Stored | None = None) -> Put:
        """Returns the write of a new fence with its first lease, in place of the old one."""
        return self._row(run_id, FENCE, now, old.token if old else None)

    def lease(self, run_id: str, now: float) -> Put:
        """Returns the write of a new lease."""
        return self._row(run_id, LEASE, now)

    def renew(self, run_id: str, fence: str) -> None:
        """Renews a lease; raises FenceLost when the run is no longer this worker's."""
        try:
            self.records.commit([self.lease(run_id, self.records.now()), Check(schema.RUN_ITEMS, run_id, FENCE, fence)])
        except Conflict:
            raise FenceLost(f"run {run_id!r} was taken over or cancelled") from None

    def release(self, run_id: str, fence: str) -> None:
        """Ends a lease early, so that the next process that looks goes on with the run at once."""
        row = {"run_id": run_id, "item": LEASE, "owner": "", "until": 0}
        try:
            self.records.commit([Put(schema.RUN_ITEMS, row, ANY), Check(schema.RUN_ITEMS, run_id, FENCE, fence)])
        except Conflict:
            return  # somebody else has it already

    def leave(self, run_id: str) -> None:
        """Gives up waiting for a run's turn: whoever looks when it comes starts it."""
        self.records.commit([Put(schema.RUN_ITEMS, {"run_id": run_id, "item": LEASE, "owner": "", "until": 0}, ANY)])

    def keep_waiting(self, run_id: str) -> None:
        """Renews the lease of a run that waits for its turn."""
        self.records.commit([self.lease(run_id, self.records.now())])

    def _row(self, run_id: str, item: str, now: float, old: str | None = None) -> Put:
        row = {"run_id": run_id, "item": item, "owner": self.owner, "until": now + self.seconds}
        return Put(schema.RUN_ITEMS, row, (old or ABSENT) if item == FENCE else ANY)


class Silence:
    """Watches a lease without trusting anybody's clock but this process's own monotonic one.

    Args:
        seconds: how long nobody may have renewed it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._seen: tuple[str, str | None] | None = None
        self._since = 0.0

    def over(self, run_id: str, held: Held) -> bool:
        """Says whether a run's lease has stayed the same for that long, as this has been asked."""
        now = time.monotonic()
        if self._seen != (run_id, held.token):
            self._seen, self._since = (run_id, held.token), now
        return now - self._since > self.seconds
