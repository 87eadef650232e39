"""`context dump --out` and `context load FILE`: a session in a file, out of one installation and into another."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
import sys
import time
import zipfile

import pytest

from dataops_core import ArtifactStore, SessionManager
from tests.cli.program import finish
from tests.cli.test_completion import asked, offered


@pytest.fixture
def session(dataops):
    """A session with two messages, a run and three artifacts; its id."""
    return told(dataops("run", "three_steps", "-p", "word=hi", "--json"))["session_id"]


def told(result):
    return json.loads(result.stdout)


def contents(session):
    return [m.content for m in SessionManager().iter_messages(session)]


def test_out_and_in_again(dataops, session, tmp_path):
    file = tmp_path / "work" / "bundle.zip"
    result = dataops("context", "dump", session[:8], "--out", "bundle.zip")
    assert (result.exit_code, result.stdout) == (0, "bundle.zip\n")
    assert re.fullmatch(r"2 messages, 1 run, 3 artifacts, 0 snapshots, [\d.]+ kB\n", result.stderr)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    result = dataops("context", "load", "bundle.zip", "--user", "bob")
    new = result.stdout.strip()
    assert result.stderr == f"2 messages, 1 run, 3 artifacts, 0 snapshots of session {session}, for user 'bob'\n"
    assert contents(new) == contents(session)
    assert SessionManager().get_session(new).user_id == "bob"
    assert len(ArtifactStore().list_artifacts(new)) == 3
    shown = told(dataops("runs", "list", "--session", new, "--json"))["runs"]
    assert [run["status"] for run in shown] == ["success"]
    assert dataops("runs", "show", shown[0]["run_id"]).exit_code == 0
    assert dataops("storage", "check", "--deep").exit_code == 0


def test_json_and_whose_it_is_by_default(dataops, session, monkeypatch):
    made = told(dataops("context", "dump", session, "--out", ".", "--json"))["bundle"]
    assert made["path"].endswith(f"{session}.zip")
    monkeypatch.setenv("DATAOPS_USER", "me")
    loaded = told(dataops("context", "load", made["path"], "--json"))["loaded"]
    assert loaded["ids"][session] == loaded["session_id"] != session
    assert (loaded["loaded_from"], loaded["messages"], loaded["cancelled"]) == (session, 2, 0)
    assert set(loaded["ids"]) > {a.artifact_id for a in ArtifactStore().list_artifacts(session)}
    assert SessionManager().get_session(loaded["session_id"]).user_id == loaded["user_id"]


def test_a_file_without_a_telling_name(dataops, session, tmp_path):
    dataops("context", "dump", session, "--out", "conversation")
    assert zipfile.is_zipfile(tmp_path / "work" / "conversation")
    assert contents(dataops("context", "load", "conversation").stdout.strip()) == contents(session)


def test_what_is_wrong_is_one_line_with_the_way_out(dataops, session, tmp_path):
    dataops("context", "dump", session, "--out", "there.zip")
    (tmp_path / "work" / "text.zip").write_text("hello")
    for arguments, status, said in (
        (("dump", session, "--out", "there.zip"), 2, "try: --force replaces it"),
        (("dump", session, "--out", "no/such.zip"), 2, "No such file or directory"),
        (("dump", session, "--out", "x.zip", "--no-compress"), 2, "a bundle holds all"),
        (("dump", session, "--force"), 2, "try: --out FILE"),
        (("dump", "nosuch", "--out", "x.zip"), 3, "no session 'nosuch'"),
        (("load", "nosuch.zip"), 3, "no file 'nosuch.zip'"),
        (("load", "text.zip"), 4, "it is cut short, or no zip file at all"),
        (("load", "/dev/null"), 2, "'/dev/null' is no file"),
        (("load", "there.zip", "--into", session), 2, "a file becomes a session of its own"),
        (("load", "there.zip", "--user", ""), 2, "a user id is a non-empty text"),
        (("load", "nosuch", "--user", "bob"), 2, "--user says whose"),
    ):
        result = dataops("context", *arguments)
        assert (result.exit_code, result.stdout) == (status, ""), arguments
        assert said in result.stderr, arguments
        assert len(result.stderr.splitlines()) <= 2
    assert dataops("context", "dump", session, "--out", "there.zip", "--force").exit_code == 0
    assert told(dataops("context", "load", "text.zip", "--json"))["error"]["code"] == "corrupt_data"
    assert len(SessionManager().list_sessions()) == 1


def test_what_cannot_go_on_is_told(dataops, session):
    asked = told(dataops("ask", "-s", session, "take three steps with no word", "--json"))
    assert asked["status"] == "interrupted"
    dataops("context", "dump", session, "--out", "b.zip")
    result = dataops("context", "load", "b.zip")
    assert "1 run had not ended and cannot go on here: recorded as cancelled\n" in result.stderr
    answered = told(dataops("ask", "-s", result.stdout.strip(), "three steps with word=more", "--json"))
    assert answered["status"] == "success"


def test_the_real_program_in_two_homes(dataops, session, tmp_path, monkeypatch):
    done = finish("context", "dump", session, "--out", "b.zip")
    assert (done.returncode, done.stdout) == (0, "b.zip\n"), done.stderr
    monkeypatch.setenv("DATAOPS_HOME", str(tmp_path / "other"))
    loaded = finish("context", "load", "b.zip")
    assert loaded.returncode == 0, loaded.stderr
    shown = finish("sessions", "show", loaded.stdout.strip())
    assert "hi 123" in shown.stdout
    assert finish("storage", "check", "--deep").returncode == 0


def test_an_interrupted_load_leaves_nothing(dataops, session, tmp_path):
    for number in range(300):
        ArtifactStore().store_artifact(f"{number} " * 50_000, session, "w")
    dataops("context", "dump", session, "--out", "b.zip")
    command = [sys.executable, "-m", "dataops_core.cli.main", "context", "load", "b.zip"]
    job = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while len(SessionManager().list_sessions()) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    job.send_signal(signal.SIGINT)
    out, error = job.communicate(timeout=60)
    assert (job.returncode, out) == (130, ""), error
    assert [s.session_id for s in SessionManager().list_sessions()] == [session]


def test_a_shell_completes_snapshots_or_else_files(dataops, session):
    snapshot = dataops("context", "dump", session).stdout.strip()
    assert offered("context", "load", session[:6]) == [snapshot]
    assert asked("context", "load", "./bun").stdout == "file,./bun\n"
