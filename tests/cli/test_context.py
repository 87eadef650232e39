"""`context`: dumped, shown, loaded, labelled, restored, listed; what is wrong is one line with the way out."""

from __future__ import annotations

import json
import re

import pytest

from dataops_core import ArtifactStore, SessionManager
from dataops_core.cli.main import COMMANDS
from tests.cli.program import finish


@pytest.fixture
def session(dataops):
    """A session with two messages and three artifacts; its id."""
    return told(dataops("run", "three_steps", "-p", "word=hi", "--json"))["session_id"]


def told(result):
    return json.loads(result.stdout)


def contents(session):
    return [m.content for m in SessionManager().iter_messages(session)]


def test_it_stands_after_artifacts():
    assert list(COMMANDS).index("context") == list(COMMANDS).index("artifacts") + 1


def test_dump_list_and_show(dataops, session):
    result = dataops("context", "dump", session)
    snapshot = result.stdout.strip()
    assert re.fullmatch(r"2 messages, 1 run, 3 artifacts with contents, [\d.]+ k?B\n", result.stderr)
    plain = told(dataops("context", "dump", session[:8], "--without-artifacts", "--no-compress", "--json"))["snapshot"]
    assert (plain["with_contents"], plain["compressed"], plain["messages"]) == (False, False, 2)
    header, newest, oldest = dataops("context", "list", session).stdout.splitlines()
    assert header.split() == ["SNAPSHOT", "CREATED", "SIZE", "MESSAGES", "ARTIFACTS", "LABEL"]
    assert (newest.split()[0], oldest.split()[0]) == (plain["snapshot_id"], snapshot)
    assert "3 with contents" in oldest
    page = dataops("context", "load", snapshot[-8:]).stdout
    assert "holds     2 messages, 1 run, 3 artifacts\n" in page
    assert "run       success: three_steps times=1 word=hi\n" in page
    assert page.replace("\n", "").isprintable()
    context = told(dataops("context", "load", snapshot, "--json"))["context"]
    assert [m["content"] for m in context["messages"]] == contents(session)
    assert (context["session_id"], len(context["artifacts"]), context["schema_version"]) == (session, 3, 1)
    first = told(dataops("context", "list", session, "--limit", "1", "--json"))
    assert ([s["snapshot_id"] for s in first["snapshots"]], first["more"]) == ([plain["snapshot_id"]], True)


def test_checkpoint_and_restore(dataops, session):
    made = dataops("context", "checkpoint", session, "vor der Änderung")
    before = contents(session)
    dataops("run", "three_steps", "-p", "word=more", "--session", session)
    assert len(contents(session)) == 4
    result = dataops("context", "restore", session, "vor der Änderung")
    kept = re.search(r"restored 'vor der Änderung'; what was there is kept as '(before-restore-\w+)'$", result.stderr)
    assert (result.stdout, contents(session)) == (f"{session}\n", before)
    assert dataops("context", "restore", session, "vor der Änderung").stderr.startswith("nothing has changed since")
    undone = told(dataops("context", "restore", session, kept[1], "--json"))
    assert (undone["before"]["messages"], len(contents(session))) == (2, 4)
    labels = [s["label"] for s in told(dataops("context", "list", session, "--json"))["snapshots"]]
    assert labels[1:] == [kept[1], "vor der Änderung"]
    assert made.stdout.strip() == told(dataops("context", "list", session, "--json"))["snapshots"][2]["snapshot_id"]


def test_load_into_a_session(dataops, session):
    snapshot = dataops("context", "dump", session).stdout.strip()
    target = SessionManager().create_session("local", metadata={"mine": 1}).session_id
    SessionManager().add_message(target, "user", "mine")
    result = dataops("context", "load", snapshot, "--into", target, "--mode", "merge")
    assert (result.exit_code, result.stdout) == (0, f"{target}\n")
    assert result.stderr == f"loaded {snapshot}: 2 messages, 1 run, 3 artifacts\n"
    assert contents(target) == ["mine", *contents(session)]
    assert len(ArtifactStore().list_artifacts(target)) == 3
    assert dataops("context", "load", snapshot, "--into", target).exit_code == 0
    assert contents(target) == contents(session)
    third = SessionManager().create_session("local").session_id
    dataops("context", "load", snapshot, "--into", third, "--include", "artifacts,metadata")
    assert (contents(third), len(ArtifactStore().list_artifacts(third))) == ([], 3)


