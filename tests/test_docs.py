"""The code and commands of `docs/` work as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from dataops_core.contracts.manifest import PARAMETER_TYPES, Parameter, parse_manifest
from tests.documented import ROOT, blocks, check, commands

DOCS = ROOT / "docs"
#: The slow clauses run for these very stores in tests/storage.
QUICK = "not model and not process and not kill"
PAGES = sorted(DOCS.glob("*.md"))


def code(page: str) -> list[str]:
    return [text for _, text in blocks(DOCS / page, "python")]


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """A home of its own for the commands of all pages, with a session that `$SESSION` names."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    home = str(tmp_path_factory.mktemp("docs") / "home")
    told = {**os.environ, "PATH": path, "DATAOPS_HOME": home, "COLUMNS": "200"}
    make = "from dataops_core import SessionManager; print(SessionManager().create_session('local').session_id)"
    done = subprocess.run([sys.executable, "-c", make], env=told, capture_output=True, text=True, check=True)
    return {**told, "SESSION": done.stdout.strip()}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=[p.name for p in PAGES])
def test_commands_print_what_a_page_shows(page, environment):
    for command, shown in commands(page):
        check(command, shown, environment)


@pytest.mark.slow
def test_the_answers_of_the_docs_count_once(environment):
    (example,) = code("runs.md")
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, timeout=110, cwd=ROOT, env=environment
    )
    assert (done.returncode, done.stdout) == (0, "Which file should be profiled?\n"), done.stderr


@pytest.mark.slow
def test_what_the_page_about_asking_shows_in_python(environment):
    measured, asked = code("asking.md")
    for example in (measured, asked):
        done = subprocess.run(
            [sys.executable, "-c", example], capture_output=True, text=True, timeout=110, cwd=ROOT, env=environment
        )
        assert done.returncode == 0, done.stderr
        assert ("of the examples come out right" in done.stdout) == (example is measured)


def test_the_workflow_of_the_docs_runs_without_a_store(home):
    (example,) = code("workflows.md")
    exec(compile(example, "workflows.md", "exec"), {"__name__": "docs_workflows"})
    assert not home.exists()


@pytest.mark.slow
def test_the_ten_lines_prove_a_backend(tmp_path, home):
    (example,) = code("backends.md")
    (tmp_path / "test_backend.py").write_text(example)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", QUICK, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=110,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 50


@pytest.mark.slow
def test_the_contexts_of_the_docs_come_back(home):
    scope = {"__name__": "docs_context"}
    exec(compile("\n".join(code("context.md")), "context.md", "exec"), scope)
    ((_, script),) = blocks(DOCS / "context.md", "sh")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "SESSION": scope["session_id"]}
    done = subprocess.run(["sh", "-ec", script], env=env, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    assert script.count("dataops context") <= len(done.stdout.splitlines())


@pytest.mark.parametrize("page", PAGES, ids=[p.name for p in PAGES])
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_manifest_of_the_docs_names_every_key_and_type(tmp_path):
    ((_, example),) = blocks(DOCS / "manifest.md", "yaml")
    manifest = parse_manifest(yaml.safe_load(example))
    page = (DOCS / "manifest.md").read_text()
    for name in ("api", *(f.name for f in fields(Parameter))):
        assert re.search(rf"\b{name}:", example), name
    for f in fields(manifest):
        assert re.search(rf"\b{f.name}:", example), f.name
    for kind in PARAMETER_TYPES:
        assert f"`{kind}`" in page, kind


def test_the_package_of_the_docs_carries_its_manifest(tmp_path):
    ((_, project),) = blocks(DOCS / "manifest.md", "toml")
    ((_, manifest),) = blocks(DOCS / "manifest.md", "yaml")
    (tmp_path / "pyproject.toml").write_text(project)
    (tmp_path / "row_counter").mkdir()
    (tmp_path / "row_counter" / "__init__.py").touch()
    (tmp_path / "row_counter" / "config.yaml").write_text(manifest)
    build = "from hatchling.build import build_wheel; print(build_wheel('.'))"
    done = subprocess.run([sys.executable, "-c", build], cwd=tmp_path, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(tmp_path / done.stdout.strip()) as wheel:
        names = wheel.namelist()
        assert "row_counter/config.yaml" in names
        assert any(
            "row_counter = row_counter" in wheel.read(n).decode() for n in names if n.endswith("entry_points.txt")
        )
