"""Numbers as people write them, and what is none."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataops_core.contracts.manifest import Manifest
from dataops_core.routing.extraction.numbers import Number
from dataops_core.routing.extraction.search import Search


def _numbers(query: str) -> list[Number]:
    return Search(query, Manifest("w", "1", ""), None, date(2024, 6, 12)).numbers


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("5", 5),
        ("-7", -7),
        ("+7.5", 7.5),
        (".5", 0.5),
        ("1,000", 1000),
        ("12,345,678.9", 12345678.9),
        ("3.5e-3", 0.0035),
        ("10k rows", 10_000),
        ("2M rows", 2_000_000),
        ("1.5 million rows", 1_500_000),
        ("400 thousand", 400_000),
        ("$5,000.", 5000),
        ("-$5", -5),
        ("€20", 20),
        ("five", 5),
        ("a dozen", 12),
        ("two dozen", 24),
        ("twenty-five", 25),
        ("forty two", 42),
        ("two hundred", 200),
        ("a hundred", 100),
        ("three thousand five hundred", 3500),
    ],
)
def test_ways_to_write_a_number(query, value):
    (number,) = _numbers(query)
    assert float(number.value) == value


@pytest.mark.parametrize(
    "query",
    ["", "3rd", "12x18", "2019-2020", "1.2.3", "v2", "11 PM", "3pm", "'5'", "n=5", "2024-01-31", "a", "one", "hundred"],
)
def test_what_is_no_number(query):
    assert _numbers(query) == []


@pytest.mark.parametrize(
    ("query", "dimensions", "percent"),
    [
        ("5 minutes", {"time"}, False),
        ("5min", {"time"}, False),
        ("30-year", {"months"}, False),
        ("100µF", {"capacitance"}, False),
        ("100μF", {"capacitance"}, False),
        ("5C", {"celsius", "charge"}, False),
        ("30 degrees Celsius", {"celsius"}, False),
        ("$5", {"dollar"}, False),
        ("5%", set(), True),
        ("5 percent", set(), True),
        ("5 rows", set(), False),
    ],
)
def test_units(query, dimensions, percent):
    (number,) = _numbers(query)
    assert {unit.dimension for unit in number.units} == dimensions
    assert number.percent is percent


@given(st.integers(-(10**15), 10**15))
def test_every_integer_is_read_as_it_is_written(value):
    for text in (str(value), f"{value:,}"):
        (number,) = _numbers(f"take {text} of them")
        assert number.value == Decimal(value)
        assert f"take {text} of them"[number.start : number.end] == text
