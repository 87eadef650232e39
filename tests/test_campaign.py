"""The campaign itself: a handful of its kills, and that it sees what it is there to see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from campaign.kills import Outcome, Site
from campaign.leftovers import leftovers
from campaign.verdict import Verdict, judge
from dataops_core import ArtifactStore, SessionManager
from dataops_core.contracts.records import ANY, Delete, Put
from dataops_core.storage import schema

ROOT = Path(__file__).parents[1]


def test_a_handful_of_kills_loses_nothing(tmp_path):
    figures = tmp_path / "figures.json"
    only = "append,finish,answers"
    command = [sys.executable, "-m", "campaign", "--only", only, "--kills", "12", "--json", str(figures)]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads(figures.read_text())
    kills, left_out = told["kills"], told["left_out"]
    assert len(kills) == 12
    hit = {kill["site"] for kill in kills}
    assert left_out and not hit & set(left_out), "what was not killed at is named"
    assert f"{len(left_out)} sites were left out" in ended.stdout
    assert [scenario["wrong"] for scenario in told["scenarios"]] == [[]]
    assert all(kill["hit"] for kill in kills)
    assert {kill["site"].partition("/")[0] for kill in kills} == {"append", "finish"}


def verdict(acknowledged=()):
    said = {}
    judge(lambda kind, **facts: said.update({kind: facts}), list(acknowledged))
    return said["verdict"]


@pytest.fixture
def session(stores):
    manager = SessionManager()
    session_id = manager.create_session("ann").session_id
    manager.add_message(session_id, "user", "hello")
    return session_id


def test_the_verdict_is_clean_where_nothing_is_wrong(session):
    artifact = ArtifactStore().store_artifact(b"x", session, "steps")
    sha256 = ArtifactStore().get_artifact(artifact).sha256
    said = [
        {"kind": "message", "session": session, "content": "hello"},
        {"kind": "artifact", "session": session, "artifact": artifact, "sha256": sha256},
    ]
    assert verdict(said) == {"lost": [], "twice": [], "stuck": [], "orphans": []}


def test_the_verdict_names_what_is_lost_or_there_twice(session, stores):
    lost = {"kind": "message", "session": session, "content": "never kept"}
    assert "never kept" in verdict([lost])["lost"][0]
    SessionManager().add_message(session, "user", "hello")
    assert "hello" in verdict([{**lost, "content": "hello"}])["twice"][0]
    artifact = ArtifactStore().store_artifact(b"x", session, "steps")
    stores.blobs.delete(ArtifactStore().get_artifact(artifact).s3_key)
    said = {"kind": "artifact", "session": session, "artifact": artifact, "sha256": ""}
    assert artifact[:40] in verdict([said])["lost"][0]
    stores.records.commit([Delete(schema.SESSION_ITEMS, session, schema.message_item(1), ANY)])
    assert any("has messages [2]" in line for line in verdict()["lost"])


def test_the_verdict_names_what_is_stuck(session, stores):
    record = stores.records.get(schema.SESSIONS, session).record
    stores.records.commit([Put(schema.SESSIONS, {**record, "turn": f"{session}.dead", "status": "archiving"}, ANY)])
    told = verdict()["stuck"]
    assert any("turn" in line for line in told)
    assert any("is archiving" in line for line in told)


def test_leftovers_are_blobs_and_rows_that_nothing_refers_to(session, stores, tmp_path):
    assert list(leftovers(stores)) == []
    content = tmp_path / "content"
    content.write_bytes(b"left")
    for key in (f"artifacts/{session}/2026-01-01/{session}.x", f"messages/{session}/y", f"values/{session}.r/z"):
        with content.open("rb") as stream:
            stores.blobs.put(key, stream)
    stores.records.commit([Put(schema.RUN_ITEMS, {"run_id": f"{session}.r", "item": "fence"}, ANY)])
    told = list(leftovers(stores))
    assert sum(line.startswith("blob") for line in told) == 2, "values of a run that has rows are the run's"
    assert any(line.startswith("row fence") for line in told)


def test_a_site_that_is_not_hit_is_wrong():
    site = Site("append", "append", 1, "commit", "before", 1)
    assert Outcome(site, "force", hit=True).right
    assert not Outcome(site, "force", hit=False).right
    assert not Outcome(site, "force", hit=True, verdict=Verdict(orphans=["blob x"])).right
