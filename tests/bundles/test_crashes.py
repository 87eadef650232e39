"""Loading that is cut short anywhere shows nothing, is swept, and can be repeated; gc never takes a session apart."""

from __future__ import annotations

import os
import signal
import time

import pytest

from dataops_core import ArtifactStore, ContextManager, SessionManager
from dataops_core.bundles import loading, staging
from dataops_core.errors import Conflict, Unreachable
from dataops_core.execution.run_records import list_runs
from dataops_core.storage.opening import Stores
from dataops_core.upkeep.gc import gc
from tests.contexts import said
from tests.failing import counted, everything, failing


@pytest.fixture(autouse=True)
def small_commits(monkeypatch):
    """Many commits, to be cut short between them."""
    monkeypatch.setattr(staging, "_MOST_WRITES", 4)


def on(stores: Stores) -> ContextManager:
    return ContextManager(SessionManager(stores), ArtifactStore(stores))


def calls_of_loading(stores, bundle) -> int:
    both, calls = counted(stores)
    loaded = on(both).load_bundle(bundle, "bob")
    number = len(calls)
    SessionManager(stores).delete_session(loaded.session_id)
    return number


def later(stores, monkeypatch, seconds):
    monkeypatch.setattr(stores.records, "_clock", lambda: time.time() + seconds)


def nothing_is_seen(stores, sid):
    assert SessionManager(stores).list_sessions("bob") == []
    runs = list_runs(stores.records)
    assert {run["session_id"] for run in runs} == {sid}


def killed(stores, bundle, position, when) -> bool:
    """Loads the bundle in a process that is killed before or after a store call; says whether it was."""
    pid = os.fork()
    if pid == 0:

        def strike(at):
            if at == position:
                os.kill(os.getpid(), signal.SIGKILL)

        on(counted(stores, **{when: strike})[0]).load_bundle(bundle, "bob")
        os._exit(0)
    return os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def test_killed_at_every_store_call(stores, sid, bundle, monkeypatch):
    before, number = everything(stores), calls_of_loading(stores, bundle)
    assert everything(stores) == before
    for position in range(1, number + 1):
        for when in ("before", "after"):
            assert killed(stores, bundle, position, when)
            if (position, when) == (number, "after"):
                break  # it was done, and could not say so
            nothing_is_seen(stores, sid)
    (done,) = SessionManager(stores).list_sessions("bob")
    again = on(stores).load_bundle(bundle, "bob").session_id
    assert said(SessionManager(stores), done.session_id) == said(SessionManager(stores), again)
    rows = everything(stores)[0]
    gc(stores)
    assert everything(stores)[0] == rows  # somebody may still be at it
    later(stores, monkeypatch, staging.LEASE + staging.SKEW + 60)
    gc(stores, grace=0)
    for session_id in (again, done.session_id):
        assert len(said(SessionManager(stores), session_id)) == 3
        assert len(ArtifactStore(stores).list_artifacts(session_id)) == 3
        SessionManager(stores).delete_session(session_id)
    assert everything(stores) == before


