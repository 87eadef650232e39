"""Where the `dataops` script enters: until everything is imported, Ctrl-C ends the process without a word."""

from __future__ import annotations

import signal
from typing import NoReturn


def main() -> NoReturn:
    """The `dataops` command."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # ignored (`nohup`, `&`), it stays so
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from dataops_core.cli.main import main as run

    run()
