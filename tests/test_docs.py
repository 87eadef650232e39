"""The code and commands of `docs/` work as written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
#: The slow clauses run for these very stores in tests/storage.
QUICK = "not model and not process and not kill"
PAGES = sorted(DOCS.glob("*.md"))


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def test_the_workflow_of_the_docs_runs_without_a_store(home):
    (example,) = blocks("workflows.md", "python")
    exec(compile(example, "workflows.md", "exec"), {"__name__": "docs_workflows"})
    assert not home.exists()


def test_the_ten_lines_prove_a_backend(tmp_path, home):
    (example,) = blocks("backends.md", "python")
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


@pytest.mark.parametrize("page", PAGES, ids=[p.name for p in PAGES])
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
