"""`dataops run`: a workflow by its name, with values."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dataops_core.cli.asking import converses, go_on, prompted
from dataops_core.cli.catalogue import manifest_of, run_line
from dataops_core.cli.commands import Command, completes
from dataops_core.cli.executing import executing, outcome_of
from dataops_core.cli.ids import session_of
from dataops_core.cli.invocation import Invocation
from dataops_core.errors import InvalidValue

if TYPE_CHECKING:
    from dataops_core.contracts.manifest import Manifest

INPUT_BYTES: Final = 4_000_000


@click.command("run", cls=Command)
@click.argument("workflow", shell_complete=completes("workflows"))
@click.option(
    "-p",
    "--parameter",
    "given",
    metavar="KEY=VALUE",
    multiple=True,
    help="A value; as often as needed.",
    shell_complete=completes("parameters"),
)
@click.option(
    "--input",
    "input_",
    metavar="FILE|JSON",
    help="Values as a JSON object, or the file that holds it (- reads stdin).",
    shell_complete=completes("files"),
)
@click.option("-s", "--session", metavar="ID", help="Run in this session.", shell_complete=completes("sessions"))
@click.option("--trace", "traced", is_flag=True, help="Show each node with its time and artifacts.")
@click.option(
    "--timeout", metavar="SECONDS", type=float, help="How long it may take, in place of what its manifest says."
)
@click.option("-y", "--yes", "confirmed", is_flag=True, help="Run also what asks before it runs.")
@click.pass_obj
def run(
    call: Invocation,
    workflow: str,
    given: Sequence[str],
    input_: str | None,
    session: str | None,
    traced: bool,
    timeout: float | None,
    confirmed: bool,
) -> None:
    """Run a workflow by its name.

    \b
    dataops run data_profiler -p file_path=orders.csv --trace
    """
    if timeout is not None and not 0 < timeout < float("inf"):
        raise InvalidValue(f"--timeout: {timeout:g} must be a number of seconds above 0")
    manifest = manifest_of(call, workflow)
    values = _checked({**_read(input_), **_once(map(_pair, given))}, manifest, call)
    session_id = None if session is None else session_of(call, session)
    with executing(call, traced=traced) as progress:
        from dataops_core.execution.runner import Runner

        runner = Runner(call.stores, listener=progress, timeout=timeout)
        result = runner.run(
            manifest.name, values, session_id=session_id, user_id=call.settings.user, confirmed=confirmed
        )
    outcome = outcome_of(result)
    if result.status == "timeout":
        outcome["error"]["hint"] = f"give --timeout more, or {outcome['error']['hint']}"
    go_on(call, outcome, progress, traced=traced)


def _checked(values: dict[str, Any], manifest: Manifest, call: Invocation) -> dict[str, Any]:
    """Returns the values, checked; on a terminal what is missing is asked for."""
    from dataops_core.routing.parameters import validate

    allowed = call.settings.allowed_paths
    checked = validate(values, manifest, cwd=Path.cwd(), allowed_paths=allowed)
    while lacking := manifest.missing(checked):
        if not converses(call):
            raise InvalidValue(
                f"{manifest.name} needs {', '.join(p.name for p in lacking)}: {' '.join(p.question for p in lacking)}",
                hint=run_line(manifest),
                details={"workflow": manifest.name, "missing": [p.name for p in lacking]},
            )
        try:
            given = {lacking[0].name: prompted(lacking[0].question)}
            checked = validate({**checked, **given}, manifest, cwd=Path.cwd(), allowed_paths=allowed)
        except InvalidValue as wrong:
            call.say(f"{wrong.message}. {wrong.hint}".strip())
    return checked


def _pair(given: str) -> tuple[str, str]:
    key, equals, value = given.partition("=")
    if not equals or not key.strip():
        raise InvalidValue(f"-p {given!r:.80} is not KEY=VALUE", hint="for example -p file_path=orders.csv")
    return key.strip().replace("-", "_"), value


def _read(given: str | None) -> dict[str, Any]:
    """Returns the values of `--input`: JSON, a file that holds it, or `-` for standard input."""
    if given is None:
        return {}
    if given.lstrip().startswith(("{", "[")):
        source, raw = "--input", given.encode(errors="surrogateescape")
    else:
        source = "--input: standard input" if given == "-" else f"--input: {given!r}"
        try:
            if given == "-":
                raw = sys.stdin.buffer.read(INPUT_BYTES + 1)
            else:
                with open(given, "rb") as file:
                    raw = file.read(INPUT_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidValue(f"{source} cannot be read: {reason}", hint="a JSON file, or the JSON itself") from None
    if len(raw) > INPUT_BYTES:
        raise InvalidValue(f"{source} has more than {INPUT_BYTES} bytes", hint="large data go into a file")
    try:
        values = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_once)
    except UnicodeDecodeError:
        raise InvalidValue(f"{source} is not UTF-8 text", hint="save it as UTF-8") from None
    except ValueError as error:
        raise InvalidValue(f"{source} is not JSON: {error}", hint='for example \'{"file_path": "a.csv"}\'') from None
    except RecursionError:
        raise InvalidValue(
            f"{source} is nested too deeply", hint="values are lists and objects of few levels"
        ) from None
    if not isinstance(values, dict):
        raise InvalidValue(f"{source} holds {type(values).__name__}, not an object", hint='{"name": value, ...}')
    return _once((key.replace("-", "_"), value) for key, value in values.items())


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Returns pairs as a dict; raises InvalidValue when a name is given twice, for nobody knows which is meant."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise InvalidValue(f"{name!r:.80} is given twice", hint="give it one value")
        values[name] = value
    return values
