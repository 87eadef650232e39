"""A program on a terminal of its own: keys go in, and what it shows comes back."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

from dataops_core.cli.text import safe

SECONDS = 30.0


class Terminal:
    """`dataops` with all its streams on a terminal.

    Args:
        arguments: of the program.
        variables: of its environment, beside this process's.
    """

    def __init__(self, *arguments: str, **variables: str) -> None:
        self._ours, theirs = pty.openpty()
        # A terminal that answers nothing: the editor must not ask it where its cursor is.
        env = {**os.environ, "TERM": "xterm", "COLUMNS": "200", "PROMPT_TOOLKIT_NO_CPR": "1", **variables}
        command = [sys.executable, "-m", "dataops_core.cli.main", *arguments]
        streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
        self.program = subprocess.Popen(command, env=env, start_new_session=True, **streams)
        os.close(theirs)
        self._left = ""

    def type(self, keys: str) -> None:
        """Presses keys."""
        os.write(self._ours, keys.encode())

    def until(self, text: str) -> str:
        """Returns what is shown until a text is, and leaves the rest; fails when it is not, or the program ends."""
        seen, deadline = b"", time.monotonic() + SECONDS
        while text not in (shown := self._left + plain(seen)):
            ready, _, _ = select.select([self._ours], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{text!r} does not come after {shown!r}"
            try:
                seen += os.read(self._ours, 65536)
            except OSError:
                raise AssertionError(f"it ended before {text!r}: {shown!r}") from None
        before, _, self._left = shown.partition(text)
        return before + text

    def interrupt(self) -> None:
        """Sends what Ctrl-C sends while nobody edits a line."""
        self.program.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str]:
        """Waits until the program ends; returns its status and what it still said."""
        seen, deadline = b"", time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self._ours], [], [], 0.2)
            try:
                seen += os.read(self._ours, 65536) if ready else b""
            except OSError:  # the other side is closed
                break
            if not ready and self.program.poll() is not None:
                break
        return self.program.wait(SECONDS), self._left + plain(seen)

    def leave(self) -> tuple[int, str]:
        """Presses Ctrl-D until the program takes it, and ends: between two lines nobody reads keys."""
        for _ in range(20):
            if self.program.poll() is None:
                self.type("\x04")
            with suppress(subprocess.TimeoutExpired):
                self.program.wait(0.5)
                break
        return self.end()

    def close(self) -> None:
        """Ends the program, whatever it does."""
        if self.program.poll() is None:
            self.program.kill()
            self.program.wait()
        os.close(self._ours)


def plain(seen: bytes) -> str:
    """Returns what a terminal was sent as text; a move to the right is as many spaces."""
    shown = re.sub(
        r"(\x08*)\x1b\[(\d+)C", lambda move: " " * (int(move[2]) - len(move[1])), seen.decode(errors="replace")
    )
    return safe(shown)
