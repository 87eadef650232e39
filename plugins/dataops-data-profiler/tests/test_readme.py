"""The README names every finding and every field, and nothing that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

from data_profiler import document

FOLDER = Path(__file__).parents[1]
README = (FOLDER / "README.md").read_text()


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_code_is_listed() -> None:
    modules = ("findings", "column_findings", "value_findings")
    source = "".join((FOLDER / "data_profiler" / f"{name}.py").read_text() for name in modules)
    used = set(re.findall(r'(?:severity"?\]?|"(?:high|medium|low|info)"),\s*"([a-z_0-9]+)"', source))
    listed = set(re.findall(r"`([a-z_0-9]+)`", section("Findings")))
    assert used == listed
    assert len(used) > 40


def test_every_field_is_described() -> None:
    described = set(re.findall(r"`([a-z_0-9]+)(?:\[\])?`", section("profile.json")))
    described |= set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`\{([^}]*)\}`", section("profile.json")))))
    parts = (document.Source, document.Decision, document.Encoding, document.Dialect, document.Rows, document.Column)
    for part in (*parts, document.Finding, document.Example, document.Profile):
        assert set(part.__annotations__) <= described, part
