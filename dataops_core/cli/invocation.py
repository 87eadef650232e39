"""One call of the command line: its global options, its settings, and how it answers.

Standard output carries data only; notes, progress and errors go to standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from dataops_core.cli import exits
from dataops_core.cli.text import line, safe
from dataops_core.errors import DataOpsError, Unreachable

if TYPE_CHECKING:
    from dataops_core.plugin.manager import Plugins
    from dataops_core.settings import Settings
    from dataops_core.storage.opening import Stores

SCHEMA_VERSION: Final = 1


class ReaderGone(Exception):
    """Whoever reads standard output has closed it."""


class Interrupted(DataOpsError):
    """Ctrl-C or SIGTERM."""

    code = "interrupted"


class Invocation:
    """The global options of a call, filled in as they are parsed, and its ways to answer.

    Attributes:
        status: the exit status that the command wants.
    """

    def __init__(self) -> None:
        self.json = self.quiet = self.verbose = self.debug = False
        self.home: str | None = None
        self.config: str | None = None
        self.status = exits.OK
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The settings, loaded when they are first asked for, and those of the process from then on."""
        if self._settings is None:
            from pathlib import Path

            from dataops_core import settings

            level = "DEBUG" if self.debug else "INFO" if self.verbose else "ERROR" if self.quiet else None
            config = None if self.config is None else Path(self.config)
            self._settings = settings.load({"home": self.home, "log_level": level}, config=config)
            settings.use(self._settings)
            for unknown in self._settings.unknown:
                self.warn(unknown)
        return self._settings

    @property
    def plugins(self) -> Plugins:
        """The installed plugins, by these settings."""
        from dataops_core.plugin.manager import plugins

        _ = self.settings
        return plugins()

    @property
    def stores(self) -> Stores:
        """The stores of these settings, opened when they are first asked for."""
        from dataops_core.storage.opening import open_stores

        return open_stores(self.settings)

    def answer(self, payload: Mapping[str, Any], lines: Iterable[str]) -> None:
        """Prints the answer to standard output.

        Args:
            payload: what `--json` prints, as one object with `schema_version`.
            lines: what people read; each is made safe.
        """
        if self.json:
            import json

            # ASCII only: no character of a stranger's text can mean anything to a terminal.
            indent = 2 if is_terminal(sys.stdout) else None
            told = {"schema_version": SCHEMA_VERSION, **payload}
            write_out(json.dumps(told, indent=indent, default=str) + "\n")
        else:
            write_out("".join(f"{safe(text)}\n" for text in lines))

    def note(self, text: str) -> None:
        """Says something beside the answer; not with `--quiet` or `--json`, where the answer holds it."""
        if not (self.quiet or self.json):
            self.say(line(text))

    def warn(self, text: str) -> None:
        """Says what is not right, and did not stop the command."""
        self.say(f"warning: {line(text)}")

    def say(self, text: str) -> None:
        """Prints a line to standard error."""
        if sys.stderr is not None:
            print(safe(text), file=sys.stderr, flush=True)

    def failed(self, error: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> None:
        """Tells of an error (`code`, `message`, `hint`) and takes its exit status.

        Args:
            error: what `DataOpsError.as_dict()` gives.
            more: what `--json` prints beside it.
        """
        self.status = exits.status_of(error)
        if self.json:
            self.answer({**(more or {}), "error": dict(error)}, ())
            return
        if sys.stderr is None:
            return
        told = click.style("error:", fg="red") if has_colour(sys.stderr) else "error:"
        print(f"{told} {line(error['message'])}", file=sys.stderr)
        for hint in str(error.get("hint") or "").splitlines():
            print(f"  try: {line(hint)}", file=sys.stderr)
        sys.stderr.flush()


def is_terminal(stream: Any) -> bool:
    """Says whether a stream is a terminal; a closed or missing one is none."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def has_colour(stream: Any) -> bool:
    """Says whether colours may be used on a stream (NO_COLOR, TERM=dumb, pipes: no)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width() -> int | None:
    """Returns the width of the terminal on standard output, or None in a pipe, where nothing is cut."""
    import shutil

    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None


def write_out(data: str | bytes) -> None:
    """Writes to standard output.

    Raises:
        ReaderGone: nobody reads it any more.
        Unreachable: it is closed, or its disk is full.
    """
    stream = sys.stdout
    if stream is None:
        raise Unreachable("standard output is closed", hint="redirect it to a file, or to /dev/null")
    try:
        if isinstance(data, str):
            stream.write(data)
        else:
            stream.flush()
            stream.buffer.write(data)
        stream.flush()
    except BrokenPipeError:
        _forget_output()
        raise ReaderGone from None
    except OSError as error:
        _forget_output()
        raise Unreachable(
            f"standard output cannot be written: {error.strerror or error}", hint="free some space, or write elsewhere"
        ) from None


def _forget_output() -> None:
    # What is still in the buffer would raise again when Python flushes it at the end.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
