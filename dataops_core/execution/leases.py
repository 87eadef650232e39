"""Keeps leases alive: one thread a process renews those of every run that the process works on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dataops_core.errors import DataOpsError, FenceLost
from dataops_core.execution.runs import Runs
from dataops_core.execution.scope import RunScope

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Held:
    runs: Runs
    scope: RunScope
    renew_at: float
    over_at: float


_held: dict[str, _Held] = {}
_changed = threading.Condition()
_thread: threading.Thread | None = None


@contextmanager
def held(runs: Runs, scope: RunScope) -> Iterator[None]:
    """Renews the lease of an attempt until the block ends; when it cannot, the attempt is told to stop.

    The deadline counts from before each renewal was sent, by this process's own clock, so a renewal that hangs
    does not make a dead lease look alive.
    """
    global _thread
    now = time.monotonic()
    with _changed:
        _held[scope.run_id] = _Held(runs, scope, now + runs.lease_seconds / 3, now + runs.lease_seconds)
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_renew_forever, name="dataops-leases", daemon=True)
            _thread.start()
    try:
        yield
    finally:
        with _changed:
            _held.pop(scope.run_id, None)


def _renew_forever() -> None:
    while True:
        with _changed:
            due = min((h.renew_at for h in _held.values()), default=None)
            if due is None:
                _changed.wait(5.0)
            else:
                _changed.wait(max(0.01, min(due - time.monotonic(), 1.0)))
            ready = [h for h in _held.values() if h.renew_at <= time.monotonic()]
        for item in ready:
            _renew(item)


def _renew(item: _Held) -> None:
    sent = time.monotonic()
    lease = item.runs.lease_seconds
    try:
        item.runs.fences.renew(item.scope.run_id, item.scope.fence)
    except FenceLost:
        item.scope.lost.set()
        item.renew_at = sent + lease
    except DataOpsError as error:
        log.warning("the lease of run %s could not be renewed: %s", item.scope.run_id, error)
        item.renew_at = sent + lease / 10
        if time.monotonic() >= item.over_at:
            item.scope.lost.set()
    else:
        item.renew_at, item.over_at = sent + lease / 3, sent + lease
