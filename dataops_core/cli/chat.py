"""`dataops chat`: a conversation. On a terminal lines are edited; elsewhere each line of stdin is a message."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import Any, Final

import click

from dataops_core.cli import exits, signals
from dataops_core.cli.asking import ASKS, asked_of, converses, open_in
from dataops_core.cli.catalogue import count
from dataops_core.cli.chat_commands import COMMANDS
from dataops_core.cli.commands import Command, completes
from dataops_core.cli.executing import tell
from dataops_core.cli.ids import newest_session, session_of
from dataops_core.cli.invocation import Interrupted, Invocation, ReaderGone
from dataops_core.cli.text import line
from dataops_core.errors import Conflict, InvalidValue, NotFound, UsageError, nearest

#: `/name` and what follows it; a path has another slash.
_COMMAND: Final = re.compile(r"/([\w-]+)(?:\s+(.*))?", re.DOTALL)
#: What is shown of a message when a session goes on.
_SHOWN: Final = 300


@click.command("chat", cls=Command)
@click.option("-s", "--session", metavar="ID", help="Go on in this session.", shell_complete=completes("sessions"))
@click.option("-c", "--continue", "goes_on", is_flag=True, help="Go on in your newest session, where it stopped.")
@click.option("--new", is_flag=True, help="Begin a session; so it is without these options.")
@click.option("--trace", "traced", is_flag=True, help="Show the nodes of each run with their times and artifacts.")
@click.pass_obj
def chat(call: Invocation, session: str | None, goes_on: bool, new: bool, traced: bool) -> None:
    """Ask in a conversation, with history, completion and /commands.

    /help says what can be typed. Ctrl-C stops what runs or clears the line, Ctrl-D leaves. Without a terminal each line
    of standard input is a message, and with --json each answer one object a line; the exit status is 1 when a message
    failed.

    \b
    dataops chat --continue
    printf 'what can you do?\\n/list\\n' | dataops chat
    """
    if (session is not None) + goes_on + new > 1:
        raise UsageError("--session, --continue and --new exclude each other", hint="give one of them")
    talk = Talk(call, traced=traced, at_terminal=converses(call))
    if session is not None:
        talk.use(session_of(call, session))
    elif goes_on:
        talk.use(newest_session(call))
    elif talk.at_terminal:
        talk.greet()
    for text in _typed(talk) if talk.at_terminal else _read():
        talk.take(text)
        if talk.over:
            break
    if talk.at_terminal and talk.session_id:
        call.note(f"session {talk.session_id}; dataops chat --continue goes on with it")
    call.status = exits.FAILED if talk.failed and not talk.at_terminal else exits.OK


class Talk:
    """A conversation.

    Args:
        call: the invocation.
        traced: whether the nodes of each run are shown as a tree.
        at_terminal: whether somebody sits there.

    Attributes:
        session_id: where it goes on, or None when the next message begins a session.
        question: that was asked last and has no answer yet; a dict as the orchestrator gives it.
        asker: the workflow that asks it, or "".
        seen: the question that was open when something was shown last, as the orchestrator takes it; None when nobody
            has looked since.
        query: the last message that was no command.
        failed: whether a message failed so far.
        over: whether to leave.
    """

    def __init__(self, call: Invocation, *, traced: bool, at_terminal: bool) -> None:
        self.call, self.traced, self.at_terminal = call, traced, at_terminal
        self.session_id: str | None = None
        self.question: dict[str, Any] | None = None
        self.seen: dict[str, str | None] | None = None
        self.asker = self.query = ""
        self.failed = self.over = False

    def workflows(self) -> list[str]:
        """Returns the names of the installed workflows."""
        return self.call.plugins.names("dataops.workflows")

    def greet(self) -> None:
        """Says what can be typed, in two lines."""
        if installed := self.workflows():
            self.call.note(
                f"Ask in plain words, e.g. what can you do?  {count(len(installed), 'workflow')} can be run: "
                f"{', '.join(installed[:5])}{', ...' if len(installed) > 5 else ''}."
            )
        else:
            self.call.note("No workflow is installed yet: pip install dataops-data-profiler, then ask in plain words.")
        self.call.note("/help says what else can be typed, Tab completes, Ctrl-C stops what runs, Ctrl-D leaves.")

    def use(self, session_id: str) -> None:
        """Goes on in a session: shows what was said last, and what it waits for."""
        from dataops_core.execution.runs import Runs
        from dataops_core.session_manager import SessionManager

        said = SessionManager(self.call.stores).get_messages(session_id, limit=2)
        self.begin()
        self.session_id = session_id
        runs = Runs(self.call.stores)
        record, _ = runs.session(session_id)
        parked, self.seen = runs.parked(session_id), open_in(self.call, session_id)
        self.call.note(f"session {session_id}, {count(record['revision'], 'message')}")
        for message in said:
            told = line(message.content)
            self.call.note(f"{message.role}: {told[:_SHOWN]}{'...' if len(told) > _SHOWN else ''}")
        if choice := record.get("choice"):  # asked after whatever else is open
            self.question = {"id": choice["id"], "run_id": None, "suggestion": None}
        elif parked is not None:
            self.question, self.asker = {**parked["question"], "run_id": parked["run_id"]}, parked["workflow"]
            self.call.answer({"session_id": session_id, "question": self.question}, [self.question["prompt"]])

    def begin(self) -> None:
        """Has the next message begin a session."""
        self.session_id = self.question = self.seen = None
        self.asker = ""

    def take(self, text: str) -> None:
        """Does what a line says. Whatever goes wrong is told, and the conversation goes on.

        Raises:
            Interrupted: SIGTERM came, or Ctrl-C and nobody sits there.
            ReaderGone: nobody reads the answers any more.
        """
        text = text.strip()
        if not text and self.question and self.question.get("suggestion") is not None:
            text = str(self.question["suggestion"])
        if not text:
            return
        try:
            self._do(text)
            self.seen = open_in(self.call, self.session_id) if self.session_id else None
        except ReaderGone:
            raise
        except (Interrupted, KeyboardInterrupt, click.Abort) as stop:
            if not self.at_terminal or signals.terminated():
                raise
            self._stopped(stop)
        except Exception as error:
            from dataops_core.cli.main import report

            if isinstance(error, Conflict):  # the question was answered elsewhere
                self.question = None
            report(self.call, error)
        finally:
            signals.settled()
            self.failed = self.failed or self.call.status != exits.OK
            self.call.status = exits.OK

    def _do(self, text: str) -> None:
        named = _COMMAND.fullmatch(text)
        if named is None or self._is_file(named[1]) or named[1].replace("-", "_") in self.workflows():
            self._ask(text)
        elif named[1] in COMMANDS:
            COMMANDS[named[1]].do(self, (named[2] or "").strip())
        else:
            known = [f"/{name}" for name in (*COMMANDS, *self.workflows())]
            raise NotFound(f"no command or workflow {'/' + named[1]!r:.60}", hint=nearest(text, known) or "/help")

    def _is_file(self, name: str) -> bool:
        """Says whether `/name` is a path that answers the question that is open."""
        return self.question is not None and name not in COMMANDS and os.path.exists(f"/{name}")

    def _ask(self, text: str) -> None:
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise InvalidValue(
                "the message is not valid text", hint="type it in the terminal's encoding (see `locale`)"
            )
        self.query = text
        asked: dict[str, Any] = {"user_query": text, "user_id": self.call.settings.user}
        if self.session_id is not None:
            asked["session_id"] = self.session_id
            asked["seen"] = self.seen or open_in(self.call, self.session_id)
        if self.question is not None:
            asked["seen"] = {"run_id": self.question["run_id"], "id": self.question["id"]}
        self.seen = None
        try:
            outcome, progress = asked_of(self.call, asked, traced=self.traced)
        finally:
            self.call.plugins.warnings.clear()  # each is said once, and not after every message again
        self.session_id = outcome["session_id"]
        waits = outcome["status"] in ASKS
        self.question, self.asker = (outcome["question"], outcome["workflow"] or "") if waits else (None, "")
        told = {"query": text, **outcome}
        if waits:
            self.call.answer({**told, "nodes": []}, [outcome["answer"] or outcome["question"]["prompt"]])
        else:
            shown = told if self.call.json else {**told, "session_id": None}  # said at the end
            tell(self.call, shown, progress.nodes, traced=self.traced)

    def _stopped(self, stop: BaseException) -> None:
        """Says what Ctrl-C left: a run that has the session's turn, so that the next message waits for its end."""
        details = stop.details if isinstance(stop, Interrupted) else {}
        self.session_id = details.get("session_id", self.session_id)
        self.call.say(getattr(stop, "message", "") or "interrupted")
        if "run_id" in details:
            self.call.note("it goes on with the next message, or by /resume; /cancel ends it")


def _read() -> Iterator[str]:
    """Yields the lines of standard input; what is no text in them is for whoever takes the line to refuse."""
    for raw in sys.stdin.buffer:
        yield raw.decode("utf-8", "surrogateescape")


def _typed(talk: Talk) -> Iterator[str]:
    from dataops_core.cli.chat_prompt import typed

    return typed(talk)
