"""`storage gc` under fire, in a home that has something of everything to sweep, and much that must stay."""

from __future__ import annotations

import io

from campaign.acknowledging import new_session, say_artifact, say_message, say_run
from campaign.operations.operation import Facts, Operation
from campaign.processes import Say
from campaign.sweeping import sweep
from dataops_core import SessionManager
from dataops_core.contracts.records import ABSENT, Put, Record, Write
from dataops_core.execution.runner import Runner
from dataops_core.storage import schema
from dataops_core.storage.opening import open_stores
from dataops_core.storage.ownership import pointer


def _prepare(say: Say) -> None:
    sessions = [new_session(say) for _ in range(3)]
    kept, archiving, deleting = sessions
    for session in sessions:
        say_artifact(say, session, b"kept" * 1000, "report")
        say_run(say, Runner().run("steps", {"word": "ox"}, session_id=session))
    run = Runner().run("steps", {"word": "bang"}, session_id=kept)
    say_run(say, run)
    asking = Runner().run("steps", {"word": "ask tea"}, session_id=kept)
    say_run(say, asking)
    _litter(kept, run.run_id)
    for session, status in ((archiving, "archiving"), (deleting, "deleting")):
        SessionManager().change(session, lambda record, status=status: _left(record, status))  # type: ignore[misc]
    say("doomed", session=deleting)
    say("facts", session=kept, archiving=archiving, deleting=deleting, asking=asking.run_id)


def _litter(session: str, run: str) -> None:
    """Leaves what crashes leave: blobs that nothing names, a pointer to nothing, rows of a run that is gone."""
    stores = open_stores()
    gone = schema.new_owned_id(session)
    for key in (
        schema.artifact_key(session, schema.iso(), f"{session}.{schema.new_session_id()}"),
        schema.message_key(session, 2),
        schema.message_key(session, 900),
        schema.value_key(run, "0" * 64),
        schema.value_key(gone, "0" * 64),
        f"contexts/{session}/{schema.new_owned_id(session)}",
    ):
        stores.blobs.put(key, io.BytesIO(b"left"))
    stores.records.commit(
        [
            Put(schema.SESSION_ITEMS, pointer("run", gone), ABSENT),
            Put(schema.RUN_ITEMS, {"run_id": gone, "item": "lease", "owner": "", "until": 0}, ABSENT),
        ]
    )


def _left(record: Record, status: str) -> list[Write]:
    record["status"] = status
    return []


def _gc(say: Say, facts: Facts) -> None:
    sweep(say)
    say("archived", session=facts["archiving"])
    say("deleted", session=facts["deleting"])


def _gc_again(say: Say, facts: Facts, way: str) -> None:
    say_message(say, facts["session"], "and on")
    _gc(say, facts)
    # What a run that waits may still store under the same id stays until it is over.
    say_run(say, Runner().answer(facts["asking"], "green"))


OPERATIONS = (Operation("gc", ("gc",), _prepare, _gc, _gc_again),)
