"""Ctrl-C and SIGTERM. Ctrl-C stops what runs, and a second one stops at once; SIGTERM lets a run end its step first."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from dataops_core.cli.exits import INTERRUPTED, TERMINATED

#: Launchers pass a signal on that the whole process group got already; that is no second wish.
_ECHO_SECONDS: Final = 0.5

#: How long a run may go on after SIGTERM, to end its step; whoever sent it is likely to kill after 30 s.
_GRACE_SECONDS: Final = 10.0

_first_at: float | None = None
_terminated = False
_drain: Callable[[], None] | None = None


def install() -> None:
    """Makes SIGTERM a KeyboardInterrupt, as SIGINT is; a SIGINT that is ignored (`nohup`, `&`) stays so."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _terminate)


def status() -> int:
    """Returns the exit status of an interrupted process: 143 when SIGTERM came, else 130."""
    return TERMINATED if _terminated else INTERRUPTED


def terminated() -> bool:
    """Says whether SIGTERM came: whoever goes on after Ctrl-C must end then."""
    return _terminated


def settled() -> None:
    """What was interrupted has ended; the next Ctrl-C is a first one again."""
    global _first_at
    _first_at = None


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _first_at
    now = time.monotonic()
    if _first_at is None:
        _first_at = now
        raise KeyboardInterrupt
    if now - _first_at > _ECHO_SECONDS:
        # Nodes that do not end hold the process. Their run's lease ends by itself, so nothing is lost.
        show_cursor = b"\x1b[?25h" if sys.stderr is not None and sys.stderr.isatty() else b""
        os.write(2, show_cursor + b"stopped at once; dataops runs list --open shows what is unfinished\n")
        os._exit(status())


@contextmanager
def drained_by(drain: Callable[[], None]) -> Iterator[None]:
    """Within the block the first SIGTERM calls `drain`, and interrupts only when that has not ended it in time."""
    global _drain
    _drain = drain
    try:
        yield
    finally:
        _drain = None


def _terminate(number: int, frame: FrameType | None) -> None:
    global _terminated
    first, _terminated = not _terminated, True
    if first and _drain is not None:
        _drain()
        late = threading.Timer(_GRACE_SECONDS, os.kill, (os.getpid(), signal.SIGTERM))
        late.daemon = True
        late.start()
        return
    if callable(signal.getsignal(signal.SIGINT)):
        signal.raise_signal(signal.SIGINT)  # whoever watches for Ctrl-C meanwhile sees it too
    else:
        _interrupt(number, frame)
