"""Every file of the real data, where it lies: what its README calls odd is decided or found, and named."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_profiler.detect import detect
from data_profiler.engine import opened
from data_profiler.text_table import load_text

ROOT = Path(os.environ.get("DATAOPS_REAL_DATA", ""))
pytestmark = pytest.mark.real_data

# File: rows, codes that must be found as "code" or "code:column", decisions as (subject, part of what was decided).
Expected = tuple[int, set[str], dict[str, str]]
CSV: dict[str, Expected] = {
    "csv/jaffle_shop/raw_customers.csv": (100, {"candidate_key"}, {"format": "CSV", "header": "first row"}),
    "csv/jaffle_shop/raw_orders.csv": (99, {"candidate_key"}, {"line ends": "CRLF"}),
    "csv/jaffle_shop/raw_payments.csv": (113, {"candidate_key"}, {}),
    "csv/test_utf16_little.csv": (2, {"not_utf8"}, {"encoding": "UTF-16 (little endian)"}),
    "csv/test_latin1.csv": (2, {"not_utf8"}, {"encoding": "ISO-8859-1"}),
    "csv/test_utf8_bom.csv": (2, {"byte_order_mark"}, {"encoding": "byte order mark"}),
    "csv/mac_newlines.csv": (2, {"lone_cr"}, {"line ends": "CR"}),
    "csv/bad.csv": (3, {"row_too_long", "row_too_short", "mixed_types:column_b"}, {}),
    "csv/test_empty_columns.csv": (3, {"empty_column:column_4", "empty_column:column_5", "unnamed_column"}, {}),
    "csv/test_header_newline.csv": (1, {"newline_in_header:start end"}, {}),
    "csv/null_byte.csv": (1, {"nul_bytes", "control_characters:a"}, {}),
    "csv/test_locale.csv": (1, {"decimal_comma:a", "decimal_comma:b"}, {}),
    "csv/no_header_row.csv": (1, {"no_header"}, {"header": "none"}),
    "csv/date_like_number.csv": (1, {"date_like_number:a"}, {}),
    "csv/ks_1033_data.csv": (1575, {"useless_time:ship_date", "duplicate_row"}, {"quotes": "double quotes"}),
    # Its "total row" is a total column; the last row is blank.
    "csv/FY09_EDU_Recipients_by_State.csv": (
        53,
        {"thousands_separator", "leading_zeros:Code", "empty_column:column_10", "blank_row", "total_column:TOTAL"},
        {},
    ),
    "csv/duplicate-headers.csv": (2, {"duplicate_header:id", "leading_zeros:id_3"}, {}),
    "csv/structure-errors.csv": (4, {"blank_row", "row_too_long"}, {}),
    "csv/schema-errors.csv": (4, {"mixed_types:id", "mixed_types:name", "row_too_long"}, {}),
    "csv/table-infer-missing-values.csv": (7, {"missing_marker:id"}, {}),
    "csv/leading-zeros.csv": (3, {"leading_zeros:value"}, {}),
    "csv/accent.csv": (
        2,
        {"unusual_delimiter", "uneven_dates:date_maj"},
        {"delimiter": "semicolon", "encoding": "UTF-8"},
    ),
    "csv/timezone.csv": (4, {"mixed_time_zones:datetime", "mixed_time_zones:time", "blanks_in_header:time"}, {}),
    "csv/blank-rows-multiple.csv": (13, {"blank_row"}, {}),
    "csv/skip-rows-before-headers.csv": (2, {"comment_lines"}, {"start": "1 line with a comment skipped"}),
    "csv/matrix-with-comment.csv": (4, {"comment_lines"}, {"start": "1 line with a comment skipped"}),
    "csv/analysis-data.csv": (9, {"outlier:average_grades"}, {}),
    "csv/ogd10_energieforschung.csv": (2311, set(), {"line ends": "CRLF"}),
    "csv/spectrum/comma_in_quotes.csv": (1, {"leading_zeros:zip"}, {}),
    "csv/spectrum/escaped_quotes.csv": (2, set(), {}),
    "csv/spectrum/newlines.csv": (3, set(), {}),
    "csv/spectrum/utf8.csv": (2, set(), {"encoding": "UTF-8"}),
    "csv/spectrum/quotes_and_newlines.csv": (2, set(), {}),
    "csv/duckdb/mixed_dates.csv": (5, {"mixed_date_formats:B", "ambiguous_date_order:B"}, {}),
    "csv/duckdb/comma_decimal_null.csv": (
        8,
        {"decimal_comma:IMPEGNI", "empty_column:FINANZ_UE_FSE", "mostly_missing"},
        {},
    ),
    "csv/duckdb/leading_zeros2.csv": (5, {"leading_zeros:comune", "leading_zeros:codice_comune"}, {}),
    "csv/duckdb/aws_locations.csv": (102, {"repeated_key:code", "missing_marker:pricing_region"}, {}),
    "csv/duckdb/17738.csv": (6, {"lines_before_table", "no_header"}, {"start": "7 lines before the table"}),
    "csv/duckdb/duplicate_header_collision.csv": (2, {"duplicate_header:a"}, {}),
    "csv/duckdb/latin1.csv": (12, {"not_utf8"}, {"encoding": "ISO-8859-1"}),
}
OTHERS: dict[str, Expected] = {
    "csv/spectrum/comma_in_quotes.json": (1, {"leading_zeros:zip"}, {"format": "JSON"}),
    "csv/spectrum/escaped_quotes.json": (2, {"stored_as_text:a"}, {"format": "JSON"}),
    "csv/spectrum/newlines.json": (3, {"stored_as_text:b"}, {"format": "JSON"}),
    "csv/spectrum/utf8.json": (2, {"stored_as_text:a"}, {"format": "JSON"}),
    "csv/spectrum/quotes_and_newlines.json": (2, {"stored_as_text:a"}, {"format": "JSON"}),
    "parquet/alltypes_plain.parquet": (
        8,
        {"text_as_bytes:string_col", "stored_as_text:date_string_col"},
        {"format": "Parquet"},
    ),
    "parquet/nulls.snappy.parquet": (8, {"nested_values:b_struct", "only_nulls_inside:b_struct"}, {}),
    "parquet/list_columns.parquet": (
        3,
        {"nested_values:int64_list", "null_items:int64_list", "null_items:utf8_list"},
        {},
    ),
    # Both DuckDB and Arrow read its one value as null.
    "parquet/single_nan.parquet": (1, {"empty_column:mycol"}, {}),
    "parquet/nested_maps.snappy.parquet": (6, {"nested_values:a", "constant_column:b"}, {}),
    "parquet/int32_decimal.parquet": (24, set(), {}),
    "parquet/table.parquet": (2, set(), {}),
    "jsonl/example_n.ndjson": (5, set(), {"format": "JSON Lines"}),
    "jsonl/inconsistent_schemas.ndjson": (5, {"mixed_types:id"}, {}),
    "jsonl/different_schemas.ndjson": (5, {"missing_key:name"}, {}),
    "jsonl/duplicate_key.ndjson": (5, {"duplicate_key:id"}, {}),
    "jsonl/map_of_structs.jsonl": (100, {"nested_values:a"}, {}),
    "jsonl/table.jsonl": (2, set(), {}),
}
# The rows that the findings of a code must show.
ROWS = {
    "csv/bad.csv": {"row_too_long": [1], "row_too_short": [2]},
    "csv/schema-errors.csv": {"row_too_long": [4], "mixed_types": [3, 4]},
    "csv/structure-errors.csv": {"row_too_long": [4], "blank_row": [3]},
    "csv/duckdb/mixed_dates.csv": {"mixed_date_formats": [3]},
    "csv/analysis-data.csv": {"outlier": [9]},
    "jsonl/inconsistent_schemas.ndjson": {"mixed_types": [1, 3]},
    "jsonl/duplicate_key.ndjson": {"duplicate_key": [3]},
    "csv/FY09_EDU_Recipients_by_State.csv": {"blank_row": [53]},
}
# Nothing is wrong with these, so nothing may be called seriously wrong.
CLEAN = [name for name in CSV if "jaffle_shop" in name or "ogd10" in name] + [
    "jsonl/example_n.ndjson", "jsonl/table.jsonl", "parquet/table.parquet", "parquet/int32_decimal.parquet",
]  # fmt: skip


def test_every_file_is_there_and_none_is_forgotten() -> None:
    lying = {
        str(path.relative_to(ROOT))
        for folder in ("csv", "parquet", "jsonl")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert lying == CSV.keys() | OTHERS.keys()


@pytest.mark.parametrize("name", [*CSV, *OTHERS])
def test_what_is_odd_is_named(profiled: Callable[..., Any], name: str) -> None:
    rows, codes, decisions = {**CSV, **OTHERS}[name]
    made = profiled(ROOT / name)
    assert made.profile["rows"]["total"] == rows
    found = {f["code"] for f in made.profile["findings"]} | {
        f"{f['code']}:{f['column']}" for f in made.profile["findings"]
    }
    assert codes <= found
    for subject, part in decisions.items():
        assert part in made.decided(subject)
    for code, numbers in ROWS.get(name, {}).items():
        assert sorted(e["row"] for f in made.found(code) for e in f["examples"]) == numbers
    serious = [f["code"] for f in made.profile["findings"] if f["severity"] == "high"]
    assert not (name in CLEAN and serious)


@pytest.mark.parametrize("name", [name for name in CSV if "spectrum" in name])
def test_cells_are_what_the_project_states(name: str) -> None:
    path = ROOT / name
    source = detect(str(path))
    with opened(path) as engine:
        load_text(engine, source, lambda _: None)
        rows = engine.rows("SELECT * EXCLUDE (rid, cells, extra) FROM loaded ORDER BY rid")
    assert source["dialect"] is not None
    names = source["dialect"]["names"]
    assert [dict(zip(names, row, strict=True)) for row in rows] == json.loads(path.with_suffix(".json").read_text())
