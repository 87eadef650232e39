"""Whether this machine's clock and that of AWS agree: expiry, leases and signatures rest upon it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from dataops_core.contracts.records import Finding

_FINE: Final = 10.0
_REFUSED: Final = 300.0


def compared(answer: Mapping[str, Any], asked_at: float) -> list[Finding]:
    """Returns what an answer of AWS says about this machine's clock.

    Args:
        answer: of any operation.
        asked_at: when it was asked, by this machine's clock, in seconds since 1970.
    """
    told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if told is None:
        return []
    here = (asked_at + time.time()) / 2
    ahead = here - parsedate_to_datetime(told).timestamp() - 0.5  # the header has whole seconds
    if abs(ahead) <= _FINE:
        return [Finding("ok", "this machine's clock agrees with that of AWS")]
    what = f"this machine's clock is {abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} that of AWS"
    hint = "synchronise it, e.g. with chrony: records expire, and leases end, by this clock"
    return [Finding("error" if abs(ahead) > _REFUSED else "warn", what, hint)]
