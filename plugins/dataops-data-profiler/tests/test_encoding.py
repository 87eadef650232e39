from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_profiler import encoding
from data_profiler.detect import detect
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEXT = "name,city\nJosé,Köln\nZoë,Malmö\nFrançois,Liège\n"


def written(tmp_path: Path, content: bytes) -> dict[str, Any]:
    (tmp_path / "data.csv").write_bytes(content)
    found = detect(str(tmp_path / "data.csv"))["encoding"]
    assert found is not None
    return dict(found)


@pytest.mark.parametrize(
    ("codec", "text", "name"),
    [
        ("ascii", "a,b\n1,2\n", "ASCII"),
        ("utf-8", TEXT, "UTF-8"),
        ("utf-8-sig", TEXT, "UTF-8 with byte order mark"),
        ("utf-16", TEXT, "UTF-16 (little endian)"),
        ("utf-16-le", TEXT, "UTF-16 (little endian)"),
        ("utf-16-be", TEXT, "UTF-16 (big endian)"),
        ("latin-1", TEXT, "ISO-8859-1 (Latin-1)"),
        ("cp1252", TEXT + "“quoted”,12 €\n", "Windows-1252"),
        ("cp1251", "имя,город\nИван,Москва\nМария,Казань\nПётр,Тверь\n", "CP1251"),
        ("cp932", "名前,都市\n山田太郎,東京\n鈴木花子,大阪\n高橋一郎,京都\n", "CP932"),
    ],
)
def test_encodings_are_told_and_read(profiled: Callable[..., Any], codec: str, text: str, name: str) -> None:
    made = profiled(text.encode(codec))
    assert made.profile["source"]["encoding"]["name"] == name
    first = made.profile["columns"][0]
    rows = [line.split(",") for line in text.splitlines()]
    assert first["name"] == rows[0][0]
    assert first["top_values"][0]["value"] == rows[1][0]


def test_damaged_utf8_stays_utf8(profiled: Callable[..., Any]) -> None:
    made = profiled((TEXT + "Zoë,Malmö\n" * 4).encode() + b"Bj\xf6rn,Oslo\n")
    assert made.profile["source"]["encoding"]["damaged"] == 1
    assert made.found("damaged_characters")[0]["severity"] == "high"
    assert made.found("control_characters", "name")[0]["examples"][0]["value"] == "Bj\ufffdrn"


def test_nul_bytes_are_counted_and_kept(profiled: Callable[..., Any]) -> None:
    made = profiled(b"a,b\nx\x00y,1\nz,2\n")
    assert made.found("nul_bytes")[0]["count"] == 1
    assert made.found("control_characters", "a")[0]["examples"] == [{"row": 1, "value": "x\\x00y"}]


@pytest.mark.parametrize(
    ("content", "line_end", "mixed"),
    [
        (b"a,b\n1,2\n", "LF", False),
        (b"a,b\r\n1,2\r\n", "CRLF", False),
        (b"a,b\r1,2\r", "CR", False),
        (b"a,b\r\n1,2\n3,4\r\n", "CRLF", True),
        (b'a,b\n1,"x\ry"\n', "LF", False),
    ],
)
def test_line_ends(profiled: Callable[..., Any], content: bytes, line_end: str, mixed: bool) -> None:
    made = profiled(content)
    found = made.profile["source"]["encoding"]
    assert (found["line_end"], found["mixed_line_ends"]) == (line_end, mixed)
    assert ("mixed_line_ends" in made.codes) == mixed
    assert ("lone_cr" in made.codes) == (line_end == "CR")


@given(
    st.lists(st.sampled_from([b"a", b"\r", b"\n", b'"', b",", "é".encode(), b"\xff"]), max_size=30), st.integers(1, 9)
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_size_of_chunks_changes_nothing(tmp_path: Path, content: list[bytes], size: int) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"a,b\n" + b"".join(content))

    def counted() -> dict[str, Any]:
        found, _ = encoding.survey(path, path.read_bytes(), lambda _: None)
        return {key: found[key] for key in ("line_end", "line_ends", "mixed_line_ends", "quotes", "plain")}  # type: ignore[literal-required]

    whole = counted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "CHUNK", size)
        assert counted() == whole
