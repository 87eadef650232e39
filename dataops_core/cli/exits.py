"""Exit statuses: the one table from error codes to what the shell sees.

0 done · 1 it ran and failed · 2 wrong usage · 3 not found · 4 configuration · 5 unreachable · 130 Ctrl-C · 143 SIGTERM.
When the reader of standard output goes away (`dataops list | head -1`) the status is 141, as a shell reports of every
program that SIGPIPE ends, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
READER_GONE: Final = 141
TERMINATED: Final = 143

_BY_CODE: Final[Mapping[str, int]] = {
    "internal": FAILED,
    "run_failed": FAILED,
    "timeout": FAILED,
    "conflict": FAILED,
    "fence_lost": FAILED,
    "cancelled": FAILED,
    "usage": USAGE,
    "invalid_value": USAGE,
    "question": USAGE,
    "not_found": 3,
    "no_match": 3,
    "config": 4,
    "plugin_failed": 4,
    "newer_database": 4,
    "corrupt_data": 4,
    "unreachable": 5,
    "interrupted": INTERRUPTED,
}


def status_of(error: Mapping[str, Any] | None) -> int:
    """Returns the exit status for an error's dict (`code`, `message`, `hint`), 0 for none."""
    if error is None:
        return OK
    return _BY_CODE.get(str(error.get("code")), FAILED)
