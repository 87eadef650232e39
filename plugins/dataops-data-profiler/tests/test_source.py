from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from data_profiler.detect import detect
from data_profiler.source import json_format

from dataops_core.errors import DataOpsError, InvalidValue, NotFound


def refused(path: object) -> DataOpsError:
    with pytest.raises(DataOpsError) as raised:
        detect(str(path))
    assert raised.value.hint
    assert "\n" not in raised.value.message
    return raised.value


def test_a_missing_file_is_named_with_its_nearest_neighbour(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("a\n1\n")
    error = refused(tmp_path / "ordes.csv")
    assert isinstance(error, NotFound)
    assert "ordes.csv" in error.message
    assert "orders.csv" in error.hint


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    assert detect("~/a.csv")["path"] == str(tmp_path / "a.csv")


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "sock"))
        assert "a socket" in refused(tmp_path / "sock").message
    assert "a folder" in refused(tmp_path).message
    assert "a pipe" in refused(tmp_path / "pipe").message
    assert "a device" in refused("/dev/null").message


@pytest.mark.parametrize("path", ["a\0b", "bad\udcffname.csv", "x" * 5000, "/etc/passwd/x.csv", ""])
def test_unusable_paths_are_refused(path: str) -> None:
    refused(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x1f\x8b\x08rest", "gzip"),
        (b"PK\x03\x04rest", "zip archive or an Excel"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"SQLite format 3\x00rest", "SQLite"),
        (b"%PDF-1.7", "PDF"),
        (b"<!DOCTYPE html><html>404</html>", "HTML"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><a/>', "XML"),
        (b"PAR1 and nothing else", "cut off"),
        (b"PAR1", "cut off"),
        (b"PARE....PARE", "encrypted"),
        (bytes(range(256)) * 40, "binary"),
        (b"\0" * 5000, "binary"),
    ],
)
def test_what_is_no_table_is_refused_by_its_name(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "data.csv").write_bytes(content)
    error = refused(tmp_path / "data.csv")
    assert isinstance(error, InvalidValue)
    assert "data.csv" in error.message
    assert words in error.message


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from data_profiler import encoding

    monkeypatch.setattr(encoding, "CHUNK", 100)
    monkeypatch.setattr(encoding, "LONGEST_LINE", 1000)
    (tmp_path / "data.csv").write_bytes(b"a,b\n" + b"x" * 2000)
    assert "longer than" in refused(tmp_path / "data.csv").message


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"a": 1}\n{"a": 2}\n', "jsonl"),
        ('{"a": 1}', "jsonl"),
        ('{"rows": [{"a": 1}]}', "json"),
        ('[{"a": 1}]', "json"),
        ('[\n  {"a": 1}\n]', "json"),
        ('{\n "a": 1\n}', "json"),
        ("[1, 2]\n[3, 4]\n", "jsonl"),
        ('{"a": 1}\nbroken\n{"a": 3}\n', "jsonl"),
        ("[1, 2, 3]", "json"),
        ("[a],[b]\n1,2\n", None),
        ("{x},y\n1,2\n", None),
        ("[" * 5000, None),
        ("a,b\n1,2\n", None),
        ("", None),
    ],
)
def test_json_is_told_from_tables(text: str, kind: str | None) -> None:
    found = json_format(text, complete=True)
    # Brackets without end are refused as JSON later, or read as text; they never raise here.
    assert found == kind or text.startswith("[[")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("b.json", "[1,2", "begins as JSON and is none"),
        ("b.jsonl", "{1\n{2\n", "begins as JSON and is none"),
        ("b.csv", " \n\t\n", "nothing but blanks"),
    ],
)
def test_what_is_broken_is_no_table(tmp_path: Path, name: str, content: str, words: str) -> None:
    (tmp_path / name).write_text(content)
    assert words in refused(tmp_path / name).message


def test_names_are_alike_by_more_than_their_extension(tmp_path: Path) -> None:
    (tmp_path / "hdr.csv").touch()
    assert "hdr" not in refused(tmp_path / "orders.csv").hint


def test_a_name_stays_on_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a\nFindings: none.\x1b[31m.csv"
    path.write_text("a,b\n1,2\n")
    assert detect(str(path))["name"] == "a\\nFindings: none.\\x1b[31m.csv"
