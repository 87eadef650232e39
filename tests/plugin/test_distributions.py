"""Finding distributions: the same ones as `importlib_metadata`, in its order, with the same entry points."""

from __future__ import annotations

import importlib.machinery
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import importlib_metadata
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataops_core.plugin.discovery import Entry, parse, read_distributions
from dataops_core.plugin.distributions import Elsewhere, InFolder, distributions

POINTS = "[dataops.workflows]\n{name} = {name}.plugin\n[console_scripts]\nx = y:z\n"
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


def install(folder: Path, info: str, name: str, text: str = POINTS) -> None:
    """Writes the metadata of one distribution."""
    (folder / info).mkdir(parents=True)
    (folder / info / "METADATA").write_text(METADATA.format(name=name))
    (folder / info / "entry_points.txt").write_text(text.format(name=name))


def pack(file: Path, infos: dict[str, str]) -> None:
    """Writes a zip file with distributions: folders of metadata and names."""
    with zipfile.ZipFile(file, "w") as archive:
        for info, name in infos.items():
            archive.writestr(f"{info}/METADATA", METADATA.format(name=name))
            archive.writestr(f"{info}/entry_points.txt", POINTS.format(name=name))


def found(path: list[str]) -> list[Entry]:
    entries, failures, _ = read_distributions(distributions(path))
    assert failures == ()
    return list(entries)


def found_by_the_library(path: list[str]) -> list[Entry]:
    entries, failures, _ = read_distributions(map(Elsewhere, importlib_metadata.distributions(path=path)))
    assert failures == ()
    return list(entries)


def test_finds_what_the_library_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, egg, pack_ = tmp_path / "first", tmp_path / "second", tmp_path / "e-1.0-py3.11.egg", tmp_path / "z"
    for number in range(20):
        install(first, f"many_{number}-1.0.dist-info", f"many_{number}")
    install(first, "Odd.Name__x-1.0.dist-info", "Odd.Name--x")
    install(first, "UPPER-1.0.DIST-INFO", "upper")
    install(first, "legacy-1.0-py3.11.egg-info", "legacy")
    install(first, "no_version.egg-info", "no_version")
    install(first, "~emoved-1.0.dist-info", "removed")
    install(first, "twice-1.0.dist-info", "first_one")
    install(second, "twice-2.0.dist-info", "shadowed")
    install(second, "silent-1.0.dist-info", "silent", "")
    (first / "file-1.0.egg-info").write_text("Name: file\n")
    (second / "bare-1.0.dist-info").mkdir()
    (second / "folder-1.0.dist-info" / "entry_points.txt").mkdir(parents=True)
    install(egg, "EGG-INFO", "e")
    pack(pack_, {"packed-1.0.dist-info": "packed", "twice-3.0.dist-info": "shadowed_too"})
    monkeypatch.chdir(second)
    for path in ([first, second, egg, pack_], [pack_, egg, second, first, tmp_path / "gone.zip"], [second, "", first]):
        texts = [str(entry) for entry in path]
        assert found(texts) == found_by_the_library(texts)
        assert len(found(texts)) >= 25
    assert "first_one" in {entry.name for entry in found([str(first), str(second)])}
    assert "shadowed" in {entry.name for entry in found([str(second), str(first)])}


def test_finds_what_is_really_installed() -> None:
    path = [folder for folder in sys.path if os.path.exists(folder)]
    assert found(path) == found_by_the_library(path)
    assert "dataops-core" in {entry.distribution for entry in found(path)}
    assert all(isinstance(distribution, InFolder) for distribution in distributions([*path, b"no text"]))  # type: ignore[list-item]


LINE = st.one_of(
    st.sampled_from(["[dataops.workflows]", "[console_scripts]", "[]", "[a", "a]", "# x = y", "", " [ b ] ", "= x"]),
    st.text("ab=[]# \t\x0c\x85\ufeff", max_size=8),
    st.builds("{} = {}".format, st.text(max_size=5), st.text(max_size=5)),
)


@given(st.lists(LINE, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
@example(["before = any group", "no equals sign", "[g]", "a = b = c"], "\n")
def test_reads_entry_points_as_the_library_does(lines: list[str], end: str) -> None:
    text = end.join(lines)
    try:
        points = importlib_metadata.EntryPoints._from_text(text)  # type: ignore[attr-defined]
        expected = [(point.group, point.name, point.value) for point in points]
    except TypeError:
        with pytest.raises(ValueError, match="no 'name = value'"):
            list(parse(text))
    else:
        assert list(parse(text)) == expected


def test_a_pipe_in_place_of_the_entry_points_stops_nobody(tmp_path: Path) -> None:
    install(tmp_path, "a-1.0.dist-info", "a")
    (tmp_path / "b-1.0.dist-info").mkdir()
    os.mkfifo(tmp_path / "b-1.0.dist-info" / "entry_points.txt")
    assert [entry.name for entry in found([str(tmp_path)])] == ["a"]


class Finder(importlib_metadata.DistributionFinder):
    """Somebody's finder: it knows a distribution that lies in no folder of the path."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return None

    def find_distributions(self, context: Any = None) -> Iterator[Any]:  # type: ignore[override]
        if self.folder is None:
            raise OSError("no network")
        yield importlib_metadata.PathDistribution(self.folder)


def test_a_finder_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "far", "far-1.0.dist-info", "far")
    install(tmp_path / "near", "near-1.0.dist-info", "near")
    monkeypatch.setattr(sys, "meta_path", [Finder(tmp_path / "far" / "far-1.0.dist-info"), *sys.meta_path])
    assert {entry.name for entry in found([str(tmp_path / "near")])} == {"far", "near"}


def test_a_finder_that_raises_hides_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "near-1.0.dist-info", "near")
    monkeypatch.setattr(sys, "meta_path", [Finder(None), *sys.meta_path])
    entries, [failure], _ = read_distributions(distributions([str(tmp_path)]))
    assert [entry.name for entry in entries] == ["near"]
    assert "no network" in failure.reason
