"""Values of earlier runs are used when the query speaks of them, and say so."""

from __future__ import annotations

import pytest

from dataops_core.contracts.manifest import Manifest, Parameter
from dataops_core.routing.parameters import extract

MANIFEST = Manifest(
    "profile",
    "1",
    "Profiles a file",
    parameters=(
        Parameter("file_path", "file_path", required=True),
        Parameter("sample_rows", "integer"),
        Parameter("dialect", "enum", choices=("spark", "hive")),
    ),
)
EARLIER = [
    {"workflow": "lineage", "values": {"sql_file": "/d/q.sql", "dialect": "hive"}},
    {"workflow": "profile", "values": {"file_path": "/d/a.csv", "sample_rows": 5}},
    {"workflow": "profile", "values": {"file_path": "/d/old.csv", "sample_rows": 9}},
]


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("profile the same file", {"file_path": "/d/q.sql"}),
        ("profile that file in the same dialect", {"file_path": "/d/q.sql", "dialect": "hive"}),
        ("again", {"file_path": "/d/a.csv", "sample_rows": 5}),
        ("profile as before", {"file_path": "/d/a.csv", "sample_rows": 5}),
        ("again with sample_rows=100", {"file_path": "/d/a.csv", "sample_rows": "100"}),
        ("again but with b.csv", {"file_path": "b.csv", "sample_rows": 5}),
        ("again, but not /d/a.csv but b.csv", {"file_path": "b.csv", "sample_rows": 5}),
        ("profile b.csv with the same settings", {"file_path": "b.csv", "sample_rows": 5}),
        ("profile b.csv", {"file_path": "b.csv"}),
        ("which columns are the same in b.csv?", {"file_path": "b.csv"}),
    ],
)
def test_what_is_taken_over(query, values):
    assert extract(query, MANIFEST, cwd=None, earlier=EARLIER).values == values


def test_the_reason_says_which():
    found = extract("profile the same file", MANIFEST, cwd=None, earlier=EARLIER)
    source = found.sources["file_path"]
    assert (source.rule, source.reason) == ("earlier", "the same as before: 'q.sql'")
    again = extract("again", MANIFEST, cwd=None, earlier=EARLIER).sources["sample_rows"]
    assert (again.rule, again.reason) == ("earlier", "as in the run before")


def test_without_earlier_values():
    assert extract("again with the same file", MANIFEST, cwd=None).values == {}
    other = [{"workflow": "x", "values": {"n": 1}}]
    found = extract("the same file", MANIFEST, cwd=None, earlier=other)
    assert (found.values, found.notes) == ({}, ("there is no earlier file_path in this session",))
