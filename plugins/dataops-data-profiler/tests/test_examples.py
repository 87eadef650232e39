from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_the_generator_writes_the_committed_bytes(tmp_path: Path) -> None:
    write = runpy.run_path(str(EXAMPLES / "make_data.py"))["write"]
    write(tmp_path)
    for name in ("orders.csv", "events.jsonl"):
        assert (tmp_path / name).read_bytes() == (EXAMPLES / "data" / name).read_bytes()
    assert (tmp_path / "customers.parquet").stat().st_size > 0


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        (
            "orders.csv",
            {
                "row_too_long", "row_too_short", "mixed_date_formats", "repeated_key", "duplicate_row",
                "sentinel", "outlier", "near_duplicate_category", "missing_marker", "personal_data",
                "leading_zeros", "blanks_around",
            },
        ),
        ("events.jsonl", {"mixed_types", "missing_key", "nested_values", "mixed_time_zones", "personal_data"}),
        ("customers.parquet", {"personal_data", "leading_zeros", "constant_column", "nested_values"}),
    ],
)  # fmt: skip
def test_the_mess_in_the_examples_is_found(profiled: Callable[..., Any], name: str, codes: set[str]) -> None:
    assert codes <= profiled(EXAMPLES / "data" / name).codes
