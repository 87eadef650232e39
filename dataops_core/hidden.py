"""Hidden messages: ranges of message numbers that a session's record keeps, `[[first, last], ...]`, sorted and apart.

A restored checkpoint hides what came after it. Nothing is deleted; readers skip what is hidden.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

Ranges = Sequence[Sequence[int]]


def hide(hidden: Ranges, first: int, last: int) -> list[list[int]]:
    """Returns the ranges with the numbers from `first` to `last` in them too; nothing is added when `last` is less."""
    out: list[list[int]] = []
    for lo, hi in sorted([*((lo, hi) for lo, hi in hidden), *([(first, last)] if first <= last else [])]):
        if out and lo <= out[-1][1] + 1:
            out[-1][1] = max(out[-1][1], hi)
        else:
            out.append([lo, hi])
    return out


def show(hidden: Ranges, numbers: Iterable[int]) -> list[list[int]]:
    """Returns the ranges without some numbers."""
    shown = sorted(set(numbers))
    out: list[list[int]] = []
    for lo, hi in hidden:
        inside = shown[bisect_left(shown, lo) : bisect_right(shown, hi)]
        out += [[a + 1, b - 1] for a, b in pairwise([lo - 1, *inside, hi + 1]) if a + 1 < b]
    return out


def visible(hidden: Ranges, first: int, last: int) -> list[tuple[int, int]]:
    """Returns the ranges between `first` and `last` that are not hidden, in order."""
    edges = [(0, first - 1), *((lo, hi) for lo, hi in hidden if hi >= first and lo <= last), (last + 1, last + 1)]
    return [(before[1] + 1, after[0] - 1) for before, after in pairwise(edges) if before[1] + 1 < after[0]]


def is_hidden(hidden: Ranges, number: int | None) -> bool:
    """Says whether a message's number is hidden; None, for no message, is not."""
    return number is not None and any(lo <= number <= hi for lo, hi in hidden)
