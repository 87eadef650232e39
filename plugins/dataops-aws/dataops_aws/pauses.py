"""How long to wait before something is tried again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

_TIMES: Final = 14
_FIRST: Final = 0.02
_LONGEST: Final = 2.0


def pauses(times: int = _TIMES) -> Iterator[float]:
    """Yields pauses in seconds, twice as long each time on average, random in length so that rivals part."""
    for attempt in range(times):
        yield random.uniform(0.3, 1.0) * min(_FIRST * 2**attempt, _LONGEST)  # noqa: S311 - no secret
