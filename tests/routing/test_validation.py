"""Validation: each type takes what it means and nothing else; the result is a fixed point."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataops_core.contracts.manifest import PARAMETER_TYPES, Manifest, Parameter
from dataops_core.errors import InvalidValue
from dataops_core.routing.validation import validate


def _one(value, kind="string", /, *, cwd="/data", allowed_paths=None, **rules):
    manifest = Manifest(name="w", version="1", description="d", parameters=(Parameter("x", kind, **rules),))
    return validate({"x": value}, manifest, cwd=cwd, allowed_paths=allowed_paths)["x"]


GOOD = [
    ("string", "a b", "a b"),
    ("string", "", ""),
    ("integer", "100", 100),
    ("integer", " -7 ", -7),
    ("integer", 2**63 - 1, 2**63 - 1),
    ("number", "1.5", 1.5),
    ("number", "-1e3", -1000.0),
    ("number", ".5", 0.5),
    ("number", 3, 3.0),
    ("boolean", "Yes", True),
    ("boolean", "off", False),
    ("boolean", True, True),
    ("file_path", "a/../orders.csv", "/data/orders.csv"),
    ("file_path", Path("/x/y"), "/x/y"),
    ("uri", "s3://my-bucket/a b".replace(" ", "_"), "s3://my-bucket/a_b"),
    ("uri", "https://host/path?q=1", "https://host/path?q=1"),
    ("date", "2026-01-31", "2026-01-31"),
    ("date", date(2026, 1, 31), "2026-01-31"),
    ("list", "a, b,", ["a", "b"]),
    ("list", '["a, b", "c"]', ["a, b", "c"]),
    ("list", [1, {"a": None}], [1, {"a": None}]),
    ("object", '{"a": [1]}', {"a": [1]}),
    ("object", {"a": 1.5}, {"a": 1.5}),
]


@pytest.mark.parametrize(("kind", "value", "result"), GOOD)
def test_good_values(kind, value, result):
    found = _one(value, kind)
    assert found == result
    assert type(found) is type(result)


BAD = [
    ("string", 5, "a text"),
    ("string", b"x", "a text"),
    ("string", "a\0b", "without NUL"),
    ("string", "\ud800", "valid Unicode"),
    ("integer", "1.0", "a whole number"),
    ("integer", 1.0, "a whole number"),
    ("integer", True, "a whole number"),
    ("integer", "1_000", "a whole number"),
    ("integer", "٣", "a whole number"),
    ("integer", "", "a whole number"),
    ("integer", "9" * 5000, "a whole number"),
    ("integer", 10**5000, "64 bits"),
    ("integer", str(2**63), "64 bits"),
    ("integer", "9" * 23, "64 bits"),
    ("integer", "-" + "9" * 5000, "64 bits"),
    ("number", "nan", "a number"),
    ("number", "inf", "a number"),
    ("number", float("nan"), "a finite number"),
    ("number", "1e999", "a finite number"),
    ("number", 10**400, "a finite number"),
    ("number", False, "a number"),
    ("number", "0x10", "a number"),
    ("boolean", "maybe", "true or false"),
    ("boolean", 1, "true or false"),
    ("file_path", "", "the path of a file"),
    ("file_path", "a\0", "without NUL"),
    ("file_path", 5, "a text"),
    ("file_path", "s3://bucket/x.csv", "the path of a file, and no URI"),
    ("file_path", "file:///tmp/x.csv", "the path of a file, and no URI"),
    ("file_path", " file:/tmp/x.csv", "the path of a file, and no URI"),
    ("uri", "host/path", "a URI"),
    ("uri", "https://a b", "a URI"),
    ("uri", "https://a\u202eb", "a URI"),
    ("uri", "FILE:///etc/passwd", "a URI of something remote"),
    ("uri", "s3://Bad_Bucket/k", "bucket"),
    ("date", "31.01.2026", "YYYY-MM-DD"),
    ("date", "2026-02-30", "YYYY-MM-DD"),
    ("date", "20260131", "YYYY-MM-DD"),
    ("date", "2026-W05-1", "YYYY-MM-DD"),
    ("date", datetime(2026, 1, 31), "YYYY-MM-DD"),  # noqa: DTZ001 - a time is no date, with or without a zone
    ("list", "[1, 2", "valid JSON"),
    ("list", {"a": 1}, "a list"),
    ("list", [float("nan")], "JSON values"),
    ("list", [{1, 2}], "JSON values"),
    ("object", "[1]", "an object"),
    ("object", '{"a": NaN}', "JSON values"),
    ("object", '{"a": 1e999}', "JSON values"),
    ("object", '{"a": "\\u0000"}', "NUL"),
    ("object", '{"a":' * 100_000, "valid JSON"),
    ("object", "not json", "valid JSON"),
]


@pytest.mark.parametrize(("kind", "value", "rule"), BAD, ids=[f"{k}-{i}" for i, (k, _, _) in enumerate(BAD)])
def test_bad_values_name_parameter_value_and_rule(kind, value, rule):
    with pytest.raises(InvalidValue) as caught:
        _one(value, kind, example=7)
    error = caught.value
    assert error.message.startswith("x: ")
    assert rule in error.message
    assert len(error.message) < 300
    assert error.message.isprintable()
    assert error.details["parameter"] == "x"
    assert error.hint == "for example x=7"


def test_shown_values_are_cut_to_80_characters():
    with pytest.raises(InvalidValue) as caught:
        _one("é" * 1000, "integer")
    shown = caught.value.message.removeprefix("x: ").split(" must be")[0]
    assert len(shown) <= 80
    assert shown.startswith("'é")


def test_bounds():
    assert _one("5", "integer", min=5, max=5) == 5
    assert _one("abc", min=3, max=3) == "abc"
    assert _one("a,b", "list", min=2, max=2) == ["a", "b"]
    for value, kind, rules, rule in [
        ("4", "integer", {"min": 5}, "at least 5"),
        ("0.6", "number", {"max": 0.5}, "at most 0.5"),
        ("ab", "string", {"min": 3}, "at least 3 characters long"),
        ("a,b,c", "list", {"max": 2}, "at most 2 items long"),
    ]:
        with pytest.raises(InvalidValue, match=rule):
            _one(value, kind, **rules)
    assert _one(True, "boolean", min=5) is True


def test_patterns_match_the_whole_value_and_only_short_ones():
    assert _one("LOAD_1", pattern="[A-Z_0-9]+") == "LOAD_1"
    for value in ("LOAD 1", "LOAD\n", ""):
        with pytest.raises(InvalidValue, match="pattern"):
            _one(value, pattern="[A-Z_0-9]+")
    with pytest.raises(InvalidValue, match="at most 1000 characters"):
        _one("a" * 1001, pattern=".*")


def test_choices():
    assert _one("Spark", "enum", choices=("duckdb", "spark")) == "spark"
    assert _one("a", "enum", choices=("A", "a")) == "a"
    assert _one("2", "enum", choices=(1, 2)) == 2
    assert _one("JSON", "string", choices=("json", "html")) == "json"
    assert _one("a,B", "list", items="enum", choices=("a", "b")) == ["a", "b"]
    wrong = [("sparc", "enum", ("duckdb", "spark")), (True, "enum", (1, 2)), ("b", "string", ("a",))]
    for value, kind, choices in [*wrong, (3, "integer", (1, 2)), ("AA", "enum", ("Aa", "aA"))]:
        with pytest.raises(InvalidValue, match="one of"):
            _one(value, kind, choices=choices)
    with pytest.raises(InvalidValue, match="did you mean 'spark'"):
        _one("sparc", "enum", choices=("duckdb", "spark"))


def test_items_have_their_type():
    assert _one("1, 2", "list", items="integer") == [1, 2]
    assert _one("a.csv", "list", items="file_path") == ["/data/a.csv"]
    assert _one([1, 2], "list", items="integer", min=2) == [1, 2]
    with pytest.raises(InvalidValue, match="a list where each item is a whole number"):
        _one("1,b", "list", items="integer")
    with pytest.raises(InvalidValue, match="a text"):
        _one([1], "list", items="string")


MANIFEST = Manifest(
    name="data_profiler",
    version="1",
    description="d",
    parameters=(
        Parameter("file_path", "file_path", required=True, default="never.csv"),
        Parameter("sample_rows", "integer", default="10"),
        Parameter("title"),
    ),
)


def test_defaults_only_where_nothing_is_required():
    assert validate({}, MANIFEST) == {"sample_rows": 10}
    assert validate({"sample_rows": None, "title": None, "file_path": None}, MANIFEST) == {"sample_rows": 10}
    assert [p.name for p in MANIFEST.missing({})] == ["file_path"]
    assert [p.name for p in MANIFEST.missing({"file_path": None})] == ["file_path"]
    assert MANIFEST.missing({"file_path": "a"}) == []


def test_unknown_names():
    with pytest.raises(InvalidValue) as caught:
        validate({"sampl_rows": 1}, MANIFEST)
    assert "sampl_rows" in caught.value.message
    assert caught.value.hint == "did you mean 'sample_rows'?"
    with pytest.raises(InvalidValue, match="has no parameter"):
        validate({"\0" * 10_000: 1}, MANIFEST)


def test_the_home_and_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _one("~/a.csv", "file_path") == str(tmp_path / "a.csv")
    monkeypatch.chdir(tmp_path)
    assert _one("a.csv", "file_path", cwd=None) == os.path.join(os.getcwd(), "a.csv")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(InvalidValue, match="working directory"):
        _one("a.csv", "file_path", cwd=None)
    monkeypatch.chdir(tmp_path)


def test_a_loop_of_links_is_said(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for allowed in (None, [tmp_path]):
        with pytest.raises(InvalidValue, match=r"x: 'a' must be .* its symbolic links are a loop"):
            _one("a", "file_path", cwd=tmp_path, allowed_paths=allowed)
    assert _one("none", "file_path", cwd=tmp_path) == str(tmp_path / "none")


def test_allowed_paths_hold_through_links(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret").touch()
    (inside / "link").symlink_to(outside / "secret")
    (inside / "folder").symlink_to(outside)
    (inside / "own").symlink_to(inside / "real.csv")
    (inside / "loop").symlink_to(inside / "loop")
    (tmp_path / "alias").symlink_to(inside)

    def check(path: str | Path) -> str:
        return _one(str(path), "file_path", cwd=inside, allowed_paths=[tmp_path / "alias"])

    real = os.path.realpath(inside)
    assert check("not/there.csv") == f"{real}/not/there.csv"
    assert check("own") == f"{real}/real.csv"
    assert check(tmp_path / "alias" / "a.csv") == f"{real}/a.csv"
    for path in (
        "link",
        "folder/secret",
        "folder/new",
        "../outside/secret",
        "/etc/passwd",
        "~/x",
        f"{inside}-more/a",
        "/",
    ):
        with pytest.raises(InvalidValue, match="paths that are allowed"):
            check(path)
    with pytest.raises(InvalidValue, match="paths that are allowed"):
        _one("a.csv", "file_path", allowed_paths=[])
    with pytest.raises(InvalidValue, match="paths that are allowed"):
        _one("a.csv", "file_path", allowed_paths=[""])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
)
_RULES = st.fixed_dictionaries(
    {},
    optional={
        "min": st.integers(-5, 5),
        "max": st.integers(0, 20),
        "items": st.sampled_from(PARAMETER_TYPES),
        "required": st.booleans(),
        "pattern": st.sampled_from([".*", "[a-z]+", "\\d+"]),
    },
)
_TEXTS = st.sampled_from(
    ["1", "-1.5", "true", "a,b", "[1]", '{"a": 1}', "2026-01-31", "s3://abc/d", "~", "a/b", "A", " 1 "]
)


@given(st.sampled_from(PARAMETER_TYPES), _RULES, st.one_of(_TEXTS, _JSON), st.booleans())
@settings(max_examples=200, deadline=None)
def test_validation_is_a_fixed_point(kind, rules, value, fenced):
    parameter = Parameter("x", kind, choices=("A", "a,b", 1) if kind == "enum" else (), **rules)
    manifest = Manifest(name="w", version="1", description="d", parameters=(parameter,))
    allowed = ["/data"] if fenced else None
    try:
        once = validate({"x": value}, manifest, cwd="/data", allowed_paths=allowed)
    except InvalidValue:
        return  # refused values have no result to check again
    assert validate(once, manifest, cwd="/elsewhere", allowed_paths=allowed) == once
    assert repr(validate(once, manifest, cwd="/elsewhere", allowed_paths=allowed)) == repr(once)
