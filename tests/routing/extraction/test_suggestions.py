"""What is offered and not used, with its reason; and what is said of it."""

from __future__ import annotations

from datetime import date

import pytest

from dataops_core.contracts.manifest import Manifest, Parameter
from dataops_core.routing.parameters import extract

ROWS = Parameter("sample_rows", "integer", description="Rows to sample")
SINCE = Parameter("since", "date")
LEFT, RIGHT = Parameter("left", "file_path", required=True), Parameter("right", "file_path", required=True)


def _found(query, *parameters, cwd=None):
    manifest = Manifest("w", "1", "Does it", parameters=parameters)
    return extract(query, manifest, cwd=cwd, today=date(2024, 6, 12))


@pytest.mark.parametrize(
    ("query", "parameter", "value", "reason", "noted"),
    [
        ("100 rows of it", ROWS, 100, "it stands beside words of its name", False),
        ("sample 10% of the rows", ROWS, 10, "a percent, while it asks for a number", True),
        ("humidity of 25%", Parameter("humidity", "number"), 25, "a percent, while it asks for a number", True),
        ("wait 5 minutes", Parameter("wait", "integer"), 5, "its unit is not stated", True),
        ("buy 2 pounds", Parameter("quantity", "number", required=True), 2, "it is the only number", False),
        ("since 03/04/2024", SINCE, "2024-03-04", "'03/04/2024' may also be 2024-04-03", True),
        ("since last month", SINCE, "2024-05-01", "'last month' is a period, of which this is the first day", True),
        ("the weather in Rome", Parameter("city", required=True), "Rome", "a name after 'in'", False),
        ("sizes of table orders", Parameter("table"), "orders", "it stands after 'table'", False),
        ("look at a_b", Parameter("thing", required=True), "a_b", "it is the only name", False),
        ("drill spark", Parameter("mode", "enum", choices=("spark", "x")), "spark", "it is one of the choices", False),
    ],
)
def test_what_is_offered(query, parameter, value, reason, noted):
    found = _found(query, parameter)
    assert found.values == {}
    offer = found.suggestions[parameter.name]
    assert (offer.value, offer.reason) == (value, reason)
    assert str(offer.value) in query[offer.start : offer.end] or offer.rule == "date"
    assert bool(found.notes) is noted


def test_two_paths_without_a_word_are_offered_in_their_order():
    found = _found("compare a.csv and b.csv", LEFT, RIGHT)
    assert found.values == {}
    assert [(name, offer.value) for name, offer in found.suggestions.items()] == [("left", "a.csv"), ("right", "b.csv")]
    assert found.notes == ("'a.csv' and 'b.csv' could be left or right; say left=…",)


def test_what_was_said_and_does_not_fit_is_told():
    assert _found("wait 90 seconds", Parameter("wait", "integer", "in minutes")).notes == (
        "'90 seconds' is no whole number for wait",
    )
    assert _found("since 2024-02-31", SINCE).notes == ("2024-02-31 is no date of the calendar",)
    (note,) = _found("profile file:///tmp/a.csv", Parameter("file_path", "file_path", required=True)).notes
    assert note == "'file:///tmp/a.csv' is a URI; give the path of the file itself: /tmp/a.csv"
    found = _found("columns=@c.txt", Parameter("columns", "list"))
    assert (found.values, found.notes) == ({}, ("columns: the content of 'c.txt' is not read; give the value itself",))


def test_a_value_needs_no_suggestion():
    found = _found("100 rows, sample_rows=5", ROWS)
    assert (found.values, found.suggestions) == ({"sample_rows": "5"}, {})


def test_contradictions_are_told_and_not_used():
    for query in ("limit 5 and limit 7", "limit=5 limit=7"):
        found = _found(query, Parameter("limit", "integer"))
        assert found.values == {}
        assert "'5', '7'" in found.notes[0]
