"""`dataops completion`: the shell's script by click's own machinery, and the values that Tab offers.

A Tab imports nobody's code, waits for no server and makes nothing: values come from manifests and from the embedded
database, where it is there already.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, get_completion_class

from dataops_core.cli.commands import Command, completes, invocation
from dataops_core.cli.invocation import Invocation, is_terminal
from dataops_core.cli.main import COMPLETE
from dataops_core.errors import UsageError, nearest

if TYPE_CHECKING:
    from dataops_core.contracts.manifest import Manifest, Parameter
    from dataops_core.plugin.discovery import Entry

#: Ids offered at most; the newest.
_IDS: Final = 50
_PROGRAM: Final = "dataops"
_INSTALLED: Final = {
    "bash": "echo 'eval \"$(dataops completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(dataops completion zsh)\"' >> ~/.zshrc   (below compinit)",
    "fish": "dataops completion fish > ~/.config/fish/completions/dataops.fish",
}


@click.command("completion", cls=Command)
@click.argument("shell", metavar="bash|zsh|fish", shell_complete=completes("shells"))
@click.pass_obj
def completion(call: Invocation, shell: str) -> None:
    """Print the script that makes Tab complete commands, options, names and ids in a shell.

    \b
    bash   echo 'eval "$(dataops completion bash)"' >> ~/.bashrc
    zsh    echo 'eval "$(dataops completion zsh)"' >> ~/.zshrc   (below compinit)
    fish   dataops completion fish > ~/.config/fish/completions/dataops.fish
    """
    if shell not in _INSTALLED:
        hint = nearest(shell, _INSTALLED) or f"one of {', '.join(_INSTALLED)}"
        raise UsageError(f"there is no completion for {shell!r:.40}", hint=hint)
    made = get_completion_class(shell)
    assert made is not None  # click knows the three  # noqa: S101
    root = click.get_current_context().find_root().command
    script = made(root, {}, _PROGRAM, COMPLETE).source()
    call.answer({"shell": shell, "script": script}, script.splitlines())
    if is_terminal(sys.stdout):
        call.note(f"install it with: {_INSTALLED[shell]}")


@add_completion_class
class Bash(BashComplete):
    """Click's for bash, where `key=value` is one word, and no space follows a key."""

    source_template = BashComplete.source_template.replace(
        "COMPREPLY+=($value)",
        'COMPREPLY+=("$value")\n            if [[ $value == *= ]]; then compopt -o nospace; fi',
    )
    _cut = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Returns the words before the one that is completed, and that one; bash splits words at `=`."""
        args, begun = super().get_completion_args()
        if not begun or (begun == "=" and args[-1].startswith("-")):
            return _joined(args), ""
        *before, last = _joined([*args, begun])
        self._cut = last.removesuffix(begun.removeprefix("=")) if last != begun else ""
        return before, last

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Returns a line for the script, without what stands before the `=` already."""
        value = item.value.removeprefix(self._cut)
        return super().format_completion(CompletionItem(value, type=item.type))


def _joined(words: Iterable[str]) -> list[str]:
    """Returns words with `key`, `=`, `value` as one; an option and its value stay two, as click wants them."""
    joined: list[str] = []
    for word in words:
        before = joined[-1] if joined else "-"
        if before.startswith("-"):
            joined += [word] if word != "=" else []
        elif word == "=" or before.endswith("="):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def offers(kind: str, ctx: click.Context, begun: str) -> list[CompletionItem[Any]]:
    """Returns what can stand where `begun` is typed.

    Args:
        kind: a key of `VALUES`.
        ctx: of the command, with what is parsed of it.
        begun: what is typed so far.
    """
    found: list[CompletionItem[Any]] = []
    with suppress(Exception):  # whatever is wrong, a Tab is no place to say it; any command does
        for item in VALUES[kind](invocation(ctx), ctx, begun):
            offered = item if isinstance(item, CompletionItem) else CompletionItem(item)
            # What a shell would have to quote is not offered: bash takes the words as they are.
            if offered.value.startswith(begun) and (shlex.quote(offered.value) == offered.value or not offered.value):
                found.append(offered)
    return found


Offered = Iterable["str | CompletionItem[Any]"]


def _entries(call: Invocation) -> list[Entry]:
    return call.plugins.entries("dataops.workflows")


def _manifest(call: Invocation, entry: Entry) -> Manifest | None:
    """Returns a manifest from the cache or its file; keeps nothing, so that no home is made."""
    from dataops_core.plugin.manifests import ManifestCache

    with suppress(Exception):  # a broken one is no business of a Tab's
        return ManifestCache(call.settings.home / "cache" / "manifests.json").manifest(entry)
    return None


def _workflows(call: Invocation, ctx: click.Context, begun: str) -> Offered:
    return [entry.name for entry in _entries(call)]


def _plugins(call: Invocation, ctx: click.Context, begun: str) -> Offered:
    return [entry.name for entry in call.plugins.entries()]


