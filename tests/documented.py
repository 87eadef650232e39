"""What the documentation shows: its blocks of code, and its commands with what they print."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, kind: str | None = None) -> list[tuple[str, str]]:
    """Returns the blocks of a page, of one kind or of all, as kind and text."""
    return [(k, text) for k, text in _BLOCK.findall(page.read_text()) if kind in (None, k)]


def consoles(page: Path) -> list[list[tuple[str, str]]]:
    """Returns the commands of each console of a page, with the output that is shown; `...` is whatever there is."""
    found = []
    for _, text in blocks(page, "console"):
        parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
        assert parts[0] == "", f"{page.name}: a console begins with a command"
        found.append(list(zip(parts[1::2], parts[2::2], strict=True)))
    return found


def commands(page: Path) -> list[tuple[str, str]]:
    """Returns the commands of all consoles of a page."""
    return [command for console in consoles(page) for command in console]


def check(command: str, shown: str, environment: dict[str, str]) -> None:
    """Runs a command in the checkout and asserts that it prints what is shown, and ends as it is shown to."""
    done = subprocess.run(command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)
    fails = shown.startswith("error: ")
    assert (done.returncode != 0) == fails, done.stderr
    printed = done.stderr if fails else done.stdout
    lines = [line.rstrip() for line in printed.splitlines() if not line.startswith("hello ")]
    pattern = ".*".join(re.escape(part.strip("\n")) for part in re.split(r"\.\.\.\n?", shown))
    assert re.search(pattern, "\n".join(lines), re.DOTALL), printed
