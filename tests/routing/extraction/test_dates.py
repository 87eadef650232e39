"""Dates and periods, and what is none. 2024-06-12 is a Wednesday."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataops_core.routing.extraction.dates import moments_in

TODAY = date(2024, 6, 12)


@pytest.mark.parametrize(
    ("query", "day"),
    [
        ("since 2024-03-05", "2024-03-05"),
        ("at 2024-03-05T10:00:00Z", "2024-03-05"),
        ("on 2022/08/16", "2022-08-16"),
        ("on 13/04/2024", "2024-04-13"),
        ("on 04/13/2024", "2024-04-13"),
        ("on 05.04.2024", "2024-04-05"),
        ("on 3 March 2024", "2024-03-03"),
        ("on the 3rd of March 2024", "2024-03-03"),
        ("on March 3rd, 2024", "2024-03-03"),
        ("on Sept. 3, 2024", "2024-09-03"),
        ("today", "2024-06-12"),
        ("yesterday", "2024-06-11"),
        ("the day before yesterday", "2024-06-10"),
        ("tomorrow", "2024-06-13"),
        ("3 weeks ago", "2024-05-22"),
        ("a month ago", "2024-05-12"),
        ("two days from now", "2024-06-14"),
        ("last Monday", "2024-06-10"),
        ("last Wednesday", "2024-06-05"),
        ("next Monday", "2024-06-17"),
        ("next Wednesday", "2024-06-19"),
        ("the beginning of the month", "2024-06-01"),
        ("the end of last quarter", "2024-03-31"),
        ("start of this year", "2024-01-01"),
    ],
)
def test_days(query, day):
    (moment,) = moments_in(query, TODAY)
    assert (moment.first.isoformat(), moment.is_day, moment.other) == (day, True, None)
    assert query[moment.start : moment.end] == moment.text


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("last month", "2024-05-01", "2024-05-31"),
        ("this week", "2024-06-10", "2024-06-16"),
        ("next year", "2025-01-01", "2025-12-31"),
        ("the last 7 days", "2024-06-05", "2024-06-12"),
        ("the past two weeks", "2024-05-29", "2024-06-12"),
        ("the next 3 months", "2024-06-12", "2024-09-12"),
        ("February 2024", "2024-02-01", "2024-02-29"),
    ],
)
def test_periods(query, first, last):
    (moment,) = moments_in(query, TODAY)
    assert (moment.first.isoformat(), moment.last.isoformat(), moment.is_day) == (first, last, False)


def test_two_readings_are_both_told():
    (moment,) = moments_in("since 03/04/2024", TODAY)
    assert {moment.first, moment.other} == {date(2024, 3, 4), date(2024, 4, 3)}
    (moment,) = moments_in("since March 10", TODAY)
    assert {moment.first, moment.other} == {date(2024, 3, 10), date(2023, 3, 10)}


@pytest.mark.parametrize(
    "query",
    ["2024-02-31", "32/13/2024", "run_2024-01-01.csv", "2024-01-01.csv", "v1.2.2024.1", "last", "the last file", "may",
     "9999 years ago", "31/31/2024"],
)  # fmt: skip
def test_what_is_no_date(query):
    assert moments_in(query, TODAY) == []


@given(st.dates(date(1700, 1, 1), date(2100, 12, 31)))
def test_every_day_is_read_as_it_is_written(day):
    for text in (day.isoformat(), day.strftime("%d.%m.%Y"), f"{day.day} {day.strftime('%B %Y')}"):
        (moment,) = moments_in(f"since {text}", TODAY)
        assert (moment.first, moment.last, moment.other) == (day, day, None)