def _categories(call: Invocation, ctx: click.Context, begun: str) -> Offered:
    manifests = (_manifest(call, entry) for entry in _entries(call))
    return sorted({manifest.category for manifest in manifests if manifest})


def _parameters(call: Invocation, ctx: click.Context, begun: str) -> Offered:
    """Yields `name=` for the parameters of the workflow that is typed, then the values of the one that is chosen."""
    # Without the value that is being typed click has not read the arguments; they are left over.
    workflow = str(ctx.params.get("workflow") or next(iter(ctx.args), "")).replace("-", "_")
    entry = next((entry for entry in _entries(call) if entry.name == workflow), None)
    if entry is None or (manifest := _manifest(call, entry)) is None:
        return
    key, equals, _ = begun.partition("=")
    if equals:
        parameter = manifest.parameter(key.replace("-", "_"))
        yield from _values(key, parameter, begun) if parameter else ()
        return
    given = {str(pair).partition("=")[0].replace("-", "_") for pair in ctx.params.get("given") or ()}
    for parameter in sorted(manifest.parameters, key=lambda p: not p.required):
        if parameter.name not in given:
            yield CompletionItem(f"{parameter.name}=", help=parameter.description)


def _values(key: str, parameter: Parameter, begun: str) -> Offered:
    if parameter.type == "file_path":
        yield CompletionItem(begun, type="file")
    elif parameter.type == "boolean":
        yield from (f"{key}=true", f"{key}=false")
    else:
        told = (*parameter.choices, parameter.default, parameter.example)
        yield from dict.fromkeys(f"{key}={value}" for value in told if isinstance(value, str | int | float))


def _is_local(call: Invocation) -> bool:
    """Says whether records are in the embedded database, and it is there: opening it would make it."""
    from dataops_core.storage.folders import path_of_url

    url = call.settings.records_url
    return url.startswith("sqlite:") and path_of_url(url, "sqlite", relative=True).is_file()


def _sessions(call: Invocation, ctx: click.Context, begun: str) -> Offered:
    if not _is_local(call):
        return []
    from dataops_core.session_manager import SessionManager

    return [s.session_id for s in SessionManager(call.stores).list_sessions(call.settings.user, limit=_IDS)]


def _of_sessions(listed: Callable[[Invocation, str], Iterable[str]]) -> Callable[..., Offered]:
    """Returns what offers the ids that a function lists of a session: of the newest sessions, the newest ids first."""

    def offered(call: Invocation, ctx: click.Context, begun: str) -> Offered:
        session_id, dot, _ = begun.partition(".")
        sessions = [session_id] if dot else _sessions(call, ctx, begun)
        return islice(chain.from_iterable(listed(call, str(s)) for s in sessions), _IDS) if _is_local(call) else ()

    return offered


def _runs(call: Invocation, session_id: str) -> Iterator[str]:
    from dataops_core.execution.run_records import list_runs

    return (run["run_id"] for run in list_runs(call.stores.records, session_id=session_id, limit=_IDS))


def _artifacts(call: Invocation, session_id: str) -> Iterator[str]:
    from dataops_core.artifact_store import ArtifactStore

    return (a.artifact_id for a in ArtifactStore(call.stores).list_artifacts(session_id, limit=_IDS))


def _snapshots(call: Invocation, session_id: str) -> Iterator[str]:
    from dataops_core.context_manager import ContextManager
    from dataops_core.session_manager import SessionManager

    manager = ContextManager(SessionManager(call.stores))
    return (snapshot.snapshot_id for snapshot in manager.list_snapshots(session_id, limit=_IDS))


def _statuses(call: Invocation, ctx: click.Context, begun: str) -> Offered:
    from dataops_core.execution.run_records import STATUSES

    return STATUSES


def _types(call: Invocation, ctx: click.Context, begun: str) -> Offered:
    from dataops_core.artifact import ArtifactType

    return [kind.value for kind in ArtifactType]


def _modes(call: Invocation, ctx: click.Context, begun: str) -> Offered:
    from dataops_core.snapshots.loading import MODES

    return MODES


def _parts(call: Invocation, ctx: click.Context, begun: str) -> Offered:
    from dataops_core.snapshots.loading import PARTS

    return PARTS


#: What is offered for the arguments and options that `commands.completes` names.
VALUES: Final[Mapping[str, Callable[[Invocation, click.Context, str], Offered]]] = {
    "shells": lambda call, ctx, begun: list(_INSTALLED),
    "workflows": _workflows,
    "plugins": _plugins,
    "categories": _categories,
    "parameters": _parameters,
    "sessions": _sessions,
    "runs": _of_sessions(_runs),
    "artifacts": _of_sessions(_artifacts),
    "snapshots": _of_sessions(_snapshots),
    "statuses": _statuses,
    "types": _types,
    "modes": _modes,
    "parts": _parts,
    "files": lambda call, ctx, begun: [CompletionItem(begun, type="file")],
    "folders": lambda call, ctx, begun: [CompletionItem(begun, type="dir")],
}
