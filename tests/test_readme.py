"""Everything in the README that looks like a command or code is run, as a reader would, in a fresh home."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documented import ROOT, blocks, check, commands, consoles

PAGE = ROOT / "README.md"
README = PAGE.read_text()
BLOCKS = blocks(PAGE)
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


@pytest.mark.slow
@pytest.mark.parametrize("console", consoles(PAGE), ids=[console[0][0] for console in consoles(PAGE)])
def test_commands_print_what_the_readme_shows(environment, console):
    for command, shown in console:
        check(command, shown, environment)


@pytest.mark.slow
def test_what_show_offers_of_the_hello_workflow_works_at_once(environment):
    done = subprocess.run(["dataops", "show", "hello"], env=environment, capture_output=True, text=True, check=True)
    offered = re.findall(r"^  (dataops .*)$", done.stdout, re.MULTILINE)
    assert len(offered) == 3
    for command in offered[:2]:
        check(command, "Hello ...!", environment)


def test_every_block_is_of_a_kind_that_is_checked():
    kinds = [kind for kind, _ in BLOCKS]
    assert set(kinds) <= {"", "console", "yaml", "python"}
    plain = [text for kind, text in BLOCKS if kind == ""]
    makefile = (ROOT / "Makefile").read_text()
    for text in plain:
        for target in re.findall(r"^make (\w+)$", text, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert len(commands(PAGE)) >= 5


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