class Killed(BaseException):
    """What nobody survives."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_struck_at_every_store_call(stores, sid, bundle, monkeypatch, when):
    before, number = everything(stores), calls_of_loading(stores, bundle)
    assert number > 12
    for position in range(1, number + 1):

        def strike(at, position=position):
            if at > position or at == position:
                raise Killed

        done = {"before": strike} if when == "before" else {"after": strike}
        both, _ = counted(stores, **done)
        with pytest.raises(Killed):
            on(both).load_bundle(bundle, "bob")
        if when == "after" and position == number:
            break  # it was done, and could not say so
        nothing_is_seen(stores, sid)
    assert len(SessionManager(stores).list_sessions("bob")) == (when == "after")
    later(stores, monkeypatch, staging.LEASE + staging.SKEW + 60)
    gc(stores, grace=0)
    for session in SessionManager(stores).list_sessions("bob"):
        assert len(said(SessionManager(stores), session.session_id)) == 3
        SessionManager(stores).delete_session(session.session_id)
    assert everything(stores) == before


@pytest.mark.parametrize("done", [False, True])
def test_a_store_that_goes_away_at_every_call(stores, sid, bundle, monkeypatch, done):
    before, number = everything(stores), calls_of_loading(stores, bundle)
    for position in range(1, number + (not done)):
        with pytest.raises(Unreachable):
            on(failing(stores, position, done=done)).load_bundle(bundle, "bob")
        nothing_is_seen(stores, sid)
    later(stores, monkeypatch, staging.LEASE + staging.SKEW + 60)
    gc(stores, grace=0)
    assert everything(stores) == before


def test_one_failure_is_cleaned_up_at_once(stores, sid, bundle):
    """A store that fails once, and answers again: nothing waits for gc."""
    before, number = everything(stores), calls_of_loading(stores, bundle)
    for position in range(1, number + 1):

        def fail(at, position=position):
            if at == position:
                raise Unreachable("the store went away")

        with pytest.raises(Unreachable):
            on(counted(stores, before=fail)[0]).load_bundle(bundle, "bob")
        assert everything(stores) == before, position


def test_gc_beside_it_leaves_it_alone(stores, sid, bundle):
    """A sweep with the usual grace, before every call."""
    busy = []

    def sweep(at):
        if not busy:
            busy.append(at)
            assert gc(stores).count == 0
            busy.clear()

    loaded = on(counted(stores, before=sweep)[0]).load_bundle(bundle, "bob")
    assert len(said(SessionManager(stores), loaded.session_id)) == 3
    assert len(ArtifactStore(stores).list_artifacts(loaded.session_id)) == 3


def test_gc_without_a_grace_takes_all_of_it_or_nothing(stores, sid, bundle, monkeypatch):
    """A sweep without any, once, before each of the calls: contents that no record names yet are taken."""
    before, number = everything(stores), calls_of_loading(stores, bundle)
    refusals = 0
    for position in range(1, number + 1):

        def sweep(at, position=position):
            if at == position:
                gc(stores, grace=0)

        try:
            loaded = on(counted(stores, before=sweep)[0]).load_bundle(bundle, "bob")
        except Conflict as error:
            assert "--grace" in error.hint  # noqa: PT017
            refusals += 1
        else:
            assert len(said(SessionManager(stores), loaded.session_id)) == 3
            for artifact in ArtifactStore(stores).list_artifacts(loaded.session_id):
                assert ArtifactStore(stores).get_artifact_content(artifact.artifact_id)
            for snapshot in on(stores).list_snapshots(loaded.session_id):
                assert on(stores).load_context(snapshot.snapshot_id)
            SessionManager(stores).delete_session(loaded.session_id)
        assert SessionManager(stores).list_sessions("bob") == []
    assert 0 < refusals < number
    later(stores, monkeypatch, 100 * 86_400)
    gc(stores, grace=0)
    assert everything(stores) == before


def test_who_stood_still_for_too_long_commits_nothing(stores, sid, bundle, monkeypatch):
    """From every call on: it stands still there for longer than its lease, with gc or without."""
    before, number = everything(stores), calls_of_loading(stores, bundle)
    for position in range(3, number + 1):
        for sweeps in (False, True):
            away = [0.0]
            monkeypatch.setattr(stores.records, "_clock", lambda away=away: time.time() + away[0])

            def stand_still(at, position=position, away=away, sweeps=sweeps):
                if at == position:
                    away[0] = staging.LEASE + staging.SKEW + 60
                    if sweeps:
                        gc(stores, grace=0)

            with pytest.raises(Conflict, match="swept or deleted while it was made"):
                on(counted(stores, before=stand_still)[0]).load_bundle(bundle, "bob")
            assert SessionManager(stores).list_sessions("bob") == []
            gc(stores, grace=0)
            assert everything(stores) == before, (position, sweeps)


def test_a_slow_loader_keeps_its_lease(stores, sid, bundle, monkeypatch):
    """Each call takes ten minutes: together they take longer than the lease."""
    passed = [0.0]
    monkeypatch.setattr(stores.records, "_clock", lambda: time.time() + passed[0])
    monkeypatch.setattr(staging.time, "monotonic", lambda: passed[0])

    def slow(at):
        passed[0] += 600

    both, calls = counted(stores, before=slow)
    loaded = on(both).load_bundle(bundle, "bob")
    assert passed[0] > 2 * staging.LEASE
    assert len(said(SessionManager(stores), loaded.session_id)) == 3
    assert calls


def test_nobody_sees_it_before(stores, sid, bundle, monkeypatch):
    seen = []
    finish = staging.Staging.finish

    def looking(self):
        seen.append([(s.user_id, s.status) for s in SessionManager(stores).list_sessions()])
        nothing_is_seen(stores, sid)
        with pytest.raises(Conflict):
            SessionManager(stores).add_message(self.session_id, "user", "too early")
        with pytest.raises(Conflict):
            ArtifactStore(stores).store_artifact("too early", self.session_id, "w")
        finish(self)

    monkeypatch.setattr(loading.Staging, "finish", looking)
    on(stores).load_bundle(bundle, "bob")
    assert sorted(seen[0]) == [("(loading)", "deleting"), ("ann", "active")]
