"""Profiles of small files, written for one test each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from data_profiler.detect import detect
from data_profiler.document import Column, Finding, Profile
from data_profiler.findings import judge
from data_profiler.profile import profile


class Made:
    """A finished profile, and what tests ask of it."""

    def __init__(self, made: Profile) -> None:
        self.profile = made
        made["findings"] = judge(made)

    @property
    def codes(self) -> set[str]:
        return {f["code"] for f in self.profile["findings"]}

    @property
    def names(self) -> list[str]:
        return [c["name"] for c in self.profile["columns"]]

    def found(self, code: str, column: str | None = None) -> list[Finding]:
        return [f for f in self.profile["findings"] if f["code"] == code and (column is None or f["column"] == column)]

    def column(self, name: str) -> Column:
        return next(c for c in self.profile["columns"] if c["name"] == name)

    def decided(self, subject: str) -> str:
        return next(d["decided"] for d in self.profile["source"]["decisions"] if d["subject"] == subject)


def profile_of(path: Path, sample_rows: int = 0) -> Made:
    return Made(profile(detect(str(path)), sample_rows))


@pytest.fixture
def profiled(tmp_path: Path) -> Callable[..., Made]:
    """Writes a file and returns its profile; a path is profiled where it lies."""

    def make(content: str | bytes | Path, name: str = "data.csv", sample_rows: int = 0) -> Made:
        if isinstance(content, Path):
            return profile_of(content, sample_rows)
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return profile_of(path, sample_rows)

    return make
