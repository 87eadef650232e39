"""Files that are no JIL are refused in clear words; files in odd encodings are read, and that is said."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jil_parser import source
from jil_parser.source import lines, open_source

from dataops_core.errors import DataOpsError, InvalidValue, NotFound

Make = Callable[..., Any]
JIL = "insert_job: LÄUFT\ncommand: ls\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty (0 bytes)"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0insert_job: A\n", "is binary or in another encoding: 5 zero bytes"),
        (b"\x01\x02\x03\x04\x05\x06 insert_job: A", "is binary or in another encoding"),
        (JIL.encode("utf-16"), "is written in UTF-16"),
        (JIL.encode("utf-16-le"), "is binary or in another encoding"),
        (JIL.encode("utf-32"), "UTF-16|binary"),
        (b"just\nsome text: here\n", "holds no JIL: no line begins with insert_job:"),
        (b"id,name\n1,insert_job: A\n", "holds no JIL"),
        (b"\n\n   \n", "holds no JIL"),
    ],
)
def test_what_is_no_jil_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.jil"
    path.write_bytes(content)
    with pytest.raises(InvalidValue) as caught:
        open_source(str(path))
    assert any(part in caught.value.message for part in message.split("|")) and caught.value.hint
    assert "'a.jil'" in caught.value.message


def test_a_folder_a_pipe_and_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="is a folder"):
        open_source(str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidValue, match="is not a regular file"):
        open_source(str(tmp_path / "pipe"))
    (tmp_path / "nightly.jil").write_text(JIL)
    with pytest.raises(NotFound) as caught:
        open_source(str(tmp_path / "nigthly.jil"))
    assert "nightly.jil" in caught.value.hint


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "\ud800", "~nobody_of_that_name/x.jil"])
def test_odd_paths(path: str) -> None:
    with pytest.raises(DataOpsError) as caught:
        open_source(path)
    assert caught.value.message.isprintable() and len(caught.value.message) < 400


@pytest.mark.parametrize(
    ("encoding", "note"),
    [("utf-8", ""), ("utf-8-sig", ""), ("latin-1", "not valid UTF-8"), ("cp1252", "not valid UTF-8")],
)
def test_encodings(batch: Make, encoding: str, note: str) -> None:
    made = batch(JIL.encode(encoding))
    assert list(made.jobs) == ["LÄUFT"]
    assert len(made.problems) == bool(note) and note in "".join(made.problems)


@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\n"])
def test_line_ends_and_no_final_one(batch: Make, end: bytes) -> None:
    made = batch(end.join([b"insert_job: A", b"command: ls", b"insert_job: B", b"condition: s(A) |"]))
    assert list(made.jobs) == ["A", "B"] and made.jobs["B"]["line"] == 3
    assert made.problems[0].startswith("error 4:18 condition of B: ends too early")


def test_a_final_control_z_is_nothing(batch: Make) -> None:
    assert batch("insert_job: A\r\ncommand: ls\r\n\x1a").jobs["A"]["attributes"] == {"command": "ls"}


def test_names_from_right_to_left_and_with_control_characters_are_kept_and_shown_safely(batch: Make, job: Any) -> None:
    made = batch(job("وظيفة") + job("A\x1b[31m", "s(وظيفة) & s(B\u202e)"))
    assert made.tree("A\x1b[31m")["all"][0]["job"] == "وظيفة"
    assert made.network.missing == {"B\u202e": ["A\x1b[31m"]}


def test_a_line_without_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LONGEST_LINE", 64)
    path = tmp_path / "a.jil"
    path.write_text("insert_job: A\ncommand: " + "x" * 500 + "\ninsert_job: B\n")
    found = list(lines(open_source(str(path))))
    assert [(len(line), cut) for line, cut in found] == [(13, False), (64, True), (13, False)]


@pytest.mark.timeout(20)
def test_nothing_is_waited_for() -> None:
    if not os.path.exists("/proc/kmsg") or os.geteuid():
        pytest.skip("/proc/kmsg is there for root on Linux only")
    with pytest.raises(InvalidValue):
        open_source("/proc/kmsg")


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "loop.jil").symlink_to(tmp_path / "loop.jil")
    with pytest.raises(NotFound, match="is a link that leads to no file"):
        open_source(str(tmp_path / "loop.jil"))
