"""Comments go, lines keep their numbers, and what is between statements is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from jil_parser import statements as cutting
from jil_parser.source import open_source
from jil_parser.statements import Problem, Statement, statements


@pytest.fixture
def cut(tmp_path: Path) -> Callable[[str], list[Statement | Problem]]:
    def make(content: str) -> list[Statement | Problem]:
        path = tmp_path / "a.jil"
        path.write_bytes(content.encode())
        return list(statements(open_source(str(path))))

    return make


Cut = Callable[[str], list[Statement | Problem]]


def texts(found: list[Statement | Problem]) -> list[str]:
    return [item.text for item in found if isinstance(item, Statement)]


@pytest.mark.parametrize(
    "content",
    [
        "/* one */\ninsert_job: A\nmachine: m\n",
        "/* one\n   two\n   three */\ninsert_job: A\nmachine: m\n",
        "# one\n  # two\ninsert_job: A\n# three\nmachine: m\n",
        "insert_job: A\n/* one */\nmachine: m /* two */\n",
        "/* one */ insert_job: A\n/* one *//* two */\nmachine: m\n",
        "insert_job: A\n/* insert_job: B\nmachine: x */\nmachine: m\n",
        "/* ---- /* not inner ---- */\ninsert_job: A\nmachine: m\n",
        "/**/\ninsert_job: A\nmachine: m\n",
    ],
)
def test_comments_go(cut: Cut, content: str) -> None:
    (text,) = texts(cut(content))
    assert text.split() == ["insert_job:", "A", "machine:", "m"]


@pytest.mark.parametrize(
    "value",
    ["ls /a/* /b/*", 'cut "/* x */"', "a#b # c", 'echo "# no comment"', "rm -rf /tmp/*", 'find / -name "*/x"'],
)
def test_what_only_looks_like_a_comment_stays(cut: Cut, value: str) -> None:
    (text,) = texts(cut(f"insert_job: A\ncommand: {value}\n"))
    assert text == f"insert_job: A\ncommand: {value}\n"


def test_a_comment_between_attributes_of_a_line(cut: Cut) -> None:
    (text,) = texts(cut("insert_job: A /* why */ job_type: c /* what */ machine: m\n"))
    assert text.split() == ["insert_job:", "A", "job_type:", "c", "machine:", "m"]
    assert text.index("job_type") == len("insert_job: A /* why */ ")


def test_lines_keep_their_numbers(cut: Cut) -> None:
    found = cut("/* a\n b */\n\ninsert_job: A\n# c\nmachine: m\ninsert_job: B\n")
    numbers = [item.numbers for item in found if isinstance(item, Statement) and item.begins]
    assert numbers == [[4, 6], [7]]


def test_a_comment_that_is_never_closed_costs_its_line_only(cut: Cut) -> None:
    found = cut("insert_job: A\n  /* open\nmachine: m\ninsert_job: B\n")
    assert [item for item in found if isinstance(item, Problem)] == [
        Problem("error", 2, 3, "a comment begins here and is never closed; only its line is left out")
    ]
    assert [text.split()[1] for text in texts(found)] == ["A", "B"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end(cut: Cut, end: str) -> None:
    assert texts(cut(f"insert_job: A{end}machine: m{end}{end}insert_job: B{end}")) == [
        "insert_job: A\nmachine: m\n\n",
        "insert_job: B\n",
    ]


def test_too_long_a_statement_is_cut_and_told(cut: Cut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "LONGEST", 100)
    found = cut("insert_job: A\n" + "description: xxxxxxxxxx\n" * 20 + "insert_job: B\n")
    first, second = (item for item in found if isinstance(item, Statement))
    assert "longer than 100 characters" in first.cut and len(first.text) < 130
    assert not second.cut
