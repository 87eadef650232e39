"""How many runs a process executes at once: `MAX_CONCURRENT_WORKFLOWS`. Who comes first goes first."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager

from dataops_core import settings
from dataops_core.execution.scope import current_run

_lock = threading.Lock()
_waiting: deque[Future[None]] = deque()
_taken = 0


@contextmanager
def slot() -> Iterator[None]:
    """Holds a place among the runs of this process; waits for one."""
    if current_run.get() is not None:  # a run within a run has its place already, or both could wait for each other
        yield
        return
    place = _take()
    try:
        place.result()
        yield
    finally:
        _give_back(place)


@asynccontextmanager
async def aslot() -> AsyncIterator[None]:
    """Async `slot`; waiting blocks neither the event loop nor a thread."""
    if current_run.get() is not None:
        yield
        return
    place = _take()
    try:
        if not place.done():
            await asyncio.wrap_future(place)
        yield
    finally:
        _give_back(place)


def _take() -> Future[None]:
    global _taken
    place: Future[None] = Future()
    with _lock:
        if _taken < settings.current().max_concurrent_workflows:
            _taken += 1
            place.set_result(None)
        else:
            _waiting.append(place)
    return place


def _give_back(place: Future[None]) -> None:
    global _taken
    with _lock:
        if place.cancel() or place.cancelled():
            return  # it never came to its place
        _taken -= 1
        while _waiting:
            following = _waiting.popleft()
            if following.set_running_or_notify_cancel():
                _taken += 1
                following.set_result(None)
                return
