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
    for path, longest in ((tmp_path / ("x" * 300), 300), (Path("/" + "a/" * 3000), 1)):
        with pytest.raises(InvalidValue, match=f"its longest name {longest}: the file system takes less") as raised:
            read_text(str(path))
        assert raised.value.hint == "shorten it, or check that it is a path"
    for name in ("a\0b", "a\ud800b"):
        with pytest.raises(NotFound, match="there is no file a"):
            read_text(name)
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
@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="there is no /proc")
@pytest.mark.parametrize("path", ["/proc/kmsg", "/proc/self/mem", "/proc/self/pagemap", "/proc/self/environ"])
def test_what_the_system_makes_up_is_not_read(path: str) -> None:
    for asked in ({"file_path": path}, {"sql": "SELECT 1", "schema_file": path}):
        with pytest.raises((InvalidValue, NotFound), match=r"is empty|permission denied|no file"):
            trace(**asked)


@pytest.mark.timeout(20)
def test_a_pipe_for_a_schema_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "s.json")
    with pytest.raises(InvalidValue, match="is not a plain file") as raised:
        trace(sql="SELECT 1", schema_file=str(tmp_path / "s.json"))
    assert raised.value.hint == "name a file of tables: JSON, YAML or CREATE TABLE statements"


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a.sql").symlink_to(tmp_path / "b.sql")
    with pytest.raises(NotFound, match=r"a\.sql is a link that leads to no file"):
        trace(file_path=str(tmp_path / "a.sql"))
    (tmp_path / "b.sql").symlink_to(tmp_path / "a.sql")
    for path in (tmp_path / "a.sql", tmp_path / "b.sql" / "c.sql"):
        with pytest.raises(NotFound, match=r"\.sql leads in a circle of links"):
            trace(file_path=str(path))


def test_a_binary_is_not_taken_for_a_template(tmp_path: Path) -> None:
    path = tmp_path / "q.sql"
    path.write_bytes(b"{{" + bytes(range(128, 256)) * 5)
    for asked in ({"file_path": str(path)}, {"sql": "SELECT 1", "schema_file": str(path)}):
        with pytest.raises(InvalidValue) as raised:
            trace(**asked)
        assert raised.value.hint.startswith("it may be no text at all: name a file of ")
    path.write_text("SELECT a FROM {{ ref('orders') }} größe")
    with pytest.raises(InvalidValue) as raised:
        trace(file_path=str(path))
    assert raised.value.hint.startswith("it is a template")
