from __future__ import annotations

import os
from pathlib import Path

import pytest
from sql_lineage import source
from sql_lineage.lineage import trace
from sql_lineage.source import read_text

from dataops_core.errors import InvalidValue, NotFound

SQL = "SELECT größe FROM t"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (SQL.encode(), "utf-8"),
        (SQL.encode("utf-8-sig"), "utf-8-sig"),
        (SQL.encode("utf-16"), "utf-16"),
        (SQL.encode("cp1252"), "cp1252"),
        (SQL.encode("utf-32"), "utf-32"),
    ],
)
def test_encodings(tmp_path: Path, data: bytes, encoding: str) -> None:
    path = tmp_path / "q.sql"
    path.write_bytes(data)
    assert read_text(str(path)) == (SQL, encoding)
    found, _ = trace(file_path=str(path))
    assert found["statements"][0]["columns"][0]["name"] == "größe"
    assert bool(found["notes"]) == (encoding == "cp1252")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\x7fELF\0\0\1\2", "not a text"),
        (b"SELECT" + b"\x01" * 20, "not a text"),
        (b"\xff\xfeS\0E", "not valid UTF-16"),
    ],
)
def test_what_is_no_text(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "q\x1b[31m.sql"
    path.write_bytes(data)
    with pytest.raises(InvalidValue, match=said) as raised:
        trace(file_path=str(path))
    assert raised.value.message.isprintable() and raised.value.hint


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound, match=r"none\.sql"):
        read_text(str(tmp_path / "none.sql"))
    with pytest.raises(InvalidValue, match="is a folder"):
        read_text(str(tmp_path))
    os.mkfifo(tmp_path / "pipe.sql")
    with pytest.raises(InvalidValue, match="is not a plain file"):
        read_text(str(tmp_path / "pipe.sql"))
    with pytest.raises(InvalidValue, match="cannot be read"):
        read_text(str(tmp_path / ("x" * 300)))
    (tmp_path / "big.sql").write_text("SELECT 1")
    monkeypatch.setattr(source, "MOST_BYTES", 5)
    with pytest.raises(InvalidValue, match="8 bytes; 5 are the most"):
        read_text(str(tmp_path / "big.sql"))


def test_a_file_or_a_text_is_needed() -> None:
    with pytest.raises(InvalidValue, match="no SQL"):
        trace()
    with pytest.raises(InvalidValue, match="empty"):
        trace(sql=" ")


def test_the_text_goes_before_the_file(tmp_path: Path) -> None:
    found, _ = trace(sql="SELECT a FROM t", file_path=str(tmp_path / "name_only.sql"))
    assert found["source"]["name"] == "name_only.sql"


@pytest.mark.timeout(20)
def test_nothing_is_waited_for(tmp_path: Path) -> None:
    if not os.path.exists("/proc/kmsg") or os.geteuid():
        pytest.skip("/proc/kmsg is there for root on Linux only")
    with pytest.raises((InvalidValue, NotFound)):
        trace(file_path="/proc/kmsg")


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "loop.sql").symlink_to(tmp_path / "loop.sql")
    with pytest.raises(NotFound, match="is a link that leads to no file"):
        trace(file_path=str(tmp_path / "loop.sql"))
