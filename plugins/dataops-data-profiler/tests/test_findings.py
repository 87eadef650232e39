from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_profiler import findings
from data_profiler.document import SEVERITIES

CLEAN = "id,name,city\n" + "".join(f"{i},n{i},{['Graz', 'Gent', 'Porto'][i % 3]}\n" for i in range(60))


@pytest.mark.parametrize(
    ("text", "code", "severity", "column", "count"),
    [
        ("a,b\n", "no_rows", "high", None, 1),
        ("a,a\n1,2\n", "duplicate_header", "high", "a", 2),
        ("a,\n1,2\n", "unnamed_column", "medium", "column_2", 1),
        ('"a\nb",c\n1,2\n', "newline_in_header", "medium", "a b", 1),
        ("a, b\n1,2\n", "blanks_in_header", "low", "b", 1),
        ("1,2\n3,4\n", "no_header", "medium", None, 1),
        ("a;b\n1;2\n", "unusual_delimiter", "info", None, 1),
        ("title\n\na,b\n1,2\n3,4\n", "lines_before_table", "medium", None, 2),
        ("a,b\n1,2\n,\n,\n", "blank_row", "medium", None, 2),
        ("a,b\n1,2\n\n3,4\n", "blank_line", "low", None, 1),
        ("a,b\n1,\n2,\n", "empty_column", "medium", "b", 2),
        ("a,b\n1,NA\n2,n/a\n3,x\n4,-\n", "missing_marker", "medium", "b", 3),
        ("a,b\n1,NA\n2,DE\n3,FR\n4,AT\n", "na_is_a_code", "info", "b", 1),
        ("a,b\n1,\n2,\n3,x\n4,\n", "mostly_missing", "low", "b", 3),
        ("a,b\n1,x\n2,x\n3,x\n4,x\n5,x\n", "constant_column", "low", "b", 5),
        ("a,b\n1,1\n2,2\n3,3\n4,4\n5,x\n", "mixed_types", "high", "b", 1),
        ("a,b\n1,1\n2,x\n", "mixed_types", "medium", "b", 1),
        ("a,b\nx,007\ny,012\n", "leading_zeros", "medium", "b", 2),
        ("a,b\nx, p\ny,q \nz,r\n", "blanks_around", "low", "b", 2),
        ('a,b\nx,"1,5"\ny,"2,5"\n', "decimal_comma", "medium", "b", 2),
        ('a,b\nx,"1,500"\ny,5\n', "thousands_separator", "medium", "b", 1),
        ("a,b\nx,5%\ny,7%\n", "number_with_sign", "low", "b", 2),
        ('a,b\nx,1.5\ny,"2,5"\nz,2.5\n', "mixed_number_formats", "high", "b", 1),
        ("a,b\nx,4.5\ny,12.11\n", "date_like_number", "info", "b", 2),
    ],
)
def test_what_is_odd_is_named(
    profiled: Callable[..., Any], text: str, code: str, severity: str, column: str | None, count: int
) -> None:
    found = profiled(text).found(code)
    assert [(f["severity"], f["column"], f["count"]) for f in found] == [(severity, column, count)]
    assert found[0]["advice"]


def test_a_clean_file_has_no_finding_but_its_key(profiled: Callable[..., Any]) -> None:
    assert profiled(CLEAN).codes == {"candidate_key"}


def test_findings_are_ranked(profiled: Callable[..., Any]) -> None:
    made = profiled("a,a, b,\n1,x,NA,\n2,x,y\n,,,\n3,x,y,\n4,x,y,\n5,x,y,,9\n")
    ranks = [(SEVERITIES.index(f["severity"]), -f["count"]) for f in made.profile["findings"]]
    assert ranks == sorted(ranks)
    assert {r for r, _ in ranks} >= {0, 1, 2}


def test_many_findings_of_one_kind_are_cut_and_said(
    profiled: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "MOST_OF_A_CODE", 2)
    made = profiled("a,b,c,d,e\n1,,,,\n2,,,,\n")
    found = made.found("empty_column")
    assert [f["severity"] for f in found] == ["medium", "medium", "info"]
    assert "2 more" in found[-1]["message"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", '[{"a": 1}]', "JSON"),
        ("x.json", "a,b\n1,2\n", "CSV"),
        ("x.parquet", "a,b\n1,2\n", "CSV"),
        ("x.tsv", "a,b\n1,2\n", "CSV"),
        ("x.csv", "a\tb\n1\t2\n", "TSV"),
        ("x.json", '{"a": 1}\n{"a": 2}\n', "JSON Lines"),
    ],
)
def test_a_lying_extension_is_found_out(profiled: Callable[..., Any], name: str, content: str, says: str) -> None:
    made = profiled(content, name)
    assert f"the content is {says}" in made.found("wrong_extension")[0]["message"]
    assert made.decided("format") == says


@pytest.mark.parametrize("name", ["x.txt", "x", "x.dat", "X.CSV"])
def test_an_extension_that_promises_nothing_does_not_lie(profiled: Callable[..., Any], name: str) -> None:
    assert "wrong_extension" not in profiled("a,b\n1,2\n", name).codes


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    from data_profiler.detect import detect
    from data_profiler.profile import profile

    from dataops_core.errors import Conflict

    path = tmp_path / "data.csv"
    path.write_text("a\n1\n")
    source = detect(str(path))
    path.write_text("a\n1\n2\n")
    with pytest.raises(Conflict, match="changed"):
        profile(source)


def test_parquet_is_judged_by_its_types(tmp_path: Path, profiled: Callable[..., Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 12
    table = pa.table(
        {
            "id": pa.array(range(rows), pa.int64()),
            "nan": pa.array([float("nan")] * rows),
            "some nan": pa.array([float("nan"), *map(float, range(1, rows))]),
            'quoted "name"': pa.array([f"{i}" for i in range(rows)]),
            "big": pa.array([2**60 + i for i in range(rows)], pa.uint64()),
            "at": pa.array([1_700_000_000_000_000 + i for i in range(rows)], pa.timestamp("us", tz="Europe/Berlin")),
            "lists": pa.array([[1, None], [], *[[3]] * (rows - 2)]),
            "bytes": pa.array([b"\xff\x00"] * rows),
            "nulls": pa.nulls(rows),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    made = profiled(tmp_path / "t.parquet")
    assert made.found("empty_column", "nan")[0]["message"] == "every value means missing: NaN (12)"
    assert made.found("missing_marker", "some nan")[0]["count"] == 1
    assert made.column("some nan")["numbers"]["max"] == 11
    assert made.found("stored_as_text", 'quoted "name"')
    assert made.column("big")["numbers"]["max"] == str(2**60 + rows - 1)
    assert made.column("at")["type"] == "datetime"
    assert made.found("null_items", "lists")[0]["count"] == 1
    assert made.found("empty_column", "nulls")
    assert made.column("bytes")["top_values"][0]["value"] == "\\xFF\\x00"
