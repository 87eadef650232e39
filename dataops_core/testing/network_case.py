"""What the clauses about networks share: callers that ask again, and callers that look at the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Final

from dataops_core.errors import Unreachable
from dataops_core.testing.fault_proxy import Fault, FaultProxy

#: No act takes more exchanges than this, not even one that is tried again.
_MANY: Final = 60


def outlast(act: Callable[[], Any], times: int = 20) -> Any:
    """Does something again while it is Unreachable, at most so many times, and returns what it returns."""
    for _ in range(times - 1):
        try:
            return act()
        except Unreachable:
            time.sleep(0.01)
    return act()


def unreachable(seconds: float, act: Callable[[], Any]) -> None:
    """Asserts that something is told as Unreachable, with what to do, within some seconds."""
    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append(f"returned {act()!r:.200}")
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert ended, f"still waiting for an answer after {seconds:g} s"
    assert isinstance(ended[0], Unreachable), f"{ended[0]!r} in place of Unreachable"
    assert ended[0].hint, f"{ended[0]!r} does not say what to do"


def at_every_exchange(proxy: FaultProxy, faults: Sequence[Fault], act: Callable[[str], Any]) -> None:
    """Does something with a fault at its first exchange, at its second, and so on until there is none left to hit.

    Args:
        proxy: where the faults happen.
        faults: which ones, one after the other.
        act: is handed a name that is new each time.
    """
    for fault in faults:
        for nth in count(1):
            before = proxy.done.total()
            proxy.once(fault, nth)
            try:
                act(f"{fault}{nth}")
            except BaseException as error:
                error.add_note(f"with the fault {fault!r} at exchange {nth}")
                raise
            if proxy.done.total() == before:
                break
            assert nth < _MANY, "this takes too many exchanges"
        assert nth > 1, "the store does not go through the proxy"
