"""A database that was lost, or is not the right one: what it does not know is not swept by the next who tidies."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dataops_core import ArtifactStore, ContextManager, SessionManager
from dataops_core.storage import opening
from dataops_core.upkeep.check import check
from dataops_core.upkeep.gc import STRANGE, gc


def aged(home: Path, seconds: float) -> int:
    """Makes every blob that old and returns how many there are."""
    files = list((home / "blobs").rglob("*.blob"))
    for file in files:
        os.utime(file, (time.time() - seconds,) * 2)
    return len(files)


@pytest.fixture
def lost(home, stores):
    """A home whose database was lost, and began anew."""
    sessions, artifacts = SessionManager(), ArtifactStore()
    for _ in range(3):
        session = sessions.create_session("ann").session_id
        artifacts.store_artifact("kept", session, "w")
        sessions.add_message(session, "user", "long " * 5_000)
        ContextManager(sessions, artifacts).dump_context(session)
    opening.close_stores()
    for file in home.glob("dataops.db*"):
        file.unlink()
    SessionManager().create_session("bob")
    return opening.open_stores()


def test_contents_of_unknown_sessions_stay_for_a_month(home, lost):
    count = aged(home, 3 * 3600)
    assert count == 9
    told = [f for f in check(lost) if f.level == "error"]
    assert len(told) == 1
    assert "9 contents belong to sessions that this database does not know" in told[0].what
    assert gc(lost).count == 0
    assert aged(home, STRANGE + 60) == count
    assert gc(lost).count == count


def test_whoever_insists_sweeps_them_at_once(home, lost):
    assert gc(lost, grace=0).count == 9


def test_something_else_in_a_blob_s_place_is_damage_and_holds_nobody_up(home, stores):
    sessions, artifacts = SessionManager(), ArtifactStore()
    session = sessions.create_session("ann").session_id
    ids = [artifacts.store_artifact(f"kept {n}", session, "w") for n in range(2)]
    first, second = sorted((home / "blobs").rglob("*.blob"))
    first.unlink()
    first.mkdir()
    second.unlink()
    os.mkfifo(second)
    found = [f for f in check(stores) if f.level == "error"]
    assert {artifact for artifact in ids for f in found if artifact in f.what} == set(ids)
