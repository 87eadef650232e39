"""Everything in the README that looks like a command or code is run, as a reader would, in a fresh home."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
DIST_INFO = {
    "METADATA": "Metadata-Version: 2.1\nName: hello\nVersion: 1.0.0\n",
    "entry_points.txt": "[dataops.workflows]\nhello = hello\n",
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """A home of its own, and the README's workflow installed."""
    folder = tmp_path_factory.mktemp("readme")
    for kind, text in BLOCKS:
        if named := re.match(r"# (hello/\S+)\n", text):
            assert kind in ("yaml", "python")
            path = folder / "site" / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    info = folder / "site" / "hello-1.0.0.dist-info"
    info.mkdir()
    for name, text in DIST_INFO.items():
        (info / name).write_text(text)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {
        **os.environ,
        "PATH": path,
        "DATAOPS_HOME": str(folder / "home"),
        "PYTHONPATH": str(folder / "site"),
        "COLUMNS": "200",
    }


def commands() -> list[tuple[str, str]]:
    """Returns each command with the output that the README shows for it."""
    found = []
    for kind, text in BLOCKS:
        if kind == "console":
            parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
            assert parts[0] == ""
            found += list(zip(parts[1::2], parts[2::2], strict=True))
    return found


@pytest.mark.parametrize(("command", "shown"), commands(), ids=[c for c, _ in commands()])
def test_a_command_prints_what_the_readme_shows(environment, command, shown):
    done = subprocess.run(command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    printed = [line.rstrip() for line in done.stdout.splitlines() if not line.startswith("hello ")]
    pattern = ".*".join(re.escape(part.strip("\n")) for part in shown.split("...\n"))
    assert re.search(pattern, "\n".join(printed), re.DOTALL), done.stdout


def test_every_block_is_of_a_kind_that_is_checked():
    kinds = [kind for kind, _ in BLOCKS]
    assert set(kinds) <= {"", "console", "yaml", "python"}
    plain = [text for kind, text in BLOCKS if kind == ""]
    makefile = (ROOT / "Makefile").read_text()
    for text in plain:
        for target in re.findall(r"^make (\w+)$", text, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert len(commands()) >= 5


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
