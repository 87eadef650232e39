"""`storage copy`: a whole installation into other stores, as people call it."""

from __future__ import annotations

import io
import json
import os
import pty
import random
import signal
import subprocess
import sys
import time

import pytest

from dataops_core import ArtifactStore, SessionManager, settings
from dataops_core.contracts.records import ABSENT, Put
from dataops_core.storage import schema
from dataops_core.storage.file_blobs import FileBlobs, file_url
from dataops_core.storage.opening import open_stores
from dataops_core.storage.sqlite_records import sqlite_url
from dataops_core.upkeep import copying
from tests.cli.program import finish


@pytest.fixture
def session(dataops) -> str:
    return json.loads(dataops("run", "three_steps", "-p", "word=hi", "--json").stdout)["session_id"]


@pytest.fixture
def to(tmp_path):
    """Where to: the options."""
    (tmp_path / "there").mkdir()
    return ["--to", sqlite_url(tmp_path / "there" / "d.db"), "--to", file_url(tmp_path / "there" / "blobs")]


@pytest.fixture
def elsewhere(site, to, tmp_path):
    """The environment of a process whose installation is the target."""
    home = str(tmp_path / "other home")
    return {**os.environ, "DATAOPS_HOME": home, "DATAOPS_RECORDS_URL": to[1], "DATAOPS_BLOBS_URL": to[3]}


def test_a_copy_is_an_installation(dataops, session, to, elsewhere):
    result = dataops("storage", "copy", *to)
    assert result.exit_code == 0, result.stderr
    assert "dataops_sessions" in result.stdout
    assert "everything that was copied was read back" in result.stderr
    shown = finish("sessions", "show", session, env=elsewhere)
    assert "hi 123" in shown.stdout, shown.stderr
    assert finish("storage", "check", "--deep", env=elsewhere).returncode == 0
    again = json.loads(dataops("storage", "copy", *to, "--deep", "--json").stdout)
    assert (set(again["records"].values()), again["blobs"], again["extra"]) == ({0}, 0, [])


def test_a_target_with_something_else_is_refused(dataops, session, to, elsewhere):
    code = "from dataops_core import SessionManager as S; print(S().create_session('eve').session_id)"
    made = subprocess.run([sys.executable, "-c", code], env=elsewhere, capture_output=True, text=True, check=True)
    theirs = made.stdout.strip()
    refused = dataops("storage", "copy", *to)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"the target has what the source has not: session {theirs}" in refused.stderr
    assert finish("sessions", "show", session, env=elsewhere).returncode == 3
    forced = dataops("storage", "copy", *to, "--force")
    assert forced.exit_code == 0
    assert f"only in the target, left alone: dataops_sessions: {theirs}" in forced.stderr
    assert finish("sessions", "show", theirs, env=elsewhere).returncode == 0


def test_a_folder_of_foreign_blobs_is_refused(dataops, session, to, tmp_path):
    FileBlobs(tmp_path / "there" / "blobs").put("holiday.jpg", io.BytesIO(b"x"))
    refused = dataops("storage", "copy", *to)
    assert (refused.exit_code, "blob holiday.jpg" in refused.stderr) == (1, True)


def test_a_source_at_work_is_refused_before_anything_is_copied(dataops, session, to, tmp_path):
    run = {"run_id": schema.new_owned_id(session), "session_id": session, "open": "run", "created_at": schema.iso()}
    open_stores().records.commit([Put(schema.RUNS, run, ABSENT)])
    refused = dataops("storage", "copy", *to)
    assert (refused.exit_code, "1 runs are unfinished in the source" in refused.stderr) == (1, True)
    assert not list((tmp_path / "there" / "blobs").rglob("*.blob"))
    assert dataops("storage", "copy", *to, "--force").exit_code == 0


def test_what_is_wrong_is_one_line(dataops, session, to):
    for arguments, said in (
        (("--to", settings.current().records_url), "source and target are one"),
        (("--to", settings.current().blobs_url), "source and target are one"),
        (("--from", to[1], "--to", to[1]), "source and target are one"),
        (("--to", "nosuch://x"), "no installed backend opens 'nosuch'"),
        (("--to", to[1], "--to", to[1]), "two URLs for records"),
    ):
        result = dataops("storage", "copy", *arguments)
        assert (result.exit_code, said in result.stderr) == (2, True), arguments


def test_what_comes_while_it_is_copied_has_its_content(dataops, session, to, elsewhere, monkeypatch):
    """An artifact stored after the blobs were copied, and before the records were."""
    copy_records, made = copying.copy_records, []

    def late(*arguments):
        made.append(ArtifactStore().store_artifact("late", session, "w"))
        copy_records(*arguments)

    monkeypatch.setattr(copying, "copy_records", late)
    assert dataops("storage", "copy", *to).exit_code == 0
    assert finish("artifacts", "get", made[0], "-o", "-", env=elsewhere).stdout == "late"
    assert finish("storage", "check", "--deep", env=elsewhere).returncode == 0


def test_killed_again_and_again_it_goes_on(session, to, elsewhere):
    sessions, artifacts = SessionManager(), ArtifactStore()
    for number in range(60):
        artifacts.store_artifact(f"{number} " * 20_000, session, "w")
        sessions.add_message(session, "user", f"{number} " * 6_000)
    command = [sys.executable, "-m", "dataops_core.cli.main", "storage", "copy", *to]
    rng, killed = random.Random(7), 0
    for _ in range(5):
        job = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.3 + rng.random() * 0.5)
        job.send_signal(signal.SIGKILL)
        killed += job.wait() == -signal.SIGKILL
    assert killed > 0
    done = finish("storage", "copy", *to, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["extra"] == []
    assert finish("storage", "check", "--deep", env=elsewhere).returncode == 0
    shown = json.loads(finish("artifacts", "list", session, "--limit", "999", "--json", env=elsewhere).stdout)
    assert len(shown["artifacts"]) == 63


def test_progress_is_shown_on_a_terminal_only(session, to):
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "dataops_core.cli.main", "storage", "copy", *to]
    env = {**os.environ, "TERM": "xterm"}
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
    assert b"blobs: 1" in seen
    piped = finish("storage", "copy", *to).stderr
    assert piped.endswith("were there already and equal; everything that was copied was read back\n")
    assert len(piped.splitlines()) == 1
