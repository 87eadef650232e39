"""Public calls of the library, each acknowledged by a line as soon as it has returned."""

from __future__ import annotations

import hashlib
import io
import time
from contextlib import suppress

from campaign.processes import Said, Say
from dataops_core import ArtifactStore, SessionManager
from dataops_core.errors import Conflict
from dataops_core.execution.runner import Runner, RunResult
from dataops_core.execution.runs import FINAL

#: How people come upon a run whose worker died: `runs resume`, `runs resume RUN --force`, or the next message.
WAYS = ("resume_open", "force", "next message")
LONG = "a long message, kept in a blob of its own; " * 600


def new_session(say: Say) -> str:
    """Starts a session that has a short and a long message."""
    session = SessionManager().create_session("ann").session_id
    for content in ("hello", LONG):
        say_message(say, session, content, f"prepared {content[:6]}")
    return session


def say_message(say: Say, session: str, content: str, message_id: str | None = None) -> None:
    """Adds a message and acknowledges it."""
    SessionManager().add_message(session, "user", content, message_id=message_id)
    say("message", session=session, content=content)


def say_artifact(say: Say, session: str, content: bytes, name: str | None = None) -> str:
    """Stores an artifact from a stream and acknowledges it."""
    artifact = ArtifactStore().store_artifact(io.BytesIO(content), session, "steps", name=name)
    say("artifact", session=session, artifact=artifact, sha256=hashlib.sha256(content).hexdigest())
    return artifact


def say_run(say: Say, result: RunResult) -> None:
    """Acknowledges what a caller was told of a run: its end, its question, or that another worker is at it."""
    say(
        "run" if result.status in FINAL else "asked" if result.status == "interrupted" else "unsettled",
        session=result.session_id,
        run=result.run_id,
        status=result.status,
        answer=result.answer,
        artifacts=list(result.artifacts),
        attempt=result.attempt,
        question=dict(result.question) if result.question else None,
    )


def resumed(say: Say, way: str, session: str | None = None) -> None:
    """Has every open run finished, in one of the ways that people come upon them; says which were taken over."""
    runner = Runner()
    found = [run["run_id"] for run in runner.runs.list(open="run")]
    if way == "next message" and session is not None and found:
        say_run(say, runner.run("brief", {"word": "next"}, session_id=session, message_id="next message"))
    elif way == "force":
        for run_id in found:
            with suppress(Conflict):  # it waited for its turn, and got it meanwhile
                say_run(say, runner.resume(run_id, force=True))
    deadline = time.monotonic() + 20
    while runner.runs.list(open="run") and time.monotonic() < deadline:
        for result in runner.resume_open():
            say_run(say, result)
        time.sleep(0.05)
    for run_id in found:
        say("resumed", run=run_id, session=session)


def acknowledged(said: list[Said]) -> list[Said]:
    """Returns the lines that are acknowledgements: they name the session that they are about."""
    return [line for line in said if "session" in line and line["kind"] not in ("facts", "resumed")]
