"""Which unit a parameter wants, and how one becomes the other."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dataops_core.routing.extraction.units import converted, units_of, wanted_units


@pytest.mark.parametrize(
    ("name", "description", "dimensions"),
    [
        ("timeout_seconds", "", {"time"}),
        ("days", "", {"time"}),
        ("year", "The year of release", set()),
        ("weight", "The weight (kg)", {"mass"}),
        ("temp", "Temperature in Kelvin.", {"kelvin"}),
        ("stay", "Number of hours", {"time"}),
        ("rate", "Interest per year", set()),
        ("heat", "The capacity in kJ/kg/K", set()),
        ("limit", "Rows to read. Default is 5 minutes", set()),
    ],
)
def test_what_a_parameter_says(name, description, dimensions):
    assert {unit.dimension for unit in wanted_units(name, description)} == dimensions


@pytest.mark.parametrize(
    ("value", "given", "wanted", "result"),
    [
        ("5", "minutes", "in seconds", "300"),
        ("100", "µF", "in farads", "0.0001"),
        ("1.5", "km", "in meters", "1500"),
        ("3", "weeks", "in days", "21"),
        ("2", "years", "in months", "24"),
        ("7", "rows", "in seconds", "7"),
        ("5", "m", "in meters", "5"),
    ],
)
def test_conversion(value, given, wanted, result):
    assert converted(Decimal(value), units_of(given), wanted_units("x", wanted)) == Decimal(result)


@pytest.mark.parametrize(("given", "wanted"), [("kg", "in seconds"), ("celsius", "in Kelvin"), ("months", "in days")])
def test_what_cannot_be_converted(given, wanted):
    assert converted(Decimal(5), units_of(given), wanted_units("x", wanted)) is None
