"""The line editor of `dataops chat`: history, completion, Ctrl-C and Ctrl-D. Imported on a terminal only."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.output import create_output

from dataops_core.cli import signals
from dataops_core.cli.chat_commands import COMMANDS
from dataops_core.cli.text import line
from dataops_core.errors import DataOpsError

if TYPE_CHECKING:
    from dataops_core.cli.chat import Talk

FILE: Final = "chat_history"
#: Lines that the history keeps, the newest; it is cut when a conversation begins.
KEPT: Final = 1000
_LONGEST: Final = 4000


def typed(talk: Talk) -> Iterator[str]:
    """Yields what is typed until Ctrl-D, with an editor on standard error; Ctrl-C clears the line.

    Raises:
        KeyboardInterrupt: SIGTERM came.
    """
    editor: PromptSession[str] = PromptSession(
        history=history(talk.call.settings.home),
        completer=Words(talk),
        # A path is completed by Tab alone; commands show themselves.
        complete_while_typing=Condition(lambda: get_app().current_buffer.text.startswith("/")),
        output=create_output(stdout=sys.stderr),
        reserve_space_for_menu=6,
    )
    while True:
        try:
            suggestion = (talk.question or {}).get("suggestion")
            yield editor.prompt(
                f"{line(talk.asker)}? " if talk.question else "> ",
                placeholder=None if suggestion is None else line(suggestion),
            )
        except KeyboardInterrupt:
            if signals.terminated():
                raise
            signals.settled()
        except EOFError:
            return


class Words(Completer):
    """Completes commands and workflows after a slash, what a command takes after that, and paths elsewhere."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yields what can stand at the cursor."""
        text = document.text_before_cursor
        name, space, rest = text.partition(" ")
        word = text.rpartition(" ")[2]
        if text.startswith("/") and not space:
            told = {f"/{n}": known.summary for n, known in COMMANDS.items()}
            told |= {f"/{n}": "workflow" for n in self.talk.workflows() if f"/{n}" not in told}
            for offered, summary in told.items():
                if offered.startswith(text):
                    yield Completion(offered, start_position=-len(text), display_meta=summary)
        elif (known := COMMANDS.get(name[1:])) and name.startswith("/"):
            for value in self._values(known.takes, rest):
                yield Completion(value, start_position=-len(rest))
        if not text.startswith("/") or space or "/" in text[1:]:
            path = word.rpartition("=")[2]
            yield from self.paths.get_completions(Document(path, len(path)), complete_event)

    def _values(self, takes: str, begun: str) -> list[str]:
        call = self.talk.call
        with suppress(DataOpsError, OSError):
            if takes == "workflows":
                return [name for name in self.talk.workflows() if name.startswith(begun)]
            if takes == "artifacts" and self.talk.session_id:
                from dataops_core.artifact_store import ArtifactStore

                found = ArtifactStore(call.stores).list_artifacts(self.talk.session_id, limit=50)
                return [a.artifact_id for a in found if a.artifact_id.startswith(begun)]
            if takes == "sessions":
                from dataops_core.session_manager import SessionManager

                sessions = SessionManager(call.stores).list_sessions(call.settings.user, limit=50)
                return [s.session_id for s in sessions if s.session_id.startswith(begun)]
        return []


class Kept(FileHistory):
    """A history in a file that others cannot read. What cannot be kept is only not kept."""

    def store_string(self, string: str) -> None:
        """Appends a line."""
        with suppress(OSError, UnicodeError):
            super().store_string(string[:_LONGEST])


def history(home: Path) -> History:
    """Returns the history in a home, cut to its newest lines; in memory where there is no writing."""
    from dataops_core.storage.folders import make_private_folder

    path = home / FILE
    try:
        make_private_folder(home)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        path.chmod(0o600)
        lines = list(FileHistory(path).load_history_strings())  # the newest first
        if len(lines) > KEPT:
            cut = path.with_name(f".{FILE}.{os.getpid()}")
            cut.unlink(missing_ok=True)
            os.close(os.open(cut, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            kept = FileHistory(cut)
            for text in reversed(lines[:KEPT]):
                kept.store_string(text)
            cut.replace(path)
    except (OSError, DataOpsError):
        return InMemoryHistory()
    return Kept(path)
