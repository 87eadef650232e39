"""`sessions` and `artifacts`: what is kept is listed, shown, copied out, shared and deleted."""

from __future__ import annotations

import json
import os
import pty
import stat

import pytest

from dataops_core import ArtifactStore, SessionManager
from dataops_core.storage.opening import open_stores
from tests.cli.program import start


@pytest.fixture
def session(dataops):
    """A session with two messages and three artifacts; its id."""
    return told(dataops("run", "three_steps", "-p", "word=hi", "--json"))["session_id"]


@pytest.fixture
def ids(dataops, session):
    """The ids of its artifacts by name."""
    found = told(dataops("artifacts", "list", session, "--json"))["artifacts"]
    return {a["name"].rpartition("/")[2][:3]: a["artifact_id"] for a in found}


def told(result):
    return json.loads(result.stdout)


def test_sessions_list_and_show(dataops, session):
    header, row = dataops("sessions", "list").stdout.splitlines()
    assert header.split() == ["SESSION", "USER", "STATUS", "LAST", "ACTIVE", "MESSAGES", "LATEST"]
    assert row.split()[:3] == [session, "local", "active"]
    other = SessionManager().create_session("ann").session_id
    assert [s["session_id"] for s in told(dataops("sessions", "list", "--json"))["sessions"]] == [session]
    everybody = {s["session_id"] for s in told(dataops("sessions", "list", "--all", "--json"))["sessions"]}
    assert everybody == {session, other}
    assert "ann" in dataops("sessions", "list", "--user", "ann").stdout
    assert "no sessions of user 'bob'" in dataops("sessions", "list", "--user", "bob").stderr
    page = dataops("sessions", "show", session[:8]).stdout
    assert dataops("sessions", "show", f"{session[:4]}…{session[-6:]}").stdout == page
    assert "#1 user  " in page
    assert "  /three_steps word=hi times=1" in page
    assert "#2 assistant (three_steps)  " in page
    assert page.replace("\n", "").isprintable()
    shown = told(dataops("sessions", "show", session, "--limit", "1", "--json"))
    assert ([m["number"] for m in shown["messages"]], shown["session"]["revision"]) == ([2], 2)


def test_an_unknown_session_is_named_with_the_nearest(dataops, session):
    result = dataops("sessions", "show", session[:-1] + "?")
    assert result.exit_code == 3
    assert result.stderr == f"error: no session {session[:-1] + '?'!r}\n  try: did you mean {session!r}?\n"
    second = SessionManager().create_session("local").session_id
    assert second != session
    assert dataops("sessions", "show", "s").exit_code == 3  # too short to mean one


def test_delete_asks_for_a_whole_id_and_a_yes(dataops, session):
    silent = dataops("sessions", "delete", session)
    assert (silent.exit_code, "--yes" in silent.stderr) == (2, True)
    part = dataops("sessions", "delete", session[:10], "--yes")
    assert part.exit_code == 3
    assert part.stderr == (
        f"error: {session[:10]!r} is a part of an id, and this takes the whole one\n  try: it is {session}\n"
    )
    assert dataops("sessions", "delete", session, "--yes").stderr == f"deleted {session}\n"
    assert dataops("sessions", "show", session).exit_code == 3
    assert list(open_stores().blobs.list("artifacts/").items) == []


