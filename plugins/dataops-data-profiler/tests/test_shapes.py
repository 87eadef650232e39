from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from data_profiler import shapes

KINDS = {
    "integer": ["0", "-12", "+7", "123456789012345678901234"],
    "decimal": ["1.5", "-.5", "3."],
    "exponent": ["1.5e9", "2E-7", "1e+3"],
    "grouped by comma": ["1,234", "-12,345,678.90"],
    "decimal comma": ["1,5", "-1.234,56"],
    "grouped by dot": ["1.234.567"],
    "grouped by space": ["1 234", "12'345.6", "1\u202f234\u202f567"],
    "grouped by space, decimal comma": ["1 234,5"],
    "percent": ["5%", "-1.5 %"],
    "percent, decimal comma": ["0,5%"],
    "money": ["$5", "€ 1,234.50", "12.50 €"],
    "money, decimal comma": ["1.234,50 €", "€ 5,00"],
    "in parentheses": ["(1,234)", "($5.00)"],
    "date y-m-d": ["2024-01-31", "2024-1-3"],
    "date-time y-m-d": ["2024-01-31 10:00", "2024-01-31T10:00:00.123"],
    "date-time y-m-d with zone": ["2024-01-31T10:00:00Z", "2024-01-31 10:00:00+02:00"],
    "date y/m/d": ["2024/01/31"],
    "date with slashes": ["1/31/2024", "31/01/2024 0:00:00", "1/31/2024 10:00 AM"],
    "date with slashes, short year": ["1/31/24"],
    "date d.m.y": ["31.01.2024"],
    "date d-m-y": ["31-01-2024"],
    "date with month name": ["31 Jan 2024", "Jan 31, 2024", "31-Jan-2024", "January 1, 2024"],
    "time": ["10:00", "10:00:00", "9:05 PM"],
    "time with zone": ["10:00:00Z", "10:00:00+03:00"],
    "uuid": ["123e4567-e89b-12d3-a456-426614174000"],
    "text": ["abc", "A12", "1005-00-073-9421", "a1b2c3", "T2 - E/F", "5 apples", "192.168.1.1", "-", "中文", "1e5"],
}


def test_every_kind_is_told(profiled: Callable[..., Any]) -> None:
    lines = ["value,kind"] + [
        f'"{value}",{kind.replace(",", ";")}' for kind, values in KINDS.items() for value in values
    ]
    made = profiled("\n".join([*lines, ""]))
    # The lone "-" is a way to write missing.
    expected = {kind: len(values) - (kind == "text") for kind, values in KINDS.items()}
    assert made.column("value")["kinds"] == expected


def test_kinds_have_families() -> None:
    assert {shapes.family(kind) for kind in KINDS} == {"number", "date", "time", "uuid", "text"}


def test_of_very_many_words_a_sample_is_enough(profiled: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "MOST_JUDGED", 100)
    monkeypatch.setattr(shapes, "SAMPLE", 20)
    rows = [f"{chr(97 + i % 26)}{chr(97 + i // 26)}x,{i},{i if i % 2 else 'w' + str(i)}" for i in range(500)]
    made = profiled("\n".join(["words,numbers,both", *rows, ""]))
    words, numbers, both = (made.column(name) for name in ("words", "numbers", "both"))
    assert (words["kinds_exact"], words["kinds"], words["patterns"]) == (
        False,
        {"text": 500},
        [{"pattern": "aaa", "count": 500}],
    )
    assert (numbers["kinds_exact"], numbers["kinds"]) == (True, {"integer": 500})
    assert both["kinds"] == {"integer": 250, "text": 250}
