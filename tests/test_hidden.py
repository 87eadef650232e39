"""Ranges of hidden numbers behave as the set of them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dataops_core.hidden import hide, is_hidden, show, visible

NUMBERS = st.integers(1, 40)
RANGES = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=8)


def made(pairs):
    hidden, model = [], set()
    for lo, hi in pairs:
        hidden = hide(hidden, lo, hi)
        model |= set(range(lo, hi + 1))
    return hidden, model


def numbers(ranges):
    return [n for lo, hi in ranges for n in range(lo, hi + 1)]


@given(RANGES)
def test_hiding(pairs):
    hidden, model = made(pairs)
    assert numbers(hidden) == sorted(model)
    assert all(a[1] + 1 < b[0] for a, b in pairwise(hidden))
    assert {n for n in range(50) if is_hidden(hidden, n)} == model
    assert not is_hidden(hidden, None)


@given(RANGES, st.lists(NUMBERS, max_size=30))
def test_showing(pairs, shown):
    hidden, model = made(pairs)
    rest = show(hidden, shown)
    assert numbers(rest) == sorted(model - set(shown))
    assert all(lo <= hi for lo, hi in rest)
    assert hide(rest, 1, 0) == rest


@given(RANGES, NUMBERS, st.integers(-2, 40))
def test_what_is_visible(pairs, first, last):
    hidden, model = made(pairs)
    seen = visible(hidden, first, last)
    assert numbers(seen) == [n for n in range(first, last + 1) if n not in model]
    assert all(lo <= hi for lo, hi in seen)
