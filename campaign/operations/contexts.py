"""Contexts under fire: dump, load and restore."""

from __future__ import annotations

from contextlib import suppress

from campaign.acknowledging import LONG, new_session, say_artifact, say_message
from campaign.operations.operation import Facts, Operation
from campaign.processes import Say
from dataops_core import SessionManager
from dataops_core.context_manager import ContextManager
from dataops_core.errors import Conflict

LABEL = "before the change"


def _prepare(say: Say) -> None:
    session = new_session(say)
    say_artifact(say, session, b"kept" * 1000, "report")
    say("facts", session=session)


def _dump(say: Say, facts: Facts) -> None:
    contexts, session = ContextManager(), facts["session"]
    for compress in (True, False):
        snapshot = contexts.dump_context(session, include_artifacts=compress, compress=compress)
        say("snapshot", session=session, snapshot=snapshot, holds=["hello", LONG])
    with suppress(Conflict):  # it was made, and could not say so
        contexts.create_checkpoint(session, LABEL)
    say("checkpoint", session=session, label=LABEL)


def _dump_again(say: Say, facts: Facts, way: str) -> None:
    _dump(say, facts)
    say_message(say, facts["session"], "and on")


def _prepare_load(say: Say) -> None:
    session = new_session(say)
    say_artifact(say, session, b"kept" * 1000, "report")
    snapshot = ContextManager().dump_context(session)
    say("snapshot", session=session, snapshot=snapshot, holds=["hello", LONG])
    targets = [SessionManager().create_session("bea").session_id for _ in range(2)]
    for target in targets:
        say_message(say, target, "my own")
    say("facts", session=session, snapshot=snapshot, targets=targets)


def _load(say: Say, facts: Facts) -> None:
    for target, mode in zip(facts["targets"], ("merge", "replace"), strict=True):
        ContextManager().load_context(facts["snapshot"], target, mode=mode)
        for content in ("hello", LONG):
            say("message", session=target, content=content)
        say("owns", session=target, artifacts=1)


def _load_again(say: Say, facts: Facts, way: str) -> None:
    _load(say, facts)
    say_message(say, facts["targets"][0], "and on")


def _prepare_restore(say: Say) -> None:
    session = new_session(say)
    SessionManager().update_session(session, global_context={"decided": "before"})
    ContextManager().create_checkpoint(session, LABEL)
    say("checkpoint", session=session, label=LABEL)
    SessionManager().update_session(session, global_context={"decided": "after"})
    for content in ("a wrong turn", "a worse one, " + LONG):
        say_message(say, session, content)
    say("facts", session=session)


def _restore(say: Say, facts: Facts) -> None:
    ContextManager().restore_checkpoint(facts["session"], LABEL)
    say("restored", session=facts["session"], shows=["hello", LONG], decided="before")


def _restore_again(say: Say, facts: Facts, way: str) -> None:
    _restore(say, facts)


OPERATIONS = (
    Operation("dump", ("dump",), _prepare, _dump, _dump_again),
    Operation("load", ("load",), _prepare_load, _load, _load_again),
    Operation("restore", ("restore",), _prepare_restore, _restore, _restore_again),
)
