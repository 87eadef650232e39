"""A guard around strangers' code: what it prints goes to stderr, and its exits end nothing but itself."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

_lock: Final = threading.RLock()
_depth = 0


class PluginExit(Exception):
    """A plugin tried to end the process, or raised what is no Exception."""


@contextmanager
def guarded() -> Iterator[None]:
    """Runs a plugin's code: stdout is stderr meanwhile, for its subprocesses too; SystemExit becomes PluginExit.

    A KeyboardInterrupt that a signal brought passes; one that the plugin raised by itself becomes PluginExit.
    """
    with _lock, _stdout_on_stderr(), _interrupts() as interrupted:
        try:
            yield
        except Exception:
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and interrupted():
                raise
            detail = f" ({error.code!r:.40})" if isinstance(error, SystemExit) else ""
            raise PluginExit(f"it raised {type(error).__name__}{detail}") from error


@contextmanager
def _stdout_on_stderr() -> Iterator[None]:
    global _depth
    if _depth:  # an inner plugin: already so
        yield
        return
    stream, errors, original = sys.stdout, sys.stderr, sys.__stdout__
    with suppress(Exception):
        stream.flush()
    saved = None
    with suppress(OSError):  # either may be closed
        os.fstat(2)
        saved = os.dup(1)
        os.dup2(2, 1)
    _depth, sys.stdout = 1, sys.stderr
    try:
        yield
    finally:
        _depth, sys.stdout, sys.stderr = 0, stream, errors
        if saved is not None:
            if original is not None:
                with suppress(Exception):
                    original.flush()
            os.dup2(saved, 1)
            os.close(saved)


@contextmanager
def _interrupts() -> Iterator[Any]:
    """Yields a function that says whether a real SIGINT came. Only the main thread gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    import signal

    came: list[int] = []
    previous = signal.getsignal(signal.SIGINT)
    if not callable(previous):  # ignored, or not Python's
        yield lambda: False
        return

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        previous(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(came)
    finally:
        signal.signal(signal.SIGINT, previous)
