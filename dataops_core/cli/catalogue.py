"""`dataops list` and `dataops show`: what is installed, from manifests alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from dataops_core.cli.commands import Command, completes
from dataops_core.cli.invocation import Invocation, width
from dataops_core.cli.text import table
from dataops_core.errors import nearest

if TYPE_CHECKING:
    from dataops_core.contracts.manifest import Manifest, Parameter
    from dataops_core.plugin.failures import PluginFailure


@click.command("list", cls=Command)
@click.option(
    "--category", metavar="C", help="Only workflows of this category.", shell_complete=completes("categories")
)
@click.option("--search", metavar="TEXT", help="Only workflows whose manifest holds these words.")
@click.pass_obj
def list_(call: Invocation, category: str | None, search: str | None) -> None:
    """List the installed workflows; nothing of them is imported."""
    plugins = call.plugins
    everything = plugins.manifests()
    found = [
        manifest
        for manifest in everything.values()
        if (category is None or manifest.category.lower() == category.lower())
        and (search is None or _holds(manifest, search))
    ]
    broken = broken_workflows(plugins.failures) if category is None and search is None else []
    owners = {entry.name: entry.distribution for entry in plugins.entries("dataops.workflows")}
    payload = {
        "workflows": [
            {
                "name": m.name,
                "version": m.version,
                "description": m.description,
                "category": m.category,
                "pattern": m.pattern,
                "author": m.author,
                "tags": list(m.tags),
                "distribution": owners[m.name],
            }
            for m in found
        ],
        "broken": [failure.as_dict() for failure in broken],
    }
    rows: list[tuple[str, str, str, str]] = [(m.name, m.pattern, m.version, m.description) for m in found]
    rows += [(f.name or f.distribution, "", "", _cause(f)) for f in broken]
    header = ("NAME", "PATTERN", "VERSION", "DESCRIPTION")
    call.answer(payload, table(header, sorted(rows), width=width()) if rows else ())
    call.note(f"{count(len(found), 'workflow')}{f', {len(broken)} broken' if broken else ''}")
    if not everything and not broken:
        call.note("none is installed yet; a workflow is a pip package, e.g. dataops-data-profiler")
    elif category is not None and not found:
        call.note(nearest(category, {m.category for m in everything.values()}) or "dataops list shows all of them")


@click.command("show", cls=Command)
@click.argument("workflow", shell_complete=completes("workflows"))
@click.pass_obj
def show(call: Invocation, workflow: str) -> None:
    """Show what a workflow does and takes; nothing of it is imported."""
    manifest = manifest_of(call, workflow)
    (entry,) = [e for e in call.plugins.entries("dataops.workflows") if e.name == manifest.name]
    version = distribution_version(entry.distribution)
    payload = {
        "workflow": {
            **manifest.as_dict(),
            "distribution": {"name": entry.distribution, "version": version, "module": entry.module},
        }
    }
    call.answer(payload, _page(manifest, f"{entry.distribution} {version or ''}".strip()))


def manifest_of(call: Invocation, given: str) -> Manifest:
    """Returns the manifest of a workflow from how people write its name (`data-profiler` too).

    Raises:
        NotFound: no installed workflow has that name; the hint has the nearest one.
        PluginFailed: its plugin does not work.
    """
    return call.plugins.manifest(given.replace("-", "_"))


def count(number: int, what: str) -> str:
    """Returns a number of things in words: `1 workflow`, `3 workflows`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def broken_workflows(failures: list[PluginFailure]) -> list[PluginFailure]:
    """Returns the failures of workflows, and of distributions that cannot be read, each once."""
    return list({(f.name, f.distribution): f for f in failures if f.group in ("dataops.workflows", "")}.values())


def distribution_version(distribution: str) -> str | None:
    """Returns the installed version of a distribution, or None where its metadata cannot be read."""
    import importlib_metadata

    try:
        return importlib_metadata.version(distribution)
    except Exception:  # metadata are a stranger's file
        return None


def _holds(manifest: Manifest, text: str) -> bool:
    told = (
        manifest.name, manifest.description, manifest.category, manifest.pattern, manifest.author,
        *manifest.tags, *manifest.capabilities, *manifest.example_queries,
    )  # fmt: skip
    known = "\n".join(told).lower()
    return all(word in known or word.replace("-", "_") in known for word in text.lower().split())


def _cause(failure: PluginFailure) -> str:
    return f"broken: {failure.reason} (try: {failure.as_dict()['hint']})"


def _page(manifest: Manifest, distribution: str) -> Iterator[str]:
    yield f"{manifest.name} {manifest.version}"
    yield manifest.description
    yield ""
    facts = {
        "category": manifest.category,
        "pattern": manifest.pattern,
        "author": manifest.author,
        "tags": ", ".join(manifest.tags),
        "distribution": distribution,
        "needs": ", ".join(manifest.dependencies),
        "time-out": f"{manifest.timeout:g} s" if manifest.timeout else "",
        "memory": f"{manifest.max_memory} MiB" if manifest.max_memory else "",
        "runs": f"{manifest.isolation}, durability {manifest.durability}",
    }
    yield from (f"{name:<13} {value}" for name, value in facts.items() if value)
    if manifest.capabilities:
        yield from ("", "It can", *(f"  - {c}" for c in manifest.capabilities))
    if manifest.parameters:
        header = ("PARAMETER", "TYPE", "REQUIRED", "DEFAULT", "EXAMPLE", "DESCRIPTION")
        yield from ("", *table(header, (_row(p) for p in manifest.parameters), width=width()))
    if manifest.example_queries:
        yield from ("", "Ask it", *(f"  dataops ask {_quoted(q)}" for q in manifest.example_queries[:5]))
    yield from ("", "Run it", f"  {run_line(manifest)}")


def run_line(manifest: Manifest) -> str:
    """Returns the command that runs a workflow, with an example for each parameter it needs."""
    import shlex

    given = [f"{p.name}={_plain(p.example) or p.type.upper()}" for p in manifest.parameters if p.required]
    values = [f"-p {shlex.quote(value)}" for value in given]
    return " ".join(["dataops run", manifest.name, *values])


def _quoted(text: str) -> str:
    """Returns a text as a shell takes it, in double quotes where they do."""
    import shlex

    return shlex.quote(text) if set(text) & set('"$`\\!') else f'"{text}"'


def _row(parameter: Parameter) -> tuple[Any, ...]:
    kind = f"list of {parameter.items}" if parameter.items else parameter.type
    if parameter.choices:
        kind += f" ({', '.join(map(str, parameter.choices))})"
    bounds = [
        f"{name} {value:g}" for name, value in (("min", parameter.min), ("max", parameter.max)) if value is not None
    ]
    described = "; ".join([parameter.description, *bounds, *([parameter.pattern] if parameter.pattern else [])])
    return (
        parameter.name, kind, "yes" if parameter.required else "no",
        _plain(parameter.default), _plain(parameter.example), described,
    )  # fmt: skip


def _plain(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, default=str)
