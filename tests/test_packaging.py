"""The project's metadata: pins, versions, entry points, what is kept out of the repository."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import dataops_core

ROOT = Path(__file__).parent.parent
PYPROJECTS = [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
PLUGINS = PYPROJECTS[1:]
# The variables of the quick reference.
VARIABLES = {
    *("ANTHROPIC_API_KEY", "REDIS_HOST", "REDIS_PORT", "ARTIFACT_BUCKET", "AWS_REGION", "AWS_DYNAMODB_TABLE"),
    *("JWT_SECRET", "JWT_ALGORITHM", "LOG_LEVEL", "LOG_FORMAT", "MAX_CONCURRENT_WORKFLOWS", "WORKFLOW_TIMEOUT"),
    *("ENABLE_STREAMING", "ENABLE_CACHING"),
}


def load(pyproject: Path) -> dict[str, Any]:
    return tomllib.loads(pyproject.read_text("utf-8"))


def name(pyproject: Path) -> str:
    return str(load(pyproject)["project"]["name"])


def requirements(pyproject: Path, *, extras: bool = True) -> list[Requirement]:
    """What a project needs to be built and run; with `extras`, what its extras need too."""
    data = load(pyproject)
    lines = [*data["build-system"]["requires"], *data["project"].get("dependencies", [])]
    if extras:
        lines += [line for group in data["project"].get("optional-dependencies", {}).values() for line in group]
    return [Requirement(line) for line in lines]


def pins() -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = defaultdict(list)
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        pin = Requirement(line)
        found[canonicalize_name(pin.name)].append(pin)
    return found


def version_of(pin: Requirement) -> Version:
    (specifier,) = pin.specifier
    return Version(specifier.version)


@pytest.mark.parametrize("pyproject", PYPROJECTS, ids=name)
def test_every_dependency_is_pinned_within_its_range(pyproject: Path) -> None:
    for needed in requirements(pyproject):
        if needed.name == "dataops-core":
            continue
        found = pins().get(canonicalize_name(needed.name))
        assert found, f"{needed} is not in constraints.txt: make pins"
        for pin in found:
            assert needed.specifier.contains(version_of(pin)), f"{pin} breaks {needed}: make pins"


def installed_at_its_pin() -> Iterator[tuple[str, list[str]]]:
    for pinned, found in pins().items():
        try:
            here = importlib.metadata.distribution(pinned)
        except importlib.metadata.PackageNotFoundError:  # another platform's
            continue
        if any(version_of(pin) == Version(here.version) for pin in found):
            yield pinned, here.requires or []


def test_what_the_pins_need_is_pinned_too() -> None:
    pinned, seen = pins(), 0
    for parent, lines in installed_at_its_pin():
        for line in lines:
            needed = Requirement(line)
            if needed.marker and not needed.marker.evaluate({"extra": ""}):
                continue
            seen += 1
            found = [pin for pin in pinned[canonicalize_name(needed.name)] if not pin.marker or pin.marker.evaluate()]
            assert len(found) == 1, f"{parent} needs {needed}: {found}"
            assert needed.specifier.contains(version_of(found[0])), f"{parent} needs {needed}, pinned is {found[0]}"
    assert seen, "nothing here is installed at its pin: make test"


def test_the_pins_name_no_host() -> None:
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        assert re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+( ; [\w .<>=!'()-]+)?", line), line


def test_no_lock_file_is_kept() -> None:
    assert "uv.lock" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    if (ROOT / ".git").exists():
        git = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files"]
        files = subprocess.run(git, check=True, capture_output=True, text=True).stdout.splitlines()
        assert not [file for file in files if file.endswith(".lock")]


def test_one_version() -> None:
    version = load(ROOT / "pyproject.toml")["project"]["version"]
    assert version == dataops_core.__version__ == importlib.metadata.version("dataops-core")
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("pyproject", PYPROJECTS, ids=name)
def test_what_is_announced_exists(pyproject: Path) -> None:
    project = load(pyproject)["project"]
    scripts = list(project.get("scripts", {}).values())
    entries = [value for group in project.get("entry-points", {}).values() for value in group.values()]
    assert scripts or entries
    for value in scripts + entries:
        base = value.partition(":")[0].replace(".", "/")
        homes = [pyproject.parent, pyproject.parent / "src"]
        assert any((home / f"{base}.py").is_file() or (home / base / "__init__.py").is_file() for home in homes), value


@pytest.mark.parametrize("pyproject", PLUGINS, ids=name)
def test_a_plugin_needs_this_core_and_no_sibling(pyproject: Path) -> None:
    core = load(ROOT / "pyproject.toml")["project"]
    siblings = {name(other) for other in PLUGINS}
    needs = {needed.name: needed.specifier for needed in requirements(pyproject, extras=False)}
    assert needs["dataops-core"].contains(core["version"])
    assert {specifier.operator for specifier in needs["dataops-core"]} == {">=", "<"}
    assert not siblings & needs.keys()
    assert load(pyproject)["project"]["requires-python"] == core["requires-python"]


def test_the_example_environment_names_every_variable_and_sets_none() -> None:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    assert not [line for line in lines if line and not line.startswith("#")]
    named = {line[1:].partition("=")[0] for line in lines if re.match(r"#[A-Z_]+=", line)}
    assert named >= VARIABLES
