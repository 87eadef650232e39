"""The index in a file: the same as a new one, private, and worth nothing when it is damaged or of something else."""

from __future__ import annotations

import stat

import pytest

from dataops_core.routing import kept_index as module
from dataops_core.routing.kept_index import kept_index
from dataops_core.routing.terms import words

CATALOGUE = [
    (f"workflow {n} sorts the letters of box {n}", *(f"sort {word} {n}" for word in "alpha beta gamma delta".split()))
    for n in range(12)
]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "home" / "cache" / "index"


def cosines(index):
    return index.cosines(words("sort the beta of box 7"))


def test_it_is_read_back_the_same(file, monkeypatch):
    made = kept_index(CATALOGUE, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    monkeypatch.setattr(module, "index_of", None)
    kept = kept_index(CATALOGUE, file)
    assert cosines(kept) == cosines(made)
    assert kept.idf("box") == made.idf("box") > 0


def test_another_catalogue_takes_its_place(file):
    kept_index(CATALOGUE, file)
    before = file.read_bytes()
    other = kept_index([("something else", *("a b c d e".split())) for _ in range(9)], file)
    assert file.read_bytes() != before
    assert cosines(other) != cosines(kept_index(CATALOGUE, None))


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-5], lambda _: b"", lambda data: data[:300] + b"\0" + data[301:], lambda data: b"[]\n" + data,
     lambda _: b"\xff" * 100, lambda _: b'{"key": 1}\n'],
)  # fmt: skip
def test_a_damaged_file_costs_time_and_nothing_else(file, damage):
    made = kept_index(CATALOGUE, file)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert cosines(kept_index(CATALOGUE, file)) == cosines(made)
    assert file.read_bytes() == whole


def test_an_unwritable_folder_is_no_error(tmp_path):
    (tmp_path / "home").write_text("a file")
    assert cosines(kept_index(CATALOGUE, tmp_path / "home" / "cache" / "index"))


def test_a_small_catalogue_is_not_kept(file):
    kept_index(CATALOGUE[:2], file)
    assert not file.exists()
