"""`dataops storage`, and the end of sessions, as people call them."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys

import pytest

from dataops_core import ArtifactStore, SessionManager
from dataops_core.contracts.records import ANY, Put
from dataops_core.storage import schema
from dataops_core.storage.opening import open_stores
from tests.cli.program import finish

OLD = "2020-01-01T00:00:00.000000Z"


@pytest.fixture
def session(site) -> str:
    session_id = SessionManager().create_session("local").session_id
    SessionManager().add_message(session_id, "user", "hello \x1b[31mred")
    return session_id


def told(result) -> dict:
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert found.pop("schema_version") == 1
    return found


def leave(session_id: str) -> None:
    """Leaves a blob that no record names."""
    key = schema.artifact_key(session_id, OLD, f"{session_id}.{schema.new_session_id()}")
    open_stores().blobs.put(key, io.BytesIO(b"x" * 2500))


def expire(session_id: str) -> None:
    records = open_stores().records
    stored = records.get(schema.SESSIONS, session_id)
    records.commit([Put(schema.SESSIONS, {**stored.record, "idle_seconds": 60, "last_active": OLD}, ANY)])


def test_check_of_a_fresh_home(dataops):
    result = dataops("storage", "check")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["ok", "ok"]
    assert result.stderr == ""


def test_check_says_what_is_wrong_and_what_to_do(dataops, session):
    artifact = ArtifactStore().store_artifact("x", session, "w")
    open_stores().blobs.delete(ArtifactStore().get_artifact(artifact).s3_key)
    result = dataops("storage", "check")
    assert result.exit_code == 1
    assert f"error  artifact {artifact}: its content is missing; restore it" in result.stdout
    findings = told(dataops("storage", "check", "--json"))["findings"]
    assert [f["level"] for f in findings] == ["ok", "ok", "error"]
    assert set(findings[0]) == {"level", "what", "hint"}


def test_a_warning_is_no_failure(dataops, session, home):
    (home / "dataops.db").chmod(0o644)
    result = dataops("storage", "check")
    assert (result.exit_code, "warn   other users can read" in result.stdout) == (0, True)


def test_deep(dataops, session, home):
    artifact = ArtifactStore().store_artifact("flipped", session, "w")
    (path,) = (home / "blobs" / "artifacts").rglob("*.blob")
    path.write_bytes(path.read_bytes().replace(b"flipped", b"fl1pped"))
    assert dataops("storage", "check").exit_code == 0
    result = dataops("storage", "check", "--deep")
    assert (result.exit_code, artifact in result.stdout) == (1, True)


def test_gc(dataops, session):
    leave(session)
    result = dataops("storage", "gc")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "nothing to sweep\n")
    result = dataops("storage", "gc", "--dry-run", "--grace", "0")
    assert result.stdout.split() == ["WOULD", "SWEEP", "COUNT", "SIZE", "artifact", "contents", "1", "2.5", "kB"]
    found = told(dataops("storage", "gc", "--grace", "0", "--json"))
    swept = [{"kind": "artifact contents", "count": 1, "bytes": 2500}]
    assert found == {"dry_run": False, "swept": swept, "problems": [], "unknown": 0}
    assert told(dataops("storage", "gc", "--grace", "0", "--json"))["swept"] == []


def test_gc_that_cannot_complete_something_says_so(dataops, session):
    SessionManager().add_message(session, "user", "long " * 5000)
    stores = open_stores()
    (info,) = stores.blobs.list(f"messages/{session}/").items
    stores.blobs.delete(info.key)
    stored = stores.records.get(schema.SESSIONS, session)
    stores.records.commit([Put(schema.SESSIONS, {**stored.record, "status": "archiving"}, ANY)])
    result = dataops("storage", "gc", "--grace", "0")
    assert result.exit_code == 1
    assert f"warning: session {session} is still archiving" in result.stderr


@pytest.mark.parametrize("grace", ["-1", "soon"])
def test_a_wrong_grace_is_refused(dataops, grace):
    result = dataops("storage", "gc", "--grace", grace)
    assert (result.exit_code, "--grace" in result.stderr) == (2, True)


def test_archive_and_read_back(dataops, session):
    result = dataops("sessions", "archive", session)
    assert (result.exit_code, result.stdout) == (0, f"archives/{schema.iso()[:10]}/{session}.json.gz\n")
    assert result.stderr == f"archived {session}\n"
    assert told(dataops("sessions", "archive", session, "--json"))["archived"] == session
    shown = dataops("sessions", "show", session)
    assert "status    archived" in shown.stdout
    assert "hello red" in shown.stdout
    refused = dataops("ask", "--session", session, "take three steps with word=hello")
    assert (refused.exit_code, "archived" in refused.stderr) == (1, True)
    assert dataops("sessions", "archive", session[:10]).exit_code == 3


def test_runs_of_an_archived_session(dataops, session):
    ran = json.loads(dataops("run", "three_steps", "-p", "word=hi", "--session", session, "--json").stdout)
    before = json.loads(dataops("runs", "show", ran["run_id"], "--json").stdout)
    dataops("sessions", "archive", session)
    assert json.loads(dataops("runs", "show", ran["run_id"], "--json").stdout) == before
    assert dataops("runs", "show", ran["run_id"]).exit_code == 0
    assert ran["run_id"] in dataops("runs", "list", "--session", session).stdout
    assert ran["artifacts"]
    assert dataops("artifacts", "list", session).stdout.count(session) >= len(ran["artifacts"])


def test_a_damaged_archive_is_one_clear_line(dataops, session):
    key = SessionManager().archive_session(session)
    open_stores().blobs.put(key, io.BytesIO(b"nonsense"))
    result = dataops("sessions", "show", session)
    assert result.exit_code == 4
    assert result.stderr.startswith(f"error: the archive of session '{session}' is damaged")
    assert key in result.stderr


def test_cleanup(dataops, session):
    assert dataops("sessions", "cleanup").stderr == "archived 0 sessions\n"
    expire(session)
    result = dataops("sessions", "cleanup")
    assert (result.stdout, result.stderr) == (f"{session}\n", "archived 1 session\n")
    assert SessionManager().get_session(session).status == "archived"
    assert told(dataops("sessions", "cleanup", "--json")) == {"archived": []}


def test_progress_is_shown_on_a_terminal_only(session):
    piped = finish("storage", "gc")
    assert piped.stderr == "nothing to sweep\n"
    parent, child = pty.openpty()
    env = {**os.environ, "TERM": "xterm"}
    command = [sys.executable, "-m", "dataops_core.cli.main", "storage", "gc", "--dry-run"]
    with subprocess.Popen(command, stderr=child, stdout=subprocess.PIPE, env=env) as job:
        os.close(child)
        seen = b""
        try:
            while chunk := os.read(parent, 1000):
                seen += chunk
        except OSError:
            pass
    os.close(parent)
    assert job.returncode == 0
    assert b"dataops_sessions: 1" in seen
    assert b"nothing to sweep" in seen
