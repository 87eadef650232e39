from __future__ import annotations

import csv
import io

import pytest
from data_profiler.dialect import csv_options, sniff
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "delimiter", "header", "names"),
    [
        ("a,b\n1,2\n", ",", True, ["a", "b"]),
        ("a;b;c\n1,5;2;3\n1,7;2;3\n", ";", True, ["a", "b", "c"]),
        ("a\tb\n1\t2,3\n", "\t", True, ["a", "b"]),
        ("a|b\nx|2\n", "|", True, ["a", "b"]),
        ("1,2\n3,4\n", ",", False, ["", ""]),
        ("name\nx\ny\n", ",", True, ["name"]),
        ("country,2019,2020\nDE,1,2\nFR,3,4\n", ",", True, ["country", "2019", "2020"]),
        ("Berlin,DE\nLyon,FR\nBerlin,DE\nLyon,FR\n", ",", False, ["", ""]),
        ("2024-01-01,x\n2024-01-02,y\n", ",", False, ["", ""]),
        ("first,last\nAnna,Ek\nBo,Ek\n", ",", True, ["first", "last"]),
        ("sep=;\na;b\n1;2\n", ";", True, ["a", "b"]),
        ("a,b\n1,2,3\n4,5,6\n7,8,9\n", ",", True, ["a", "b", ""]),
        ("only,a,header\n", ",", True, ["only", "a", "header"]),
        ("\n", ",", False, [""]),
    ],
)
def test_delimiter_and_header(text: str, delimiter: str, header: bool, names: list[str]) -> None:
    dialect, decisions = sniff(text, complete=True)
    assert (dialect["delimiter"], dialect["header"], dialect["names"]) == (delimiter, header, names)
    assert all(d["why"] for d in decisions)


@pytest.mark.parametrize(
    ("text", "quote", "escape", "skip_space"),
    [
        ('a,b\n"x, y",1\n"z ""q""",2\n', '"', '"', False),
        ("a,b\n'x, y',1\n'z',2\n", "'", "'", False),
        ('a,b\n"say \\"x, y\\"",1\n"z",2\n', '"', "\\", False),
        ('a, b\n1, "x, y"\n2, "z"\n', '"', '"', True),
        ("a,b\nit's,1\ndon't,2\n", '"', '"', False),
    ],
)
def test_quotes(text: str, quote: str, escape: str, skip_space: bool) -> None:
    dialect, _ = sniff(text, complete=True)
    assert (dialect["quote"], dialect["escape"], dialect["skip_space"]) == (quote, escape, skip_space)


@pytest.mark.parametrize(
    ("text", "skipped", "comment", "names"),
    [
        ("# note\na,b\n1,2\n", 1, "#", ["a", "b"]),
        ("# note, with comma\n#\na,b,c\n1,2,3\n", 2, "#", ["a", "b", "c"]),
        ("Report of May\n\nmade by us\na,b\n1,2\n3,4\n", 3, "", ["a", "b"]),
        ("# id\n1\n2\n", 1, "#", [""]),
        ("#,name\n1,x\n2,y\n", 0, "", ["#", "name"]),
    ],
)
def test_what_stands_before_the_table(text: str, skipped: int, comment: str, names: list[str]) -> None:
    dialect, decisions = sniff(text, complete=True)
    assert (dialect["skipped_lines"], dialect["comment"], dialect["names"]) == (skipped, comment, names)
    assert bool(skipped) == any(d["subject"] == "start" for d in decisions)


WORD = st.text(st.sampled_from("abcXYZ ,;|\t\"'éß"), min_size=1, max_size=8).filter(str.strip)


@given(
    st.integers(2, 5).flatmap(
        lambda width: st.lists(st.lists(WORD, min_size=width, max_size=width), min_size=2, max_size=8)
    ),
    st.sampled_from(",;\t|"),
)
@settings(max_examples=40, deadline=None)
def test_what_a_writer_quotes_is_read_back(rows: list[list[str]], delimiter: str) -> None:
    header = [f"name_{i}" for i in range(len(rows[0]))]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([header, *rows])
    dialect, _ = sniff(out.getvalue(), complete=True)
    assert list(csv.reader(io.StringIO(out.getvalue()), **csv_options(dialect))) == [header, *rows]
