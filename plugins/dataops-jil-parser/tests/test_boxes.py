"""Boxes are resolved in rounds, and rounds end."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jil_parser.boxes import begin, resolve


def resolved(boxes: dict[str, str | None]) -> Any:
    nesting = begin({name: {"box": box} for name, box in boxes.items()})  # type: ignore[typeddict-item]
    while not nesting["done"]:
        nesting = resolve(nesting)
    return nesting


def test_depths() -> None:
    found = resolved({"A": "X", "X": "Y", "Y": None, "B": None, "C": "GONE"})
    assert found["depth"] == {"A": 2, "X": 1, "C": 1} and found["endless"] == []


def test_ten_thousand_levels_take_few_rounds() -> None:
    boxes: dict[str, str | None] = {f"B{i}": f"B{i - 1}" if i else None for i in range(10_000)}
    found = resolved(boxes)
    assert found["depth"]["B9999"] == 9999 and found["rounds"] <= 15


@given(st.dictionaries(st.sampled_from("ABCDEFGH"), st.none() | st.sampled_from("ABCDEFGHI")))
def test_depth_and_loops_agree_with_walking_up(boxes: dict[str, str | None]) -> None:
    found = resolved(boxes)
    for name, box in boxes.items():
        walked = []
        while box is not None and len(walked) <= len(boxes):
            walked.append(box)
            box = boxes.get(box)
        assert (name in found["endless"]) == (len(walked) > len(boxes))
        if name not in found["endless"]:
            assert found["depth"].get(name, 0) == len(walked)
