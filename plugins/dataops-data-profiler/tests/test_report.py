from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from data_profiler.report import answer, number, page, share, size

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>",
    "{{ 7*7 }}",
    "javascript:alert(1)",
    "&lt;b&gt;",
    "]]>",
]


class Reader(HTMLParser):
    """Collects tags, attributes and texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def safe(html: str) -> Reader:
    read = Reader(html)
    assert read.open == []
    assert "script" not in read.tags
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    for name, value in read.attributes:
        if name in ("src", "href", "action", "data", "srcset"):
            assert value is not None
            assert value.startswith(("data:image/svg+xml;base64,", "#c"))
        assert name != "style" or "url" not in str(value)
    return read


def test_hostile_values_stay_text(profiled: Callable[..., Any]) -> None:
    quoted = ['"' + value.replace('"', '""') + '"' for value in HOSTILE]
    text = ",".join(quoted) + "\n" + "\n".join(",".join(quoted[i:] + quoted[:i]) for i in range(8)) + "\n"
    made = profiled(text + "1,2\n", '<script>"&.csv')
    read = safe(page(made.profile))
    assert '<script>"&.csv' in read.text
    for value in HOSTILE:
        assert value in read.text
    assert "49" not in page(made.profile).split("</style>")[1].split("Range")[1][:200]


def test_a_report_shows_what_was_found(profiled: Callable[..., Any]) -> None:
    text = "id,amount,day,status\n" + "".join(
        f"{i},{i % 50},2024-01-{1 + i % 28:02d},{'open' if i % 3 else 'shut'}\n" for i in range(200)
    )
    made = profiled(text + "200,87654,2024-01-01,Open\n")
    html = page(made.profile)
    read = safe(html)
    assert read.tags.count("img") == 3
    for word in ("far from all other values", "comma", "candidate_key", "201"):
        assert word in read.text
    assert page(made.profile) == html


def test_columns_without_values_are_shown_too(profiled: Callable[..., Any]) -> None:
    safe(page(profiled("a,b\n").profile))
    safe(page(profiled('{"a": {"b": [1]}, "c": null}\n{"a": {}, "d": 1e300}\n', "x.jsonl").profile))


def test_dates_out_of_range_are_drawn(profiled: Callable[..., Any]) -> None:
    safe(page(profiled("d\n0001-01-01\n2024-01-01\n9999-12-31\n1500-06-01\n").profile))


def test_the_answer_is_short_and_says_the_worst(profiled: Callable[..., Any]) -> None:
    made = profiled("a,a,c\n1,2\n1,2,3\n4,5,6,7\nx,y,NA\n", "orders.txt")
    said = answer(made.profile)
    lines = said.splitlines()
    assert lines[0].startswith("orders.txt: 4 rows × 3 columns")
    assert "CSV" in lines[1]
    assert lines[3].startswith("  high")
    assert "report.html" in lines[-1]
    assert "profile.json" in lines[-1]
    assert len(lines) <= 11


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, "0%"),
        (10, 10, "100%"),
        (1, 3, "33.3%"),
        (1, 10_000_000, "0.1%"),
        (9_999_999, 10_000_000, "99.9%"),
        (0, 0, "0%"),
    ],
)
def test_shares_never_lie_at_the_ends(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


def test_figures_are_readable() -> None:
    assert (size(512), size(1536), size(3 * 2**30)) == ("512 bytes", "1.5 KiB", "3.0 GiB")
    assert (number(1234567), number(0.000123456789), number(None), number("x")) == (
        "1\u202f234\u202f567",
        "0.000123457",
        "–",
        "x",
    )


def test_the_answer_says_which_columns_lack_values(profiled: Callable[..., Any]) -> None:
    made = profiled("id,a,b\n1,,x\n2,,\n3,7,y\n")
    assert "\nMissing values: a 2, b 1.\n" in answer(made.profile)
    assert "\nNo missing values.\n" in answer(profiled("id,a\n1,2\n3,4\n").profile)
    many = profiled(",".join(f"c{n}" for n in range(8)) + "\n" + ",".join("1" * 8) + "\n" + "," * 7 + "\n2" + "," * 7)
    assert "3 more columns" in answer(many.profile) or "2 more columns" in answer(many.profile)


def test_one_is_not_several(profiled: Callable[..., Any]) -> None:
    assert answer(profiled("a\n1\n").profile).startswith("data.csv: 1 row × 1 column, ")


def test_what_the_whole_file_is_comes_before_its_columns(profiled: Callable[..., Any]) -> None:
    rows = "".join(f"{n},{n % 3 or ''},a{n}@example.com\n" for n in range(60))
    made = profiled("id,part,mail\n" + rows, "data.parquet")
    medium = [f for f in made.profile["findings"] if f["severity"] == "medium"]
    assert medium[0]["code"] == "wrong_extension"
    assert len(medium) > 1
