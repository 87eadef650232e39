"""Sessions and artifacts under fire: append, artifact, discard, archive, cleanup, delete."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress

from campaign.acknowledging import LONG, WAYS, new_session, say_artifact, say_message, say_run
from campaign.operations.operation import Facts, Operation
from campaign.processes import Say
from campaign.servers import BACKEND
from dataops_core import ArtifactStore, SessionManager
from dataops_core.errors import NotFound
from dataops_core.execution.runner import Runner

#: Bytes; more than one chunk of a blob, and on S3 more than one part.
LARGE = 17 << 20 if os.environ.get(BACKEND) == "aws" else 2_500_000
#: One in three who was archiving or deleting does not come back: `storage gc`, which follows, must complete it.
GC = WAYS[2]


def _prepare_session(say: Say) -> None:
    say("facts", session=new_session(say))


def _append(say: Say, facts: Facts) -> None:
    for content in ("first", "second " + LONG, "third"):
        say_message(say, facts["session"], content, content[:6])
    # Without an id of the caller's own a repetition would be another message.
    say_message(say, facts["session"], f"unrepeated {time.time_ns()}")


def _append_again(say: Say, facts: Facts, way: str) -> None:
    _append(say, facts)


def _store(say: Say, facts: Facts) -> None:
    session = facts["session"]
    say_artifact(say, session, b"small" * 10, "report")
    copied = ArtifactStore().share_artifact(say_artifact(say, session, b"l" * LARGE, "report"), facts["other"])
    say("artifact", session=facts["other"], artifact=copied, sha256=hashlib.sha256(b"l" * LARGE).hexdigest())


def _prepare_store(say: Say) -> None:
    session = new_session(say)
    say_artifact(say, session, b"prepared", "report")
    say("facts", session=session, other=new_session(say))


def _store_again(say: Say, facts: Facts, way: str) -> None:
    _store(say, facts)


def _prepare_full(say: Say) -> None:
    """A session with everything that one can own, and another that must come through untouched."""
    facts = {"session": new_session(say), "other": new_session(say)}
    for session in facts.values():
        say_artifact(say, session, b"kept" * 1000, "report")
        for word in ("ox", "bang"):
            say_run(say, Runner().run("steps", {"word": word}, session_id=session))
    say("facts", **facts)


def _archive(say: Say, facts: Facts) -> None:
    key = SessionManager().archive_session(facts["session"])
    say("archived", session=facts["session"], key=key)


def _archive_again(say: Say, facts: Facts, way: str) -> None:
    if way != GC:
        _archive(say, facts)
    say_message(say, facts["other"], "and on")


def _prepare_expired(say: Say) -> None:
    session = SessionManager().create_session("ann").session_id
    for content in ("hello", LONG):
        say_message(say, session, content)
    SessionManager().update_session(session, ttl=0.05)
    say("facts", session=session, other=new_session(say))
    time.sleep(0.1)


def _cleanup(say: Say, facts: Facts) -> None:
    for session in SessionManager().cleanup_expired_sessions():
        say("archived", session=session)


def _cleanup_again(say: Say, facts: Facts, way: str) -> None:
    if way != GC:
        _cleanup(say, facts)
    say_message(say, facts["other"], "and on")


def _delete(say: Say, facts: Facts) -> None:
    SessionManager().delete_session(facts["session"])
    say("deleted", session=facts["session"])


def _delete_again(say: Say, facts: Facts, way: str) -> None:
    say("doomed", session=facts["session"])
    if way != GC:
        with suppress(NotFound):  # it was done, and could not say so
            SessionManager().delete_session(facts["session"])
        say("deleted", session=facts["session"])
    say_message(say, facts["other"], "and on")


def _discard(say: Say, facts: Facts) -> None:
    with suppress(NotFound):
        ArtifactStore().delete_artifact(facts["artifact"])
    say("discarded", session=facts["session"])


def _prepare_discard(say: Say) -> None:
    session = new_session(say)
    say_artifact(say, session, b"stays")
    artifact = ArtifactStore().store_artifact(b"goes" * 500, session, "steps", name="report")
    say("facts", session=session, artifact=artifact)


def _discard_again(say: Say, facts: Facts, way: str) -> None:
    _discard(say, facts)


OPERATIONS = (
    Operation("append", ("append",), _prepare_session, _append, _append_again),
    Operation("artifact", ("artifact",), _prepare_store, _store, _store_again),
    Operation("discard", ("discard",), _prepare_discard, _discard, _discard_again),
    Operation("archive", ("archive",), _prepare_full, _archive, _archive_again),
    Operation("cleanup", ("cleanup",), _prepare_expired, _cleanup, _cleanup_again),
    Operation("delete", ("delete",), _prepare_full, _delete, _delete_again),
)
