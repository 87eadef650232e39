"""Distributions that look installed: a folder on `sys.path` with packages and their `dist-info`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from dataops_core.contracts.manifest import Manifest
from dataops_core.plugin.discovery import Entry, read_distributions
from dataops_core.plugin.distributions import distributions
from dataops_core.plugin.manager import Plugins
from dataops_core.settings import Settings, load

MANIFEST = "api: 1\nname: {name}\nversion: 1.0.0\ndescription: Does {name}.\n"
WORKFLOW = """
    from dataops_core import hookimpl

    class Workflow:
        name = "{name}"

    @hookimpl
    def dataops_register_workflows(registry):
        registry.register(Workflow)
"""
#: A record store with every method, which answers with its scheme; enough to see who opened it.
STORE = """
    from dataops_core import hookimpl
    DATAOPS_API = 1

    class Store:
        capabilities = frozenset()
        scheme = "{name}"
        def get(self): ...
        get_many = range = commit = query = scan = prepare = check = now = close = get

    @hookimpl
    def dataops_record_store(url, tables):
        return Store()
"""
MIDDLEWARE = """
    from dataops_core import NodeMiddleware, hookimpl
    DATAOPS_API = 1
    heard = []

    class Middleware(NodeMiddleware):
        name = "{name}"

    @hookimpl
    def dataops_node_middleware(manifest):
        return [Middleware()]

    @hookimpl
    def dataops_decorators():
        return {{"{name}": Middleware}}

    @hookimpl
    def dataops_event(event):
        heard.append(event.type)
"""


@dataclass
class Site:
    """One folder of installed distributions."""

    folder: Path

    def install(
        self,
        distribution: str,
        entry_points: Mapping[str, Mapping[str, str]] | str | bytes,
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Writes a distribution: its entry points (by group, or as raw text) and its files."""
        info = self.folder / f"{distribution.replace('-', '_')}-1.0.0.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0.0\n")
        if not isinstance(entry_points, str | bytes):
            entry_points = "\n".join(
                f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in entries.items())
                for group, entries in entry_points.items()
            )
        raw = entry_points if isinstance(entry_points, bytes) else entry_points.encode()
        (info / "entry_points.txt").write_bytes(raw)
        for path, text in (files or {}).items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(dedent(text))

    def workflow(self, name: str, code: str = WORKFLOW, manifest: str | None = MANIFEST, package: str = "") -> None:
        """Installs a distribution with one workflow."""
        package = package or name
        files = {f"{package}/__init__.py": dedent(code).replace("{name}", name)}
        if manifest is not None:
            files[f"{package}/config.yaml"] = manifest.replace("{name}", name)
        self.install(f"dist-{package}".replace("_", "-"), {"dataops.workflows": {name: package}}, files)

    def plugin(self, group: str, name: str, code: str, package: str = "") -> None:
        """Installs a distribution with one plugin of another group."""
        package = package or name
        files = {f"{package}.py": dedent(code).replace("{name}", name).replace("{{", "{").replace("}}", "}")}
        self.install(f"dist-{package}".replace("_", "-"), {group: {name: package}}, files)


@dataclass
class World:
    """Folders on `sys.path` in order, and the plugins that are found in them."""

    root: Path
    home: Path
    before: list[str]
    sites: list[Site] = field(default_factory=list)

    def site(self) -> Site:
        """Adds a folder at the end of the path."""
        self.sites.append(Site(self.root / f"site{len(self.sites)}"))
        self.sites[-1].folder.mkdir()
        sys.path[:] = [*self.before, *(str(site.folder) for site in self.sites)]
        return self.sites[-1]

    def settings(self, **flags: Any) -> Settings:
        return load({"home": str(self.home), **flags}, env={}, cwd=self.root)

    def plugins(self, **flags: Any) -> Plugins:
        """Scans the folders anew, and none of what is installed beside them."""
        importlib.invalidate_caches()
        folders = [str(site.folder) for site in self.sites]
        entries, failures, _ = read_distributions(distributions(folders))
        manager = Plugins(self.settings(**flags), entries, failures)
        manager.verify["dataops.workflows"] = verify_name
        return manager


def verify_name(entry: Entry, manifest: Manifest | None, delivered: Any) -> None:
    """What an upper layer checks: the class is the announced workflow."""
    if delivered.name != entry.name:
        raise ValueError(f"it registered the workflow {delivered.name!r}")
