from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_profiler import text_table
from data_profiler.detect import detect
from data_profiler.engine import opened
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataops_core.errors import InvalidValue

# What a cell may hold; a line of nothing but an empty cell is a blank line, so the first column is never empty.
CELL = st.text(st.sampled_from("ab1 ,;'\"\n\réß中"), max_size=5)
ROWS = st.lists(st.tuples(CELL.map(lambda c: "x" + c), CELL, CELL), min_size=1, max_size=6)


def loaded(path: Path, *, rewrite: bool) -> list[tuple[Any, ...]]:
    source = detect(str(path))
    assert source["encoding"] is not None
    if rewrite:
        source["encoding"]["plain"] = False
    with opened(path) as engine:
        text_table.load_text(engine, source, lambda _: None)
        return engine.rows("SELECT * FROM loaded ORDER BY rid")


@given(ROWS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_ways_of_loading_read_what_was_written(tmp_path: Path, rows: list[tuple[str, ...]]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("key", "second", "third"), *rows])
    path = tmp_path / "data.csv"
    path.write_bytes(out.getvalue().encode())
    expected = [(i, 3, None, *(cell or None for cell in row)) for i, row in enumerate(rows, 1)]
    assert loaded(path, rewrite=True) == expected
    assert loaded(path, rewrite=False) == expected


@given(st.lists(st.lists(st.sampled_from(["1", "x", "", "y z"]), min_size=1, max_size=5), min_size=1, max_size=8))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_row_and_no_cell_is_lost(tmp_path: Path, rows: list[list[str]]) -> None:
    path = tmp_path / "data.csv"
    text = "first,second,third\n" + "a,b,c\n" * len(rows) + "".join(",".join(row) + "\n" for row in rows)
    path.write_text(text)
    expected = [row for row in csv.reader(io.StringIO(text)) if row][1:]
    assert [(r[1], [c or "" for c in r[3 : 3 + min(r[1], 3)]]) for r in loaded(path, rewrite=False)] == [
        (len(row), row[:3]) for row in expected
    ]


def test_rows_too_long_and_too_short_are_numbered(profiled: Callable[..., Any]) -> None:
    made = profiled("a,b,c\n1,2,3\n1,2\n1,2,3,4,5\n\n1,2,3\n")
    rows = made.profile["rows"]
    assert rows["too_short"] == {"count": 1, "examples": [{"row": 2, "value": "2 cells: 1 | 2 | "}]}
    assert rows["too_long"] == {"count": 1, "examples": [{"row": 3, "value": "5 cells: 1 | 2 | 3 | 4,5"}]}
    assert (rows["total"], rows["blank_lines"], rows["first_line"]) == (4, 1, 2)


@pytest.mark.parametrize("text", ['a,b\n1,2\n"x,1\n5,6\n', 'a,b\n1,2\n3,"x\n', 'a,b\n1,2\n3,4\n5,"6\n'])
def test_a_quote_that_is_never_closed_loses_nothing(profiled: Callable[..., Any], text: str) -> None:
    made = profiled(text)
    shown = " ".join(v["value"] for c in made.profile["columns"] for v in c["top_values"])
    assert "x" in shown or "6" in shown
    assert "unclosed_quote" in made.codes


def test_an_endless_quote_is_read_without_quotes(profiled: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_table, "LONGEST_LINE", 2000)
    made = profiled("a,b\n" + "1,2\n" * 300 + '3,"open\n' + "5,6\n" * 900)
    assert made.profile["rows"]["total"] == 1201
    assert made.decided("quotes") == "double quotes"
    assert "unclosed_quote" in made.codes


def test_words_after_a_closing_quote_are_kept(profiled: Callable[..., Any]) -> None:
    made = profiled('a,b\n"x" y,2\nz,3\n')
    assert made.column("a")["top_values"][0]["value"] == "x y"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_change_the_cells(profiled: Callable[..., Any], end: str) -> None:
    made = profiled(end.join(["a,b", '1,"x"', "2,y", ""]))
    assert [v["value"] for v in made.column("b")["top_values"]] == ["x", "y"]


def test_a_byte_order_mark_is_no_part_of_the_first_cell(profiled: Callable[..., Any]) -> None:
    assert profiled("\ufeff1,2\n3,4\n").column("column_1")["numbers"]["sum"] == 4
    assert profiled("\ufeffid,b\n1,2\n").names == ["id", "b"]


def test_comments_inside_the_table_are_left_out(profiled: Callable[..., Any]) -> None:
    made = profiled("# made by hand\na,b\n1,2\n# half way\n3,4\n")
    assert made.profile["rows"]["total"] == 2
    assert made.found("comment_lines")[0]["count"] == 2


def test_what_turns_out_not_to_be_the_encoding_is_said(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes("a,b\n1,é\n".encode("utf-16") + b"\x00\xd8")
    with pytest.raises(InvalidValue, match="not valid"):
        detect(str(path))


def test_names_are_unique_and_told(profiled: Callable[..., Any]) -> None:
    made = profiled("a,b,a,a_2,,\n1,2,3,4,5,6\n")
    assert made.names == ["a", "b", "a_3", "a_2", "column_5", "column_6"]
    assert len(made.found("unnamed_column")) == 2


def test_a_sample_is_drawn_and_said(profiled: Callable[..., Any]) -> None:
    text = "id,v\n" + "".join(f"{i},{i % 7}\n" for i in range(1000)) + "1,2,3\n"
    made = profiled(text, sample_rows=100)
    rows = made.profile["rows"]
    assert (rows["total"], rows["profiled"], rows["sampled"], rows["too_long"]["count"]) == (1001, 100, True, 1)
    assert made.column("v")["count"] == 100
    assert "100 of 1001" in made.decided("sample")
    assert profiled(text, sample_rows=100).profile["columns"] == made.profile["columns"]
    assert not profiled(text, sample_rows=5000).profile["rows"]["sampled"]
