"""Commands and groups of commands: global options anywhere, modules imported when they are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from dataops_core import __version__
from dataops_core.cli.invocation import Invocation
from dataops_core.errors import DataOpsError, NotFound, PluginFailed, UsageError, nearest

_FLAGS = (
    (("--json",), "Print one JSON object."),
    (("-q", "--quiet"), "Print the answer and errors only."),
    (("-v", "--verbose"), "Log more."),
    (("--debug",), "Log everything; show where an error comes from."),
)
_VALUES = (
    ("--home", "DIR", "Where DataOps keeps its files."),
    ("--config", "FILE", "Read this file in place of ./dataops.yaml."),
)


if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Known(NamedTuple):
    """A command of ours that is not imported yet: `module:attribute`, and what it does."""

    target: str
    summary: str


def _keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value and parameter.name:
        setattr(invocation(ctx), parameter.name, value)


def _global_options(hidden: bool) -> list[click.Parameter]:
    flags = [
        click.Option(
            names,
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_keep,
            help=help_,
            hidden=hidden and names != ("--json",),
        )
        for names, help_ in _FLAGS
    ]
    values = [
        click.Option([name], metavar=what, expose_value=False, is_eager=True, callback=_keep, help=help_, hidden=hidden)
        for name, what, help_ in _VALUES
    ]
    return [*flags, *values]


def invocation(ctx: click.Context) -> Invocation:
    """Returns what the whole call was asked for."""
    found: Invocation = ctx.find_root().obj
    return found


class Command(click.Command):
    """A command that takes the global options too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params += _global_options(hidden=True)


class Group(click.Group):
    """A group that takes the global options too, and offers the nearest name for an unknown one."""

    command_class = Command

    def __init__(self, *args: Any, hide_options: bool = True, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params += _global_options(hidden=hide_options)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command of the first argument; raises UsageError with the nearest name."""
        if (found := self.get_command(ctx, args[0])) is not None:
            return args[0], found, args[1:]
        raise UsageError(
            f"no command {args[0]!r:.80} in {ctx.command_path}",
            hint=nearest(args[0], self.list_commands(ctx)) or f"{ctx.command_path} --help",
        )


class LazyGroup(Group):
    """The root: commands of ours by name, imported when they are called, and those of plugins.

    Args:
        known: our commands, in the order of the help.
    """

    def __init__(self, *args: Any, known: Mapping[str, Known], **options: Any) -> None:
        super().__init__(*args, hide_options=False, **options)
        self.known = known
        self.params.append(
            click.Option(
                ["--version"],
                is_flag=True,
                expose_value=False,
                callback=_version,
                help="Print the version.",
            )
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns our commands and those of plugins; imports none of them."""
        return [*self.known, *self._of_plugins(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command; raises PluginFailed when it is a plugin's and does not load."""
        if cmd_name in self.known:
            module, _, attribute = self.known[cmd_name].target.partition(":")
            command: click.Command = getattr(import_module(module), attribute)
            return command
        return self._plugin(ctx, cmd_name)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Returns the commands and options that begin so; imports none of the commands."""
        from click.shell_completion import CompletionItem

        names = {name: known.summary for name, known in self.known.items()}
        names |= {name: f"(of {owner})" for name, owner in self._of_plugins(ctx).items()}
        found = [CompletionItem(name, help=told) for name, told in names.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes what it is, and three commands to begin with, into the help."""
        super().format_help_text(ctx, formatter)
        with formatter.section("To begin with"):
            formatter.write_dl(self._to_begin_with(ctx), col_max=40)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands into the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, known.summary) for name, known in self.known.items()])
        if others := self._of_plugins(ctx):
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, f"(of {owner})") for name, owner in others.items()])

    def _to_begin_with(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Returns three commands to try and what they do; nothing is read for it but names."""
        from dataops_core.plugin.discovery import WORKFLOWS

        try:
            installed = invocation(ctx).plugins.names(WORKFLOWS)
        except DataOpsError:  # doctor says what is wrong with the settings
            return [("dataops doctor", "say what is wrong with this installation")]
        if not installed:
            return [
                ("pip install dataops-data-profiler", "no workflow is installed yet; this is one"),
                ("dataops doctor", "say whether this installation can work"),
                ("dataops list", "list the installed workflows"),
            ]
        return [
            ('dataops ask "what can you do?"', "ask in plain words"),
            (f"dataops show {installed[0]}", "show what a workflow does and takes"),
            ("dataops chat", "ask in a conversation"),
        ]

    def _of_plugins(self, ctx: click.Context) -> dict[str, str]:
        from dataops_core.plugin.discovery import COMMANDS

        try:
            entries = invocation(ctx).plugins.entries(COMMANDS)
            return {entry.name: entry.distribution for entry in entries if entry.name not in self.known}
        except DataOpsError:
            return {}  # the help must come, whatever is wrong with the settings

    def _plugin(self, ctx: click.Context, name: str) -> click.Command | None:
        from dataops_core.plugin.discovery import COMMANDS

        plugins = invocation(ctx).plugins
        plugins.verify[COMMANDS] = verify_command
        try:
            command: click.Command = plugins.load(COMMANDS, name)
        except NotFound:
            return None
        return command


def verify_command(entry: Any, manifest: Any, delivered: Any) -> None:
    """Refuses what a plugin of `dataops.commands` delivers when it is no click command."""
    if not isinstance(delivered, click.Command):
        raise PluginFailed(
            f"{entry.value!r} is {type(delivered).__name__}, not a click command", hint="name a click.Command"
        )


def completes(kind: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Returns what offers a shell the values of an argument or option: those of `completion.VALUES[kind]`."""

    def offered(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        from dataops_core.cli.completion import offers

        return offers(kind, ctx, begun)

    return offered


def _version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:  # a shell that asks for completions wants nothing else
        invocation(ctx).answer({"version": __version__}, [f"dataops {__version__}"])
        ctx.exit()
