from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def groups(profiled: Callable[..., Any], counts: dict[str, int]) -> list[tuple[str, set[str]]]:
    rows = [value for value, count in counts.items() for _ in range(count)]
    made = profiled("n,x\n" + "".join(f'{i},"{value}"\n' for i, value in enumerate(rows)))
    return [(g["reason"], {v["value"] for v in g["values"]}) for g in made.column("x")["variants"]]


@pytest.mark.parametrize(
    ("counts", "reason", "values"),
    [
        ({"shipped": 20, "Shipped": 2, "open": 9}, "case", {"shipped", "Shipped"}),
        ({"New York": 20, "NewYork": 3, "open": 9}, "spaces", {"New York", "NewYork"}),
        ({"Malmö": 20, "Malmo": 3, "open": 9}, "accents", {"Malmö", "Malmo"}),
        ({"e-mail": 20, "email": 3, "open": 9}, "punctuation", {"e-mail", "email"}),
        ({"shipped": 40, "shiped": 1, "open": 9}, "spelling", {"shipped", "shiped"}),
        ({"cancelled": 40, "cancled": 2, "open": 9}, "spelling", {"cancelled", "cancled"}),
    ],
)
def test_near_duplicates_are_named(
    profiled: Callable[..., Any], counts: dict[str, int], reason: str, values: set[str]
) -> None:
    assert groups(profiled, counts) == [(reason, values)]


@pytest.mark.parametrize(
    "counts",
    [
        {"Male": 40, "Female": 40, "Other": 3},
        {"Parking 1": 40, "Parking 2": 2},
        {"Type A": 40, "Type B": 2},
        {"Austria": 40, "Australia": 30},
        {"C": 40, "C++": 12, "C#": 9},
        {"coupon": 20, "bank_transfer": 30, "gift_card": 10, "credit_card": 40},
        {f"Name{chr(97 + i)}son": 1 for i in range(20)},
    ],
)
def test_different_categories_are_left_alone(profiled: Callable[..., Any], counts: dict[str, int]) -> None:
    assert groups(profiled, counts) == []
