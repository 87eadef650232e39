"""Every hook is in the documentation with its exact arguments, and belongs to exactly one group."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from dataops_core.contracts import hookspecs
from dataops_core.plugin.discovery import COMMANDS, GROUPS
from dataops_core.plugin.loader import HOOKS

PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text()
SPECS = {
    name: list(inspect.signature(spec).parameters)
    for name, spec in vars(hookspecs).items()
    if hasattr(spec, f"{hookspecs.PROJECT}_spec")
}


def test_the_page_has_every_hook_with_its_arguments() -> None:
    headings = re.findall(r"^## (dataops_\w+)\((.*?)\)$", PAGE, re.MULTILINE)
    assert {name: re.findall(r"\w+", arguments) for name, arguments in headings} == SPECS
    assert len(headings) == len(SPECS)


def test_the_page_has_every_group_with_its_hooks() -> None:
    rows = re.findall(r"^\| `(dataops\.\w+)` \|.*\| (.*) \|$", PAGE, re.MULTILINE)
    told = {group: set(re.findall(r"dataops_\w+", hooks)) for group, hooks in rows}
    assert told == {**{group: set(hooks) for group, hooks in HOOKS.items()}, COMMANDS: set()}
    assert told.keys() == GROUPS.keys()


def test_every_hook_belongs_to_one_group() -> None:
    belonging = [hook for hooks in HOOKS.values() for hook in hooks]
    assert sorted(belonging) == sorted(SPECS)


def test_every_hook_is_explained_where_it_is_declared() -> None:
    for name, arguments in SPECS.items():
        doc = inspect.getdoc(getattr(hookspecs, name)) or ""
        assert doc
        assert re.findall(r"^    (\w+): ", doc, re.MULTILINE) == arguments


def test_the_examples_of_the_page_are_python() -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) >= 4
    for example in examples:
        compile(example, "docs/hooks.md", "exec")
