"""What begins with a slash in `dataops chat`. Most of it is a command of `dataops`, in the session that is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from dataops_core.cli.text import table
from dataops_core.errors import NotFound, UsageError

if TYPE_CHECKING:
    from dataops_core.cli.chat import Talk


class Slash(NamedTuple):
    """A command of the conversation: what follows it, what it does, and what does it.

    Args:
        takes: the kind of what follows, as in `completion.VALUES`, or "".
        summary: for `/help`.
        do: called with the conversation and the text that follows.
    """

    takes: str
    summary: str
    do: Callable[[Talk, str], None]


def _help(talk: Talk, rest: str) -> None:
    rows = [(f"/{name} {_METAVAR.get(known.takes, '')}".rstrip(), known.summary) for name, known in COMMANDS.items()]
    rows += [(f"/{name} ...", "Run this workflow with what follows.") for name in talk.workflows()]
    talk.call.answer({"commands": dict(rows)}, list(table(("TYPE", "TO"), rows))[1:])


def _new(talk: Talk, rest: str) -> None:
    talk.begin()
    talk.call.note("the next message begins a session")


def _use(talk: Talk, rest: str) -> None:
    from dataops_core.cli.ids import session_of

    talk.use(session_of(talk.call, _required(rest, "use", "ID, as /sessions shows it")))


def _sessions(talk: Talk, rest: str) -> None:
    _dataops(talk, "sessions", "list", "--limit", "20")


def _history(talk: Talk, rest: str) -> None:
    _dataops(talk, "sessions", "show", "--", _session(talk))


def _artifacts(talk: Talk, rest: str) -> None:
    _dataops(talk, "artifacts", "list", "--", _session(talk))


def _open(talk: Talk, rest: str) -> None:
    artifact = _required(rest, "open", "ID or name, as /artifacts shows it")
    if talk.call.json:
        _dataops(talk, "artifacts", "show", "--", artifact)
    else:
        _dataops(talk, "artifacts", "get", "-o", "-", "--", artifact)
        if talk.at_terminal:
            talk.call.say("")  # the editor would write over a last line that does not end


def _runs(talk: Talk, rest: str) -> None:
    _dataops(talk, "runs", "list", "--session", _session(talk))


def _cancel(talk: Talk, rest: str) -> None:
    """Cancels the run that asks, or the one that was interrupted."""
    _dataops(talk, "runs", "cancel", "--", _open_run(talk))
    talk.question = None


def _resume(talk: Talk, rest: str) -> None:
    _dataops(talk, "runs", "resume", "--", _open_run(talk))


def _list(talk: Talk, rest: str) -> None:
    _dataops(talk, "list")


def _show(talk: Talk, rest: str) -> None:
    _dataops(talk, "show", "--", _required(rest, "show", "the name of a workflow, as /list shows it"))


def _why(talk: Talk, rest: str) -> None:
    from dataops_core.cli.explaining import tell_why

    if not (query := rest or talk.query):
        raise UsageError("nothing was asked yet", hint="ask first, or give the words: /why profile orders.csv")
    tell_why(talk.call, query)


def _quit(talk: Talk, rest: str) -> None:
    talk.over = True


def _dataops(talk: Talk, *words: str) -> None:
    """Does what `dataops WORDS` does."""
    root = click.get_current_context().find_root()
    group = root.command
    assert isinstance(group, click.Group)  # noqa: S101  the whole command line is one
    command = group.get_command(root, words[0])
    assert command is not None  # noqa: S101  a command of ours
    command.main(list(words[1:]), f"dataops {words[0]}", standalone_mode=False, obj=talk.call)


def _required(rest: str, name: str, what: str) -> str:
    if not rest:
        raise UsageError(f"/{name} needs something", hint=f"/{name} {what}")
    return rest


def _session(talk: Talk) -> str:
    if talk.session_id is None:
        raise NotFound("nothing was said in this session yet", hint="/sessions shows earlier ones, /use ID takes one")
    return talk.session_id


def _open_run(talk: Talk) -> str:
    """Returns the run of the session that asks, or that is not over; raises NotFound."""
    from dataops_core.execution.runs import Runs

    runs = Runs(talk.call.stores)
    parked, holder = runs.parked(_session(talk)), runs.holder(_session(talk))
    if holder is None and parked is None:
        raise NotFound("no run of this session is open", hint="/runs shows what was run")
    return holder or str(parked and parked["run_id"])


_METAVAR: Final = {"sessions": "ID", "artifacts": "ID", "workflows": "WORKFLOW", "words": "[WORDS]"}

COMMANDS: Final[Mapping[str, Slash]] = {
    "help": Slash("", "Show what can be typed.", _help),
    "list": Slash("", "List the installed workflows.", _list),
    "show": Slash("workflows", "Show what a workflow does and takes.", _show),
    "why": Slash("words", "Say why the last message, or these words, lead where they do.", _why),
    "history": Slash("", "Show the messages of this session.", _history),
    "artifacts": Slash("", "List what this session kept.", _artifacts),
    "open": Slash("artifacts", "Show the content of an artifact.", _open),
    "runs": Slash("", "List the runs of this session.", _runs),
    "resume": Slash("", "Go on with the run that was interrupted.", _resume),
    "cancel": Slash("", "End the run that asks or was interrupted.", _cancel),
    "sessions": Slash("", "List your sessions.", _sessions),
    "use": Slash("sessions", "Go on in another session.", _use),
    "new": Slash("", "Begin a session.", _new),
    "quit": Slash("", "Leave; so does Ctrl-D.", _quit),
}
