"""The diagram is bounded, and a name cannot break out of its label."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from jil_parser.mermaid import MOST_ARROWS, MOST_JOBS, diagram, label

Make = Callable[..., Any]
Write = Callable[..., str]
NODE = r'j\d+(\["[^"]*"\]|\[\["[^"]*"\]\]|\(\["[^"]*"\]\))'
LINE = re.compile(
    rf'flowchart LR|\s*({NODE}|subgraph j\d+\["[^"]*"\]|end|style j\d+ stroke-width:4px|%% .*|more\["[^"]*"\]'
    r'|j\d+ (-->|-\.->|x--x)(\|"\w+"\|)? j\d+)'
)


def drawn(made: Any, job: str = "") -> str:
    text = diagram(made.network, made.document(job))
    for line in text.splitlines():
        assert LINE.fullmatch(line), line
    assert text.count("subgraph") == len(re.findall(r"^\s*end$", text, re.MULTILINE))
    return text


def test_boxes_arrows_and_exclusion(batch: Make, job: Write) -> None:
    made = batch(
        job("X", kind="b") + job("A", box="X") + job("B", "s(A) & (f(C) | s(D))", box="X") + job("C") + job("D", "n(A)")
        + job("E", kind="b")
    )  # fmt: skip
    text = drawn(made, "B")
    assert 'subgraph j1["X"]' in text
    assert 'j0["B"]' in text and "style j0 stroke-width:4px" in text
    numbers = {name: number for number, name in re.findall(r'j(\d+)\["(\w)"\]', text)}
    assert f"j{numbers['A']} --> j{numbers['B']}" in text
    assert f'j{numbers["C"]} -.->|"failure"| j{numbers["B"]}' in text
    assert 'j0 x--x|"notrunning"| j4' in drawn(made)
    assert '[["E"]]' in drawn(made)


def test_missing_jobs_look_different(batch: Make, job: Write) -> None:
    assert '(["GONE"])' in drawn(batch(job("A", "s(GONE)")))


@pytest.mark.parametrize(
    "name", ['a"]', "x;y", "<script>", "end", "a\x1bb", "\u202eevil", "%%{init}%%", "`a`", "x" * 500]
)
def test_hostile_names(batch: Make, job: Write, name: str) -> None:
    text = drawn(batch(job(name, f'"s({name})"') + job("B", f's("{name}")')))
    assert "<" not in text and "{" not in text and all(char.isprintable() or char == "\n" for char in text)


def test_labels() -> None:
    assert label('A"B') == "A#34;B" and label("JOB_1.x") == "JOB_1.x"


def test_a_large_file_is_bounded(batch: Make, job: Write) -> None:
    made = batch("".join(job(f"J{i}", " & ".join(f"s(J{k})" for k in range(max(0, i - 20), i))) for i in range(300)))
    for asked in ("", "J150"):
        text = drawn(made, asked)
        assert len(re.findall(NODE, text)) <= MOST_JOBS and text.count("-->") <= MOST_ARROWS
        assert f"{MOST_JOBS} of 300 jobs" in text


def test_boxes_in_one_another_are_drawn_beside_each_other(batch: Make, job: Write) -> None:
    text = drawn(batch(job("X", box="Y", kind="b") + job("Y", box="X", kind="b") + job("A", box="X")))
    assert "subgraph" not in text and '"A"' in text


def test_deep_boxes(batch: Make, job: Write) -> None:
    drawn(batch("".join(job(f"B{i}", box=f"B{i - 1}" if i else "", kind="b") for i in range(200))))
