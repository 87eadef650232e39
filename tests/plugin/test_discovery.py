"""Finding entry points and manifests, and the cache of manifests."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dataops_core.contracts.manifest import Manifest
from dataops_core.plugin import discovery, manifests
from dataops_core.plugin.discovery import Entry, Index, read_distributions
from dataops_core.plugin.manifests import ManifestCache
from tests.plugin.installed import MANIFEST, WORKFLOW, World


def entry(name: str, value: str = "", distribution: str = "dist", group: str = "dataops.workflows") -> Entry:
    return Entry(group, name, value or name, distribution)


def test_reads_groups_that_are_ours(world: World) -> None:
    world.site().install("dist", "[console_scripts]\nx = y\n[dataops.records]\nr = pkg.mod\n[dataops.unknown]\nz = z\n")
    [found] = world.plugins().entries()
    assert (found.key, found.module, found.distribution) == ("dataops.records:r", "pkg.mod", "dist")


def test_a_finder_that_raises_is_a_failure() -> None:
    def distributions() -> Iterator[Any]:
        yield from ()
        raise OSError("finder")

    entries, [failure], _ = read_distributions(distributions())
    assert entries == ()
    assert "finder" in failure.reason


@pytest.mark.parametrize("name", ["", "A", "0x", "x" * 65, "a-b", "../x", "a\x1b[2J", "ä"])
def test_names_that_are_none(name: str) -> None:
    index = Index([entry(name, "module")])
    assert index.entries() == []
    [failure] = index.failures
    assert failure.phase == "discovery"
    assert failure.name.isprintable()


def test_one_distribution_that_names_a_plugin_twice() -> None:
    assert len(Index([entry("a", "x"), entry("a", "x")]).entries()) == 1
    index = Index([entry("a", "x"), entry("a", "y")])
    assert index.entries() == []
    assert index.failures[0].hint == "dist must name it once"


def test_order_of_discovery_means_nothing() -> None:
    entries = [entry("a", distribution=d) for d in ("one", "two", "dataops-core")]
    for order in (entries, entries[::-1], [entries[2], *entries[:2]]):
        assert [e.distribution for e in Index(order).entries()] == ["dataops-core"]
        assert {f.distribution for f in Index(order).failures} == {"one", "two"}


@pytest.mark.parametrize(
    ("value", "folder"),
    [("pkg", "pkg"), ("pkg.sub", "pkg/sub"), ("pkg.module", "pkg"), ("pkg.sub.module:x", "pkg/sub")],
)
def test_finds_the_manifest_in_the_folder_of_the_module(value: str, folder: str, world: World) -> None:
    site = world.site()
    files = dict.fromkeys(("pkg/__init__.py", "pkg/module.py", "pkg/sub/__init__.py", "pkg/sub/module.py"), "1 / 0")
    site.install("dist", {"dataops.workflows": {"flow": value}}, {**files, f"{folder}/config.yaml": ""})
    (site.folder / folder / "config.yaml").write_text(MANIFEST.replace("{name}", "flow"))
    assert world.plugins().manifest("flow").description == "Does flow."
    assert "pkg" not in sys.modules


def test_finds_the_manifest_of_an_editable_install(world: World) -> None:
    site, checkout = world.site(), world.site()
    site.install("dist", {"dataops.workflows": {"flow": "flow.plugin"}})
    (checkout.folder / "flow").mkdir()
    (checkout.folder / "flow" / "__init__.py").write_text("1 / 0")
    (checkout.folder / "flow" / "config.yaml").write_text(MANIFEST.replace("{name}", "flow"))
    assert world.plugins().manifest("flow").name == "flow"
    assert "flow" not in sys.modules


def test_a_file_beside_all_packages_is_no_manifest(world: World) -> None:
    site = world.site()
    site.install("dist", {"dataops.workflows": {"flow": "flow"}}, {"flow.py": WORKFLOW})
    (site.folder / "config.yaml").write_text(MANIFEST.replace("{name}", "flow"))
    plugins = world.plugins()
    assert plugins.manifests() == {}
    assert "no config.yaml" in plugins.failures[0].reason


def test_a_manifest_that_is_no_file(world: World) -> None:
    site = world.site()
    site.workflow("flow", manifest=None)
    os.mkfifo(site.folder / "flow" / "config.yaml")
    assert world.plugins().manifests() == {}


def test_dates_are_kept_as_texts(world: World) -> None:
    site = world.site()
    parameter = "parameters: [{name: day, type: date, default: 2026-01-31, example: 2026-02-01}]\n"
    site.workflow("flow", manifest=MANIFEST + parameter)
    fresh = world.plugins().manifest("flow")
    assert fresh.parameters[0].default == "2026-01-31"
    assert world.plugins().manifest("flow") == fresh


class TestCache:
    def cache(self, world: World) -> Path:
        return world.home / "cache" / "manifests.json"

    def read_twice(self, world: World, monkeypatch: pytest.MonkeyPatch) -> int:
        """Returns how many manifests the second of two processes parses."""
        world.plugins().manifests()
        parsed: list[Path] = []
        real = manifests.read_manifest

        def read(path: Path) -> Manifest:
            parsed.append(path)
            return real(path)

        monkeypatch.setattr(manifests, "read_manifest", read)
        first = world.plugins().manifests()
        assert all(manifest.name == name for name, manifest in first.items())
        return len(parsed)

    def test_spares_the_parsing(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        site = world.site()
        for name in ("a", "b", "c"):
            site.workflow(name)
        assert self.read_twice(world, monkeypatch) == 0
        assert stat.S_IMODE(self.cache(world).stat().st_mode) == 0o600
        assert stat.S_IMODE(self.cache(world).parent.stat().st_mode) == 0o700
        assert os.listdir(self.cache(world).parent) == ["manifests.json"]

    def test_is_not_written_when_nothing_changed(self, world: World) -> None:
        world.site().workflow("a")
        world.plugins().manifests()
        before = self.cache(world).stat()
        world.plugins().manifests()
        after = self.cache(world).stat()
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)

    def test_a_changed_file_is_read_again(self, world: World) -> None:
        site = world.site()
        site.workflow("a")
        world.plugins().manifests()
        (site.folder / "a" / "config.yaml").write_text(MANIFEST.format(name="a") + "capabilities: [New]\n")
        assert world.plugins().manifest("a").capabilities == ("New",)

    def test_keeps_what_other_environments_wrote_and_drops_what_is_gone(self, world: World) -> None:
        first, second = world.site(), world.site()
        first.workflow("a")
        world.plugins().manifests()
        first.install("dist-a", "")
        second.workflow("b")
        world.plugins().manifests()
        assert len(json.loads(self.cache(world).read_text())["manifests"]) == 2
        (first.folder / "a" / "config.yaml").unlink()
        second.workflow("c")
        world.plugins().manifests()
        assert len(json.loads(self.cache(world).read_text())["manifests"]) == 2

    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"[]", b"null", b"\xff", b'{"format": 1}', b"[" * 100_000, b'{"format": [], "manifests": {}}'],
    )
    def test_a_corrupt_one_is_written_anew(self, content: bytes, world: World) -> None:
        world.site().workflow("a")
        self.cache(world).parent.mkdir(parents=True)
        self.cache(world).write_bytes(content)
        assert list(world.plugins().manifests()) == ["a"]
        assert json.loads(self.cache(world).read_text())["manifests"]

    @pytest.mark.parametrize("kept", [None, 1, [], [1, 2, 3], {"a": 1}, "entry"])
    def test_a_corrupt_entry_is_read_anew(self, kept: Any, world: World) -> None:
        world.site().workflow("a")
        world.plugins().manifests()
        data = json.loads(self.cache(world).read_text())
        [path] = data["manifests"]
        if kept == "entry":
            data["manifests"][path][2] = {"name": "other", "bad": 1}
        else:
            data["manifests"][path] = kept
        self.cache(world).write_text(json.dumps(data))
        assert list(world.plugins().manifests()) == ["a"]

    def test_of_another_name_is_not_believed(self, world: World) -> None:
        world.site().workflow("a")
        world.plugins().manifests()
        text = self.cache(world).read_text().replace('"name":"a"', '"name":"b"')
        self.cache(world).write_text(text)
        assert world.plugins().manifest("a").name == "a"

    def test_one_that_cannot_be_written_is_no_trouble(self, world: World) -> None:
        world.site().workflow("a")
        world.home.mkdir(exist_ok=True)
        (world.home / "cache").write_text("a file where the folder should be")
        assert list(world.plugins().manifests()) == ["a"]

    def test_does_not_follow_a_link_that_lies_in_wait(self, world: World, tmp_path: Path) -> None:
        world.site().workflow("a")
        victim = tmp_path / "victim"
        victim.write_text("precious")
        folder = self.cache(world).parent
        folder.mkdir(parents=True)
        (folder / f".manifests.json.{os.getpid()}").symlink_to(victim)
        world.plugins().manifests()
        assert victim.read_text() == "precious"

    def test_can_be_none(self, world: World) -> None:
        world.site().workflow("a")
        [found] = world.plugins().entries()
        assert ManifestCache(None).manifest(found).name == "a"


def test_one_scan_a_process(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.site().workflow("a")
    discovery.scan.cache_clear()
    assert "a" in [entry.name for entry in discovery.scan()[0]]
    monkeypatch.setattr(discovery, "distributions", lambda path: 1 / 0)
    assert "a" in [entry.name for entry in discovery.scan()[0]]
    discovery.scan.cache_clear()