@pytest.mark.parametrize(("answer", "status", "left"), [("n\n", 1, True), ("y\n", 0, False)])
def test_delete_asks_on_a_terminal(dataops, session, answer, status, left):
    ours, theirs = pty.openpty()
    program = start("sessions", "delete", session, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    while b"?" not in said:
        said += os.read(ours, 4096)
    os.write(ours, answer.encode())
    assert b"error" not in said
    assert f"Delete session {session} with 2 messages and 3 artifacts?".encode() in said
    assert program.wait(30) == status
    os.close(ours)
    assert (dataops("sessions", "show", session).exit_code == 0) is left


def test_artifacts_list_filters(dataops, session, ids):
    rows = dataops("artifacts", "list", session).stdout.splitlines()
    assert rows[0].split() == ["ARTIFACT", "TYPE", "SIZE", "CREATED", "WORKFLOW", "NAME"]
    assert len(rows) == 4
    debug = told(dataops("artifacts", "list", session, "--type", "debug", "--json"))["artifacts"]
    assert [a["artifact_id"] for a in debug] == [ids["thr"]]
    named = told(dataops("artifacts", "list", session, "--name", "one.json", "--json"))["artifacts"]
    assert [a["artifact_id"] for a in named] == [ids["one"]]
    assert dataops("artifacts", "list", session, "--name", "none").stderr == "no artifacts\n"
    assert dataops("artifacts", "list", session, "--run", "none").exit_code == 3
    assert dataops("artifacts", "list", session, "--type", "reslt").exit_code == 2
    assert told(dataops("artifacts", "list", session, "--limit", "2", "--json"))["more"] is True


def test_artifacts_show(dataops, ids):
    text = dataops("artifacts", "show", ids["two"][-8:]).stdout
    assert "15 B (15 bytes)" in text
    assert f"{ids['one']} (derived_from)" in text
    assert text.replace("\n", "").isprintable()
    wrong = dataops("artifacts", "show", ids["one"][:-1] + "?")
    assert (wrong.exit_code, ids["one"] in wrong.stderr) == (3, True)


def test_an_artifact_is_called_by_its_name(dataops, session, ids):
    SessionManager().create_session("local")  # has none
    assert f"session    {session}\n" in dataops("artifacts", "show", "one.json").stdout
    newest = ArtifactStore().store_artifact("a newer one", session, "w", name="one.json")
    assert dataops("artifacts", "show", "one.json").stdout.startswith(f"artifact   {newest}\n")
    assert dataops("artifacts", "get", "one.json", "-o", "-").stdout == "a newer one"
    assert dataops("artifacts", "show", "none.json").exit_code == 3
    assert dataops("artifacts", "show", f"{newest[:5]}…{newest[-5:]}").exit_code == 0


def test_get_writes_a_file_of_a_safe_name_once(dataops, ids, tmp_path):
    result = dataops("artifacts", "get", ids["two"])
    assert result.stdout == "two_31m.bin\n" or result.stdout.strip().endswith(".bin")
    name = result.stdout.strip()
    assert "/" not in name
    work = tmp_path / "work"
    assert (work / name).read_bytes() == b"\x00\xff\x01" * 5
    assert stat.S_IMODE((work / name).stat().st_mode) & 0o600 == 0o600
    assert [p.name for p in work.iterdir()] == [name]
    again = dataops("artifacts", "get", ids["two"])
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert dataops("artifacts", "get", ids["one"], "-o", name, "--force").exit_code == 0
    assert (work / name).read_bytes() == b'{"word":"hi"}'
    (work / "folder").mkdir()
    assert dataops("artifacts", "get", ids["one"], "-o", "folder").stdout == "folder/one.json\n"
    outcome = told(dataops("artifacts", "get", ids["one"], "-o", "other.json", "--json"))
    assert outcome["path"] == str(work / "other.json")


def test_get_to_where_it_cannot_be_written(dataops, ids):
    nowhere = dataops("artifacts", "get", ids["one"], "-o", "no/such/folder/file")
    assert (nowhere.exit_code, "cannot be written" in nowhere.stderr) == (2, True)
    with open("file", "w"):
        below = dataops("artifacts", "get", ids["one"], "-o", "file/x")
    assert (below.exit_code, "Not a directory" in below.stderr) == (2, True)
    assert "free some space" not in nowhere.stderr + below.stderr
    refused = dataops("artifacts", "get", ids["one"], "-o", "/proc/version", "--force")
    assert (refused.exit_code, "-o" in refused.stderr) == (2, True)
    full = dataops("artifacts", "get", ids["one"], "-o", "/dev/full")
    assert (full.exit_code, "No space left on device" in full.stderr) == (5, True)
    both = dataops("artifacts", "get", ids["one"], "-o", "-", "--json")
    assert (both.exit_code, told(both)["error"]["code"]) == (2, "usage")


def test_get_streams_to_a_pipe_and_keeps_a_terminal_safe(dataops, session, ids):
    program = start("artifacts", "get", ids["two"], "-o", "-", text=False)
    out, err = program.communicate(timeout=30)
    assert (program.returncode, out, err) == (0, b"\x00\xff\x01" * 5, b"")
    ours, theirs = pty.openpty()
    program = start("artifacts", "get", ids["two"], "-o", "-", stdout=theirs)
    os.close(theirs)
    _, said = program.communicate(timeout=30)
    assert program.returncode == 2
    assert "which a terminal cannot show" in said
    os.close(ours)
    text = ArtifactStore().store_artifact("red \x1b[31mtext\x07", session, "w", name="t.txt")
    ours, theirs = pty.openpty()
    program = start("artifacts", "get", text, "-o", "-", stdout=theirs)
    os.close(theirs)
    assert program.wait(30) == 0
    assert os.read(ours, 4096) == "red text\N{REPLACEMENT CHARACTER}".encode()
    os.close(ours)


def test_a_damaged_artifact_is_said_and_leaves_no_file(dataops, ids, home, tmp_path):
    (blob,) = [p for p in (home / "blobs").rglob("*") if p.is_file() and ids["one"].partition(".")[2] in p.name]
    raw = bytearray(blob.read_bytes())
    raw[raw.index(b"hi")] ^= 1
    blob.write_bytes(raw)
    result = dataops("artifacts", "get", ids["one"])
    assert result.exit_code == 4
    assert result.stderr.startswith("error: ")
    assert list((tmp_path / "work").iterdir()) == []


def test_lost_content_is_said_with_what_to_do(dataops, ids, home):
    (blob,) = [p for p in (home / "blobs").rglob("*") if p.is_file() and ids["one"].partition(".")[2] in p.name]
    blob.unlink()
    result = dataops("artifacts", "get", ids["one"])
    assert (result.exit_code, "try: dataops storage check" in result.stderr) == (3, True)


def test_share_and_lineage(dataops, session, ids):
    target = SessionManager().create_session("ann").session_id
    copy = dataops("artifacts", "share", ids["thr"], target).stdout.strip()
    assert copy.startswith(f"{target}.")
    tree = dataops("artifacts", "lineage", copy).stdout.splitlines()
    assert tree[0] == f"three.txt  steps  {copy}"
    assert tree[1] == "└─ made from"
    assert tree[2] == f"   └─ shared_from: three.txt  steps  {ids['thr']}"
    assert tree[3] == f"      ├─ derived_from: one.json  steps  {ids['one']}"
    assert tree[5].endswith("(see above)")
    down = dataops("artifacts", "lineage", ids["one"]).stdout
    assert "└─ made into" in down
    near = told(dataops("artifacts", "lineage", copy, "--depth", "1", "--json"))
    assert [e["parent"] for e in near["edges"]] == [ids["thr"]]
    assert dataops("artifacts", "share", ids["one"], "nobody").exit_code == 3
    helped = " ".join(dataops("artifacts", "lineage", "--help").stdout.split())
    assert "the source does not know its copies" in helped
    assert copy not in dataops("artifacts", "lineage", ids["thr"]).stdout
