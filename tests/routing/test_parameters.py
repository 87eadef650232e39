"""Extraction: what a query states is taken, with its span; what could mean two things is not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataops_core.contracts.manifest import PARAMETER_TYPES, Manifest, Parameter
from dataops_core.routing.parameters import extract, validate


def _manifest(*parameters: Parameter) -> Manifest:
    return Manifest(
        name="data_profiler",
        version="1.0.0",
        description="Profile a file",
        example_queries=("Profile the orders",),
        parameters=parameters,
    )


FILE = Parameter("file_path", "file_path", required=True)
ROWS = Parameter("sample_rows", "integer", default=0, min=0)
PROFILER = _manifest(FILE, ROWS)
LEFT, RIGHT = Parameter("left", "file_path", required=True), Parameter("right", "file_path", required=True)
QUERY, DIALECT = Parameter("sql"), Parameter("dialect", "enum", choices=("duckdb", "spark"))


def _values(query, manifest=PROFILER, cwd=None):
    return extract(query, manifest, cwd=cwd).values


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("file_path=orders.csv sample_rows=100", {"file_path": "orders.csv", "sample_rows": "100"}),
        ("file_path=orders.csv,sample_rows=100", {"file_path": "orders.csv", "sample_rows": "100"}),
        ('profile FILE_PATH = "my orders.csv".', {"file_path": "my orders.csv"}),
        ("profile (file_path='it is.csv')", {"file_path": "it is.csv"}),
        ("--file-path=orders.csv --sample-rows=5", {"file_path": "orders.csv", "sample_rows": "5"}),
        ("sample_rows=many", {"sample_rows": "many"}),
        ("sample_rows==5", {}),
        ("sample_rows= file_path=a.csv", {"file_path": "a.csv"}),
    ],
)
def test_keys(query, values):
    assert _values(query) == values


def test_a_url_is_no_path_of_a_file(tmp_path):
    (note,) = extract("profile https://example.com/x.csv", PROFILER, cwd=tmp_path).notes
    assert note == "'https://example.com/x.csv' is no path of a file; file_path is one"
    where = _manifest(FILE, Parameter("source", "uri", required=True))
    assert extract("profile https://example.com/x.csv", where, cwd=tmp_path).notes == ()
    both = extract("profile a.csv as https://example.com/x.csv says", PROFILER, cwd=tmp_path)
    assert (both.values, both.notes) == ({"file_path": "a.csv"}, ())


def test_json_after_a_key_is_one_value():
    manifest = _manifest(Parameter("filters", "object"), Parameter("columns", "list"))
    assert _values('with filters={"a": [1, 2], "b": "x y"} columns=["a b", "c"] now', manifest) == {
        "filters": '{"a": [1, 2], "b": "x y"}',
        "columns": '["a b", "c"]',
    }


def test_only_parameters_names_are_keys():
    found = extract("where amount=5 sampl_rows=7", PROFILER, cwd=None)
    assert found.values == {}
    assert found.notes == ("sampl_rows= is no parameter of data_profiler; did you mean 'sample_rows'?",)


def test_contradicting_keys_are_not_settled_silently():
    found = extract("sample_rows=5 sample_rows=6 sample 7 rows", PROFILER, cwd=None)
    assert found.values == {}
    assert "sample_rows is given several times: '5', '6'" in found.notes
    assert _values("sample_rows=5 sample_rows=5") == {"sample_rows": "5"}


def test_spans_and_rules():
    query = 'profile file_path="a b.csv" with 100 sample rows'
    found = extract(query, PROFILER, cwd=None)
    cut = {name: (source.rule, query[source.start : source.end]) for name, source in found.sources.items()}
    assert cut == {"file_path": ("key=value", 'file_path="a b.csv"'), "sample_rows": ("cue", "100")}


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("profile orders.csv", "orders.csv"),
        ("profile orders.csv?", "orders.csv"),
        ("profile (data/orders.CSV), please", "data/orders.CSV"),
        ("is ~/orders clean?", "~/orders"),
        ("profile '/tmp/my orders'", "/tmp/my orders"),
        ("profile “all my orders.parquet”", "all my orders.parquet"),
        ("profile `orders.csv.gz`, orders.csv.gz", "orders.csv.gz"),
        ("/data_profiler orders.csv", "orders.csv"),
        ("  /data-profiler orders.csv", "orders.csv"),
        ('"data_profiler" /srv/orders', "/srv/orders"),
        ("workflow=data_profiler C:\\data\\orders", "C:\\data\\orders"),
    ],
)
def test_what_is_written_like_a_path(query, path):
    found = extract(query, PROFILER, cwd=None)
    assert found.values == {"file_path": path}
    assert found.sources["file_path"].rule == "path"


@pytest.mark.parametrize(
    "query", ["profile my orders", "24/7 and/or 3/15/2020", "see https://host/a.csv", "profile v1.5", "."]
)
def test_what_is_no_path(query):
    assert _values(query) == {}


def test_existing_files(tmp_path):
    for name in ("my orders", "orders.csv", "Makefile", "profile", "the"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    found = extract('profile "my orders"', PROFILER, cwd=tmp_path)
    assert (found.values, found.sources["file_path"].rule) == ({"file_path": "my orders"}, "existing path")
    assert extract("profile orders.csv", PROFILER, cwd=tmp_path).sources["file_path"].rule == "existing path"
    assert _values("what is in Makefile", cwd=tmp_path) == {"file_path": "Makefile"}
    assert _values("what is in Makefile") == {}  # nothing is looked up without a folder
    # Words that ask for the workflow are no files, whatever lies in the folder; nor are folders.
    assert _values("profile the folder", cwd=tmp_path) == {}


def test_two_paths_are_not_settled_silently():
    found = extract("profile a.csv and b.csv", PROFILER, cwd=None)
    assert found.values == {}
    assert found.notes == ("several could be file_path: 'a.csv', 'b.csv'",)
    assert _values('profile "a.csv","b.csv"') == {}
    one = extract("compare a.csv", _manifest(LEFT, RIGHT), cwd=None)
    assert one.values == {}
    assert one.notes == ("'a.csv' could be left or right; say left=…",)
    assert _values("compare a.csv left=b.csv", _manifest(LEFT, RIGHT)) == {"left": "b.csv", "right": "a.csv"}


def test_the_one_required_path_comes_before_optional_ones():
    manifest = _manifest(FILE, Parameter("schema_path", "file_path"))
    assert _values("profile a.csv", manifest) == {"file_path": "a.csv"}


def test_uris():
    manifest = _manifest(Parameter("source", "uri", required=True), FILE)
    assert _values("copy s3://bucket/a.csv to b.csv", manifest) == {"source": "s3://bucket/a.csv", "file_path": "b.csv"}
    assert _values("copy s3://a/b and s3://c/d", manifest) == {}


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ('lineage of "select a from t"', {"sql": "select a from t"}),
        ("lineage of 'select a/b from t' in `Spark`", {"sql": "select a/b from t", "dialect": "Spark"}),
        ("what's this and that's it", {}),
        ('lineage of "select 1" and "select 2"', {}),
        ('lineage of ""', {}),
    ],
)
def test_quoted_strings(query, values):
    assert _values(query, _manifest(QUERY, DIALECT)) == values


def test_a_quoted_string_beside_a_name():
    manifest = _manifest(Parameter("job"), Parameter("box_name"))
    assert _values('what runs before job "LOAD" of the box named "NIGHTLY"', manifest)["job"] == "LOAD"
    assert _values('before job "LOAD" in the box name "NIGHT"', manifest) == {"job": "LOAD", "box_name": "NIGHT"}
    unclear = extract('what runs before "LOAD"', manifest, cwd=None)
    assert unclear.values == {}
    assert unclear.notes == ("'LOAD' could be job or box_name; say job=…",)


def test_dates():
    one = _manifest(Parameter("since", "date"))
    assert _values("changes after 2026-01-31.", one) == {"since": "2026-01-31"}
    assert _values("changes in run_2026-01-31.csv", one) == {}
    assert _values("between 2026-01-31 and 2026-02-28", one) == {}
    both = _manifest(Parameter("since", "date"), Parameter("until", "date"))
    assert _values("after 2026-01-31", both) == {"since": "2026-01-31"}
    assert _values("on 2026-01-31", both) == {}


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("with 100 sample rows", 100),
        ("sample_rows 100", 100),
        ("sample rows: 1,000", 1000),
        ("sample 100 rows", 100),
        ("sampling of 100 rows", 100),
        ("sample rows of -5", -5),
        ("sample rows 100k", 100_000),
    ],
)
def test_cued_numbers(query, value):
    assert _values(query) == {"sample_rows": value}


@pytest.mark.parametrize(
    "query",
    ["100 rows", "the 5 best", "sample 10% rows", "sample, 100 rows", "sample rows 1.5", "100",
     "sample of rows with 100 nulls", "100 sample rows or 200 sample rows", "sample rows '100'"],
)  # fmt: skip
def test_numbers_without_a_clear_cue(query):
    assert "sample_rows" not in _values(query)


def test_decimal_numbers_only_where_they_fit():
    manifest = _manifest(Parameter("threshold", "number"), Parameter("top_count", "integer"))
    assert _values("threshold of 0.05, top count 3", manifest) == {"threshold": 0.05, "top_count": 3}


def test_extracted_values_are_valid(tmp_path):
    values = _values("profile orders.csv with 1,000 sample rows")
    assert validate(values, PROFILER, cwd=tmp_path) == {"file_path": str(tmp_path / "orders.csv"), "sample_rows": 1000}
    assert PROFILER.missing({}) == [FILE]


HOSTILE = {
    "backticks": "`a` " * 250_000,
    "numbers": "5 " * 500_000,
    "cues": "sample 5 rows " * 100_000,
    "fillers": "the " * 250_000 + "5 rows",
    "near keys": "sampl_rows=1 " * 100_000,
    "brackets": "columns=" + "[" * 1_000_000,
    "closing": "(a" + ")" * 1_000_000,
    "digits": "file_path=" + "9" * 1_000_000,
    "NUL": "profile \0.csv \ud800.csv " * 1000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_queries_cost_little(name, tmp_path):
    manifest = _manifest(FILE, ROWS, QUERY, Parameter("columns", "list"), Parameter("size", "number"))
    started = time.process_time()
    found = extract(HOSTILE[name], manifest, cwd=tmp_path)
    assert time.process_time() - started < 5  # all take below 0.4 s
    assert len(found.notes) <= 20
    assert all(len(note) < 500 for note in found.notes)


LONG = {
    "markers": "a.csv, no, b.csv I mean 5 ",
    "numbers": "five hundred 1.5e5 10% 5 kg and ",
    "dates": "last monday 2024-01-01 03/04/2024 ",
    "choices": "spark or hive postgret ",
    "lists": "[1, 2] columns a, b and c 'x' ",
    "names": "job JOB_A of New York ",
    "files": "same file again a b.csv @c.csv ",
    "switches": "include no nulls --no-nulls ",
    "right to left": "\u202eמספר 5 שורות ",
    "controls": "\0\x01\x1b[31m 5 ",
    "one word": "a.",
    "backslashes": "a\\ ",
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_query_costs_little(name, tmp_path):
    manifest = _manifest(
        FILE, ROWS, Parameter("dialect", "enum", choices=("spark", "hive", "postgres")), Parameter("rate", "number"),
        Parameter("columns", "list", items="string"), Parameter("job", example="JOB_B"), Parameter("since", "date"),
        Parameter("until", "date"), Parameter("include_nulls", "boolean"), Parameter("filters", "object"),
    )  # fmt: skip
    query = (LONG[name] * 50_000)[:100_000]
    earlier = [{"workflow": "data_profiler", "values": {"file_path": "/a.csv"}}] * 50
    started = time.process_time()
    extract(query, manifest, cwd=tmp_path, earlier=earlier)
    assert time.process_time() - started < 1  # all take below 0.05 s on an idle machine


def test_a_cut_query_is_said():
    assert any("only its beginning was read" in note for note in extract("word " * 3000, PROFILER, cwd=None).notes)


_PARAMETERS = st.builds(
    Parameter, st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), st.sampled_from(PARAMETER_TYPES),
    required=st.booleans(), choices=st.just(("a", "b")),
)  # fmt: skip
_PIECES = st.sampled_from(
    ['"', "'", "`", "=", "a=", "b", "[", "{}", "1", " ", "  ", "x.csv", "/", "s3://b/k", "2026-01-01", "\0", ","]
)


@given(
    st.lists(_PARAMETERS, max_size=4, unique_by=lambda p: p.name), st.one_of(st.text(), st.lists(_PIECES).map("".join))
)
@settings(max_examples=300, deadline=None)
def test_any_text_is_searched(parameters, query):
    manifest = _manifest(*parameters)
    found = extract(query, manifest, cwd="/nowhere")
    assert found == extract(query, manifest, cwd="/nowhere")
    assert found.values.keys() == found.sources.keys() <= {p.name for p in parameters}
    for name, source in found.sources.items():
        assert 0 <= source.start < source.end <= len(query)
        if isinstance(value := found.values[name], str) and source.rule not in ("date", "earlier"):
            assert value.lower() in query[source.start : source.end].lower()
