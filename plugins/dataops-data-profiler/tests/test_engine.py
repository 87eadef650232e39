from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import duckdb
import pytest
from data_profiler import engine
from data_profiler.engine import ident, literal, opened
from hypothesis import given
from hypothesis import strategies as st

from dataops_core.errors import InvalidValue, Unreachable


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_nothing_but_the_input_can_be_read_and_nothing_loosened(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "in.csv").write_text("a\n1\n")
    (tmp_path / "secret.csv").write_text("s\n2\n")
    with opened(tmp_path / "in.csv") as db:
        assert db.rows(f"SELECT * FROM read_csv({literal(str(db.source))})") == [(1,)]
        for sql in (
            f"SELECT * FROM read_csv({literal(str(tmp_path / 'secret.csv'))})",
            f"SELECT * FROM read_text({literal(str(tmp_path / 'secret.csv'))})",
            f"COPY (SELECT 1) TO {literal(str(tmp_path / 'out.csv'))}",
            f"ATTACH {literal(str(tmp_path / 'other.duckdb'))}",
            "SET enable_external_access = true",
            "SET memory_limit = '10GB'",
            "INSTALL httpfs",
            "LOAD httpfs",
        ):
            with pytest.raises(duckdb.Error):
                db.run(sql)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("name", ["a*b?[c].csv", "it's; DROP TABLE x.csv", "-rf.csv", "näme 中.csv", "x.csv.gz"])
def test_names_are_never_patterns_or_sql(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a,b\n1,2\n")
    (tmp_path / "aXbYc.csv").write_text("a,b\n8,8\n")
    with opened(tmp_path / name) as db:
        assert db.rows(f"SELECT * FROM read_csv({literal(str(db.source))}, compression = 'none')") == [(1, 2)]


def test_the_scratch_folder_goes_whatever_happens(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "in.csv").write_text("a\n1\n")
    with opened(tmp_path / "in.csv") as db:
        assert db.source.exists()
    with pytest.raises(KeyboardInterrupt), opened(tmp_path / "in.csv"):
        raise KeyboardInterrupt
    with pytest.raises(InvalidValue), opened(tmp_path / "in.csv") as db:
        db.run(f"SELECT * FROM read_parquet({literal(str(db.source))})")
    assert list(scratch.iterdir()) == []
    assert (tmp_path / "in.csv").read_text() == "a\n1\n"


def test_a_mistake_of_ours_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a\n1\n")
    with pytest.raises(duckdb.BinderException), opened(tmp_path / "in.csv") as db:
        db.run("SELECT no_such_column")


def test_a_full_disk_is_said_before_it_happens(tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in.csv").write_text("a\n1\n")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(engine.shutil, "disk_usage", lambda _: usage._replace(free=3))
    with pytest.raises(Unreachable, match="full") as raised, opened(tmp_path / "in.csv"):
        pytest.fail("opened without space")
    assert "TMPDIR" in raised.value.hint


def test_too_little_memory_is_said(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a\n1\n")
    with pytest.raises(InvalidValue, match="memory") as raised, opened(tmp_path / "in.csv") as db:
        db.run("SELECT list(range) FROM range(100000000)")
    assert "sample_rows" in raised.value.hint


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_quoting(text: str) -> None:
    assert duckdb.execute(f"SELECT {literal(text)} AS {ident(text)}").fetchall() == [(text,)]
