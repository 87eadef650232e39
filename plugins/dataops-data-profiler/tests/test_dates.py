from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def made_of(profiled: Callable[..., Any], values: list[str]) -> Any:
    return profiled("key,d\n" + "".join(f'k{i},"{v}"\n' for i, v in enumerate(values)))


@pytest.mark.parametrize(
    ("values", "first", "last", "kind"),
    [
        (["2024-01-31", "2023-12-01"], "2023-12-01", "2024-01-31", "date"),
        (["2024-1-3", "2024-1-13"], "2024-01-03", "2024-01-13", "date"),
        (["2024/01/31", "2024/02/01"], "2024-01-31", "2024-02-01", "date"),
        (["31/01/2024", "01/02/2024"], "2024-01-31", "2024-02-01", "date"),
        (["01/31/2024", "02/01/2024"], "2024-01-31", "2024-02-01", "date"),
        (["1/31/24", "2/1/24"], "2024-01-31", "2024-02-01", "date"),
        (["31.01.2024", "1.2.2024"], "2024-01-31", "2024-02-01", "date"),
        (["31-01-2024", "01-02-2024"], "2024-01-31", "2024-02-01", "date"),
        (["31 Jan 2024", "Feb 1, 2024"], "2024-01-31", "2024-02-01", "date"),
        (["31-Jan-2024", "1-Feb-2024"], "2024-01-31", "2024-02-01", "date"),
        (["2024-01-31T10:00:00", "2024-02-01T11:30:00"], "2024-01-31 10:00:00", "2024-02-01 11:30:00", "datetime"),
        (
            ["2024-01-31T23:00:00-02:00", "2024-02-01T00:00:00Z"],
            "2024-02-01 00:00:00",
            "2024-02-01 01:00:00",
            "datetime",
        ),
        (["1/31/2024 10:15 PM", "2/1/2024 9:00 AM"], "2024-01-31 22:15:00", "2024-02-01 09:00:00", "datetime"),
    ],
)
def test_dates_are_read_as_they_are_written(
    profiled: Callable[..., Any], values: list[str], first: str, last: str, kind: str
) -> None:
    column = made_of(profiled, values).column("d")
    assert (column["type"], column["dates"]["min"], column["dates"]["max"]) == (kind, first, last)
    assert column["dates"]["invalid"]["count"] == 0
    assert sum(column["histogram"]["counts"]) in (0, 2)


@pytest.mark.parametrize(
    ("values", "code", "examples"),
    [
        (["2024-01-01", "2024-02-30", "2024-01-02"], "invalid_date", [(2, "2024-02-30")]),
        (["2024-01-01", "01/02/2024", "2024-01-02"], "mixed_date_formats", [(2, "01/02/2024")]),
        (["13/01/2024", "01/13/2024", "14/01/2024"], "day_month_conflict", []),
        (["01/02/2024", "03/04/2024"], "ambiguous_date_order", []),
        (["5/19/2006 0:00:00", "5/20/2006 0:00:00"], "useless_time", []),
        (["2024-01-01T10:00:00Z", "2024-01-01T10:00:00"], "mixed_time_zones", []),
        (["10:00:00Z", "10:00:00"], "mixed_time_zones", []),
        (["2018/03/31", "2018/3/31"], "uneven_dates", []),
        (["2024-01-01", "soon", "2024-01-03", "2024-01-04"], "mixed_types", [(2, "soon")]),
        (["20240131", "20240201", "20240301"], "leading_zeros", None),
    ],
)
def test_what_is_odd_about_dates_is_named(
    profiled: Callable[..., Any], values: list[str], code: str, examples: list[tuple[int, str]] | None
) -> None:
    made = made_of(profiled, values)
    if examples is None:
        assert code not in made.codes
        return
    found = made.found(code, "d")[0]
    assert [(e["row"], e["value"]) for e in found["examples"]] == examples


def test_dates_written_as_numbers(profiled: Callable[..., Any]) -> None:
    made = profiled("k,ship_date,amount\n" + "".join(f"k{i},202401{10 + i},{20240110 * i}\n" for i in range(9)))
    assert made.found("date_as_number", "ship_date")
    assert not made.found("date_as_number", "amount")


def test_dummy_dates_are_sentinels(profiled: Callable[..., Any]) -> None:
    values = [f"2024-01-{day:02d}" for day in range(1, 29)] + ["1900-01-01", "9999-12-31", "9999-12-31"]
    column = made_of(profiled, values).column("d")
    assert [(s["value"], s["count"]) for s in column["sentinels"]] == [("1900-01-01", 1), ("9999-12-31", 2)]
    assert column["histogram"]["below"], column["histogram"]["above"] == (1, 2)


def test_ordinary_ends_are_no_sentinels(profiled: Callable[..., Any]) -> None:
    values = [f"{year}-01-01" for year in range(1960, 1981)]
    assert made_of(profiled, values).column("d")["sentinels"] == []
