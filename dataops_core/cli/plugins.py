"""`dataops plugins`: what is announced, and whether it keeps its word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dataops_core.cli.catalogue import count, distribution_version
from dataops_core.cli.commands import Group, completes, verify_command
from dataops_core.cli.exits import status_of
from dataops_core.cli.invocation import Invocation, width
from dataops_core.cli.text import table
from dataops_core.errors import DataOpsError, NotFound, PluginFailed, nearest

if TYPE_CHECKING:
    from dataops_core.plugin.discovery import Entry
    from dataops_core.plugin.manager import Plugins


@click.group(cls=Group)
def plugins() -> None:
    """List and check what is installed."""


@plugins.command("list")
@click.option("--check", is_flag=True, help="Load each plugin; without it nothing is imported.")
@click.pass_obj
def list_(call: Invocation, check: bool) -> None:
    """List the installed plugins; broken ones with their cause."""
    found = call.plugins
    found.manifests()
    failures = {entry.key: fault(found, entry) for entry in found.entries()} if check else {}
    rows = _rows(found, "ok" if check else "installed", {key: error for key, error in failures.items() if error})
    header = ("GROUP", "NAME", "DISTRIBUTION", "VERSION", "STATUS")
    shown = ((r["group"] or "-", r["name"], r["distribution"], r["version"], _status(r)) for r in rows)
    call.answer({"plugins": rows}, table(header, shown, width=width()))
    broken = sum(r["status"] == "broken" for r in rows)
    call.note(f"{count(len(rows), 'plugin')}{f', {broken} broken' if broken else ''}")


@plugins.command("validate")
@click.argument("name", required=False, shell_complete=completes("plugins"))
@click.pass_obj
def validate(call: Invocation, name: str | None) -> None:
    """Load a plugin, or all of them, and check that it keeps its contract.

    NAME is a plugin's name, or `group:name`.
    """
    found = call.plugins
    found.manifests()
    wanted = None if name is None else {name, name.replace("-", "_")}
    entries = [e for e in found.entries() if wanted is None or e.name in wanted or e.key in wanted]
    failures = [fault(found, entry) for entry in entries]
    checked = {entry.key for entry in entries}
    for failure in found.failures:  # what discovery refused is no entry
        key = f"{failure.group}:{failure.name}"
        if key not in checked and (wanted is None or failure.name in wanted or key in wanted):
            failures.append(failure.error())
    if wanted is not None and not failures:
        raise _unknown(str(name), wanted, found)
    rows = [
        {"group": e.group, "name": e.name, "distribution": e.distribution, "error": f.as_dict() if f else None}
        for e, f in zip(entries, failures, strict=False)
    ]
    told = ("group", "name", "distribution")
    refused = filter(None, failures[len(entries) :])
    rows += [{**{key: error.details[key] for key in told}, "error": error.as_dict()} for error in refused]
    broken = [row for row in rows if row["error"]]
    lines = [f"{'FAIL' if row['error'] else 'ok  '}  {row['group'] or '-'}:{row['name']}{_why(row)}" for row in rows]
    call.answer({"valid": not broken, "plugins": rows}, lines)
    call.note(f"{count(len(rows), 'plugin')} checked, {len(broken)} broken")
    if broken:
        call.status = status_of({"code": "plugin_failed"})


def fault(found: Plugins, entry: Entry) -> PluginFailed | None:
    """Loads a plugin, and builds the graph of a workflow; returns what is wrong, or None."""
    from dataops_core.cli.executing import stdout_on_stderr
    from dataops_core.plugin.failures import PluginFailure
    from dataops_core.plugin.guard import guarded

    found.verify["dataops.commands"] = verify_command
    try:
        with stdout_on_stderr():
            found.load(entry.group, entry.name)
            if entry.group == "dataops.workflows":
                from dataops_core.execution.graphs import build
                from dataops_core.workflow_registry import WORKFLOW_REGISTRY

                with guarded():
                    build(WORKFLOW_REGISTRY.get(entry.name), found.manifest(entry.name), None, [])
    except PluginFailed as error:
        return error
    except Exception as error:  # its class or graph is a stranger's code, and may end the process too
        return PluginFailure(entry.name, entry.group, entry.distribution, "verify", error).error()
    return None


def faults(found: Plugins) -> dict[str, PluginFailed]:
    """Loads every plugin; returns what is wrong, by `group:name`, with what discovery refused."""
    found.manifests()
    broken = {entry.key: error for entry in found.entries() if (error := fault(found, entry))}
    for failure in found.failures:
        broken.setdefault(f"{failure.group}:{failure.name or failure.distribution}", failure.error())
    return broken


def _rows(found: Plugins, sound: str, failed: dict[str, PluginFailed]) -> list[dict[str, Any]]:
    owners = {(e.group, e.name): e.distribution for e in found.entries()}
    reasons: dict[tuple[str, str], tuple[str, str, str]] = {}
    for entry in found.entries():
        if error := failed.get(entry.key):
            reasons[entry.group, entry.name] = ("broken", error.message, error.hint)
    for entry, setting in found.blocked.values():
        owners[entry.group, entry.name] = entry.distribution
        reasons[entry.group, entry.name] = ("blocked", f"switched off by {setting}", "")
    for failure in found.failures:
        name = failure.name or failure.distribution
        owners.setdefault((failure.group, name), failure.distribution)
        reasons[failure.group, name] = ("broken", failure.reason, failure.as_dict()["hint"])
    return [
        {
            "group": group,
            "name": name,
            "distribution": owner,
            "version": distribution_version(owner),
            **dict(zip(("status", "reason", "hint"), reasons.get((group, name), (sound, None, None)), strict=True)),
        }
        for (group, name), owner in sorted(owners.items())
    ]


def _status(row: dict[str, Any]) -> str:
    told = f"{row['status']}: {row['reason']}" if row["reason"] else row["status"]
    return f"{told} (try: {row['hint']})" if row["hint"] else told


def _why(row: dict[str, Any]) -> str:
    error = row["error"]
    return f"  {error['message']}{' (try: ' + error['hint'] + ')' if error['hint'] else ''}" if error else ""


def _unknown(name: str, wanted: set[str], found: Plugins) -> DataOpsError:
    for entry, setting in found.blocked.values():
        if wanted & {entry.name, entry.key}:
            return PluginFailed(f"plugin {name!r:.80} is switched off by {setting}", hint=f"change {setting}")
    known = {e.name for e in found.entries()} | {e.key for e in found.entries()}
    return NotFound(f"no plugin {name!r:.80}", hint=nearest(name, known) or "dataops plugins list")
