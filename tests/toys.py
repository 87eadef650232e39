"""Workflow distributions, written to a folder as pip would install them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

MODULE = """
from dataops_core import hookimpl

@hookimpl
def dataops_register_workflows(registry):
    from {name}.workflow import Toy
    registry.register(Toy)
"""


def install_workflow(site: Path, name: str, code: str, manifest: str = "", *, version: str = "1.0.0") -> None:
    """Writes a workflow plugin.

    Args:
        site: a folder on `sys.path`.
        name: of workflow, package and entry point.
        code: of `workflow.py`; defines `class Toy(BaseWorkflow)`.
        manifest: further lines of `config.yaml`.
    """
    package = site / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(dedent(MODULE.format(name=name)))
    (package / "workflow.py").write_text(dedent(code))
    head = f"name: {name}\nversion: {version}\ndescription: The {name.replace('_', ' ')} workflow.\n"
    (package / "config.yaml").write_text(head + dedent(manifest))
    info = site / f"dataops_{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: dataops-{name.replace('_', '-')}\nVersion: {version}\n"
    )
    (info / "entry_points.txt").write_text(f"[dataops.workflows]\n{name} = {name}\n")
