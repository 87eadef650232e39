from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def column_of(profiled: Callable[..., Any], values: list[Any]) -> Any:
    return profiled("key,x\n" + "".join(f'k{i},"{v}"\n' for i, v in enumerate(values))).column("x")


@pytest.mark.parametrize(
    ("values", "total", "kind"),
    [
        (["1", "2", "-3"], 0, "integer"),
        (["1.5", "2", ".5"], 4, "decimal"),
        (["1,234", "5", "-1,000,000"], 1234 + 5 - 1_000_000, "integer"),
        (["1,234.50", "5"], 1239.5, "decimal"),
        (["1,5", "2,25", "3"], 6.75, "decimal"),
        (["1.234,5", "200.000.000", "2,5"], 200_001_237.0, "decimal"),
        (["1 234", "5"], 1239, "integer"),
        (["1 234,5", "5"], 1239.5, "decimal"),
        (["0,5%", "10%"], 10.5, "decimal"),
        (["1.234,50 €", "5 €"], 1239.5, "decimal"),
        (["12'345.5", "5"], 12350.5, "decimal"),
        (["5%", "10 %"], 15, "decimal"),
        (["$1,000", "€ 5", "7 $"], 1012, "decimal"),
        (["(1,000)", "$500", "$5"], -495, "decimal"),
        (["1.5e3", "2E-1", "1"], 1501.2, "decimal"),
        (["1,5", "2.5", "3,5"], 7.5, "decimal"),
    ],
)
def test_numbers_are_read_as_they_are_written(
    profiled: Callable[..., Any], values: list[str], total: float, kind: str
) -> None:
    column = column_of(profiled, values)
    assert column["type"] == kind
    assert column["numbers"]["sum"] == pytest.approx(total)


@given(st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 3)), min_size=3, max_size=30))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_figures_agree_with_the_standard_library(profiled: Callable[..., Any], values: list[float]) -> None:
    numbers = column_of(profiled, [f"{v:.3f}" for v in values])["numbers"]
    assert numbers["mean"] == pytest.approx(statistics.fmean(values), rel=1e-9, abs=1e-6)
    assert numbers["stddev"] == pytest.approx(statistics.stdev(values), rel=1e-6, abs=1e-4)
    assert numbers["quantiles"]["p50"] == pytest.approx(statistics.median(values), rel=1e-9, abs=1e-6)
    assert (numbers["min"], numbers["max"]) == (min(values), max(values))


def test_a_histogram_counts_every_value(profiled: Callable[..., Any]) -> None:
    histogram = column_of(profiled, list(range(240)))["histogram"]
    assert histogram == {"low": 0, "high": 239, "counts": [10] * 24, "below": 0, "above": 0}


def test_outliers_are_named_and_do_not_flatten_the_histogram(profiled: Callable[..., Any]) -> None:
    column = column_of(profiled, [*(50 + i % 10 for i in range(200)), 90_000, -4000])
    assert column["outliers"]["examples"] == [{"row": 201, "value": "90000"}, {"row": 202, "value": "-4000"}]
    assert (column["histogram"]["below"], column["histogram"]["above"], sum(column["histogram"]["counts"])) == (
        1,
        1,
        200,
    )


@pytest.mark.parametrize(
    "values",
    [
        list(range(100)),
        [1] * 50 + [2] * 3,
        [round(1.08**i, 3) for i in range(150)],
        [0] * 90 + list(range(1, 11)),
        [5.0, 5.1, 4.9],
    ],
)
def test_skewed_and_plain_columns_have_no_outliers(profiled: Callable[..., Any], values: list[float]) -> None:
    assert column_of(profiled, values)["outliers"] is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([*range(20), -999, -999], [-999]),
        ([*range(20), 9999], [9999]),
        ([*range(1, 21), -1, -1], [-1]),
        ([*range(20), -999, 9999, 9999], [-999, 9999]),
        (list(range(100)), []),
        ([*range(-20, 20), -1, -1], []),
        ([900 + i for i in range(101)], []),
        ([999, 999, 999], []),
    ],
)
def test_sentinels(profiled: Callable[..., Any], values: list[int], expected: list[int]) -> None:
    assert [s["value"] for s in column_of(profiled, values)["sentinels"]] == expected


def test_long_whole_numbers_keep_their_digits(profiled: Callable[..., Any]) -> None:
    numbers = column_of(profiled, ["9007199254740993", "18446744073709551616", "5"])["numbers"]
    assert (numbers["min"], numbers["max"]) == ("5", "18446744073709551616")


def test_huge_numbers_do_not_overflow(profiled: Callable[..., Any]) -> None:
    made = profiled('{"x": 1e308}\n{"x": -1e308}\n{"x": 1}\n{"x": 2}\n', "data.jsonl")
    assert made.column("x")["numbers"]["sum"] == 3


def test_an_outlier_may_be_longer_than_a_double(profiled: Callable[..., Any]) -> None:
    values = [*range(40, 60), "41111111111111111111"]
    made = profiled("key,x\n" + "".join(f"k{i},{v}\n" for i, v in enumerate(values)))
    assert made.found("outlier", "x")[0]["message"].startswith("far from all other values (expected at most")
