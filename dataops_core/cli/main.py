"""The entry of `dataops`, and the one edge where errors become lines and exit statuses."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import click

from dataops_core.cli import exits, signals
from dataops_core.cli.commands import Known, LazyGroup, invocation
from dataops_core.cli.invocation import Interrupted, Invocation, ReaderGone
from dataops_core.errors import DataOpsError, UsageError

_HERE: Final = "dataops_core.cli"
#: The variable by which a shell asks for completions.
COMPLETE: Final = "_DATAOPS_COMPLETE"
COMMANDS: Final = {
    "ask": Known(f"{_HERE}.ask:ask", "Ask in plain words; the workflow that fits is run."),
    "chat": Known(f"{_HERE}.chat:chat", "Ask in a conversation, with history, completion and /commands."),
    "run": Known(f"{_HERE}.run:run", "Run a workflow by its name."),
    "list": Known(f"{_HERE}.catalogue:list_", "List the installed workflows."),
    "show": Known(f"{_HERE}.catalogue:show", "Show what a workflow does and takes."),
    "plugins": Known(f"{_HERE}.plugins:plugins", "List and check what is installed."),
    "runs": Known(f"{_HERE}.runs:runs", "List, show, resume and cancel runs."),
    "sessions": Known(f"{_HERE}.sessions:sessions", "List, show, archive and delete sessions."),
    "artifacts": Known(f"{_HERE}.artifacts:artifacts", "List, show, get and share kept results."),
    "context": Known(f"{_HERE}.context:context", "Keep what a session is about, and bring it back."),
    "storage": Known(f"{_HERE}.storage:storage", "Check the stores, and sweep what is left over."),
    "config": Known(f"{_HERE}.config:config", "Show the settings and where they come from."),
    "doctor": Known(f"{_HERE}.doctor:doctor", "Say what is wrong with this installation."),
    "completion": Known(f"{_HERE}.completion:completion", "Print the script that makes Tab complete in a shell."),
}


class _Through(Exception):
    """Carries past click what it would treat in its own way."""


class Root(LazyGroup):
    """The whole command line. Whatever goes wrong leaves as one line and an exit status."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Runs a command and exits.

        Args:
            args: the arguments; those of the process by default.
            prog_name: how the program is called in its help.
            complete_var: the variable by which a shell asks for completions.
            standalone_mode: click's; this always exits by itself.
        """
        given = list(sys.argv[1:] if args is None else args)
        call = Invocation()
        if COMPLETE in os.environ:
            self._complete(call, prog_name or "dataops")
        try:
            done = super().main(given, prog_name or "dataops", complete_var, standalone_mode=False, obj=call, **extra)
            call.status = done or call.status  # what --help exits with
        except BaseException as error:
            call.json = call.json or "--json" in given[: given.index("--") if "--" in given else None]
            report(call, error.__cause__ if isinstance(error, _Through) and error.__cause__ else error)
        sys.exit(call.status)

    def _complete(self, call: Invocation, prog_name: str) -> NoReturn:
        """Answers a shell that asks what can be typed. An error in the middle of a command line would help nobody."""
        from dataops_core.cli import completion  # noqa: F401  it teaches click our way with bash

        with contextlib.redirect_stderr(None), contextlib.suppress(Exception):
            super().main([], prog_name, COMPLETE, standalone_mode=False, obj=call)
        sys.exit(exits.FAILED)

    def invoke(self, ctx: click.Context) -> None:
        """Runs the command; how it ends is in the invocation's status."""
        try:
            super().invoke(ctx)
        except click.exceptions.Exit as end:
            invocation(ctx).status = end.exit_code
        except (OSError, EOFError, KeyboardInterrupt) as error:
            raise _Through from error


def report(call: Invocation, error: BaseException) -> None:
    """Prints an error and sets the status; the traceback too with `--debug`."""
    if isinstance(error, ReaderGone):
        call.status = exits.READER_GONE
        return
    if isinstance(error, SystemExit):
        call.status = error.code if isinstance(error.code, int) else exits.FAILED if error.code else exits.OK
        return
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and not call.json:
        call.say(error.format_message())
        call.status = exits.USAGE
        return
    if call.debug:
        import traceback

        traceback.print_exception(error)
    try:
        call.failed(_told(error).as_dict())
    except (ReaderGone, DataOpsError):  # there is nobody left to tell
        call.status = exits.READER_GONE
    if isinstance(error, KeyboardInterrupt | click.Abort | Interrupted):
        call.status = signals.status()


def _told(error: BaseException) -> DataOpsError:
    if isinstance(error, DataOpsError):
        return error
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return Interrupted("interrupted")
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return UsageError("a command is missing", hint=f"{error.ctx.command_path if error.ctx else 'dataops'} --help")
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f"{context.command_path} --help" if context is not None else ""
        return UsageError(error.format_message(), hint=hint)
    return DataOpsError(
        f"unexpected {type(error).__name__}: {error}",
        hint="the same command with --debug shows where it happened",
    )


dataops = Root(
    "dataops",
    known=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    help="Ask for data-engineering work in plain words; run workflows and keep their results.",
)


def main() -> NoReturn:
    """The `dataops` command."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # Closed by the caller: the next file that is opened, a database say, would be printed into.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    signals.install()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        dataops.main()
    finally:
        sys.stdout = sys.stderr  # the answer is said; what plugins print as the process ends is none


if __name__ == "__main__":
    main()