def test_what_is_wrong_is_one_line_with_the_way_out(dataops, session):
    dataops("context", "checkpoint", session, "before_migration")
    snapshot = told(dataops("context", "list", session, "--json"))["snapshots"][0]["snapshot_id"]
    for arguments, status, said in (
        (("restore", session, "before_migrtion"), 3, "try: did you mean 'before_migration'?"),
        (("checkpoint", session, "before_migration"), 1, "error: label 'before_migration' is taken in session"),
        (("checkpoint", session, ""), 2, "a label has 1 to 240 bytes"),
        (("checkpoint", session, "x" * 1000), 2, "a label has 1 to 240 bytes"),
        (("load", snapshot[:-1] + "?"), 3, f"try: did you mean {snapshot!r}?"),
        (("load", "nosuch"), 3, "error: no snapshot 'nosuch'"),
        (("load", snapshot, "--mode", "merge"), 2, "try: --into SESSION"),
        (("load", snapshot, "--into", session, "--mode", "mrge"), 2, "try: did you mean 'merge'?"),
        (("load", snapshot, "--into", session, "--include", "mesages"), 2, "try: did you mean 'messages'?"),
        (("load", snapshot, "--into", "nosuch"), 3, "error: no session 'nosuch'"),
        (("dump", "nosuch"), 3, "error: no session 'nosuch'"),
        (("lst", session), 2, "did you mean 'list'?"),
    ):
        result = dataops("context", *arguments)
        assert (result.exit_code, result.stdout) == (status, ""), arguments
        assert said in result.stderr
        assert len(result.stderr.splitlines()) <= 2
    assert len(told(dataops("context", "list", session, "--json"))["snapshots"]) == 1
    damaged = told(dataops("context", "load", "nosuch", "--json"))["error"]
    assert damaged["code"] == "not_found"


def test_a_damaged_snapshot_has_the_status_of_a_configuration(dataops, session):
    from dataops_core.storage.opening import open_stores

    snapshot = dataops("context", "dump", session).stdout.strip()
    open_stores().blobs.delete(f"contexts/{session}/{snapshot}")
    result = dataops("context", "load", snapshot)
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith(f"error: snapshot {snapshot!r} is damaged: its content is gone\n")


def test_hostile_words_cannot_harm_a_terminal(dataops, session):
    SessionManager().update_session(session, metadata={"a\x1b[2J": "b\x1b]0;x\x07"})
    SessionManager().add_message(session, "user", "c\x1b[31m\nd")
    snapshot = dataops("context", "dump", session).stdout.strip()
    page = dataops("context", "load", snapshot).stdout
    assert page.replace("\n", "").isprintable()
    assert "user: c d\n" in page


def test_the_real_program(dataops, session):
    done = finish("context", "checkpoint", session, "one")
    assert (done.returncode, done.stdout.startswith(f"{session}.")) == (0, True)
    assert finish("context", "checkpoint", session, "one").returncode == 1
    assert finish("context", "--help").stdout.count("snapshot") >= 3


def test_a_run_whose_question_is_hidden_is_told_so(dataops):
    asked = json.loads(dataops("ask", "take three steps with no word", "--json").stdout)
    session = asked["session_id"]
    other = json.loads(dataops("ask", "-s", session, "word=hi", "--json").stdout)
    assert other["status"] == "success"
    dataops("context", "checkpoint", session, "one")
    parked = json.loads(dataops("ask", "-s", session, "three steps please", "--json").stdout)["run_id"]
    assert "dataops ask --session" in dataops("runs", "show", parked).stdout
    dataops("context", "restore", session, "one")
    for told in (dataops("runs", "show", parked).stdout, dataops("runs", "resume", parked).stderr):
        assert f"a restored context hides its question; dataops runs cancel {parked}" in told
    assert dataops("runs", "cancel", parked).exit_code == 0
