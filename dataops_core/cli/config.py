"""`dataops config`."""

from __future__ import annotations

import json
from typing import Any

import click

from dataops_core.cli.commands import Group
from dataops_core.cli.invocation import Invocation, width
from dataops_core.cli.text import table


@click.group(cls=Group)
def config() -> None:
    """Show the settings and where they come from."""


@config.command("show")
@click.pass_obj
def show(call: Invocation) -> None:
    """Print every setting with its value and its source; secrets are ****."""
    rows = call.settings.rows()
    payload = {"settings": [row._asdict() for row in rows]}
    shown = ((r.key, _shown(r.value), r.source) for r in rows)
    call.answer(payload, table(("KEY", "VALUE", "FROM"), shown, width=width()))


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else json.dumps(value)
