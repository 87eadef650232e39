"""A session that is dumped and loaded is what it was, with ids of its own, and its loader's."""

from __future__ import annotations

import gzip
import json
import os
import resource
import stat
import zipfile

import pytest

from dataops_core import ArtifactStore, ContextManager, SessionManager
from dataops_core.bundles import layout, writing
from dataops_core.contracts.records import Put
from dataops_core.errors import Conflict, CorruptData, InvalidValue, NotFound
from dataops_core.plugin.manager import plugins
from dataops_core.storage import schema
from dataops_core.storage.file_blobs import file_url
from dataops_core.storage.opening import Stores
from dataops_core.storage.sqlite_records import sqlite_url
from dataops_core.upkeep.check import check
from tests.bundles.conftest import owned, renamed
from tests.contexts import facts, put_run, said
from tests.storage.processes import in_fork


@pytest.fixture
def elsewhere(tmp_path, home):
    """The stores of another installation."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    other = Stores(
        plugins().record_store(sqlite_url(folder / "dataops.db"), schema.TABLES),
        plugins().blob_store(file_url(folder / "blobs")),
    )
    other.records.prepare()
    yield other
    other.close()


def there(stores):
    return ContextManager(SessionManager(stores), ArtifactStore(stores))


def test_everything_comes_along(stores, sessions, contexts, sid, bundle, elsewhere):
    other = there(elsewhere)
    loaded = other.load_bundle(bundle, "bob")
    new = loaded.session_id
    assert (loaded.messages, loaded.runs, loaded.artifacts, loaded.snapshots) == (4, 1, 3, 2)
    assert (loaded.left_out, loaded.expired, loaded.cancelled) == (0, 0, 0)
    session = other.sessions.get_session(new)
    assert (session.user_id, session.status, session.revision, session.ttl) == ("bob", "active", 4, 86_400)
    assert facts(other.sessions, new) == facts(sessions, sid)
    assert said(other.sessions, new) == said(sessions, sid)
    assert session.hidden == sessions.get_session(sid).hidden == [[3, 3]]
    before, after = renamed(owned(stores, sid), sid, new), owned(elsewhere, new)
    assert after["run"] == before["run"]
    assert after["artifact"] == before["artifact"]
    rows = {item: row for item, row in after["items"].items() if "snapshot" not in item}
    for found in (rows, before["items"]):
        for row in found.values():
            row.pop("blob", None)  # the name of a long content is never used twice
    assert rows == {item: row for item, row in before["items"].items() if "snapshot" not in item}
    contents = {key: raw for key, raw in after["blobs"].items() if key.startswith("artifacts/")}
    assert contents == {key: raw for key, raw in before["blobs"].items() if key.startswith("artifacts/")}
    assert not [found for found in check(elsewhere, deep=True) if found.level != "ok"]


def test_ids_are_new_and_told(stores, sid, bundle, elsewhere):
    loaded = there(elsewhere).load_bundle(bundle, "bob")
    source = owned(stores, sid)
    snapshots = {f"{sid}.{item.partition('#')[2]}" for item in source["items"] if item.startswith("snapshot#")}
    assert set(loaded.ids) == {sid, *source["run"], *source["artifact"], *snapshots}
    assert all(new == old.replace(sid, loaded.session_id) for old, new in loaded.ids.items())
    assert sid not in json.dumps({k: v for k, v in owned(elsewhere, loaded.session_id).items() if k != "blobs"})
    record = elsewhere.records.get(schema.SESSIONS, loaded.session_id).record
    assert record.pop("loaded_from") == sid
    assert sid not in json.dumps(record)


def test_checkpoints_work_where_they_were_loaded(bundle, sid, elsewhere):
    other = there(elsewhere)
    new = other.load_bundle(bundle, "bob").session_id
    labels = [s.label for s in other.list_checkpoints(new)]
    assert labels[-1] == "before" and labels[0].startswith("before-restore-")
    other.restore_checkpoint(new, labels[0])
    assert [m.content for m in other.sessions.iter_messages(new)][2:] == ["a wrong turn"]
    assert other.sessions.get_session(new).metadata == {"team": "b"}
    other.restore_checkpoint(new, "before")
    assert len(said(other.sessions, new)) == 2
    heir = other.sessions.create_session("eve").session_id
    context = other.load_context(other.list_checkpoints(new)[-1].snapshot_id, heir)
    assert (context["session_id"], context["user_id"]) == (new, "bob")
    (named,) = [m.artifacts for m in other.sessions.iter_messages(heir) if m.artifacts]
    assert other.artifacts.get_artifact_content(named[0]) == {"rows": 422}


def test_the_session_goes_on(bundle, elsewhere):
    other = there(elsewhere)
    new = other.load_bundle(bundle, "bob").session_id
    assert other.sessions.add_message(new, "user", "again", message_id="mine-1").number == 1
    assert other.sessions.add_message(new, "user", "more").number == 5
    artifact = other.artifacts.store_artifact("x", new, "w", name="report.json")
    assert other.artifacts.get_artifact(artifact).version == 3
    lineage = other.artifacts.lineage(other.artifacts.list_artifacts(new, name="raw")[0].artifact_id)
    assert [n["name"] for n in lineage["nodes"]] == ["raw", "report.json", "report.json"]
    assert len(lineage["edges"]) == 3


def test_loading_twice_gives_two_sessions_beside_the_first(contexts, sessions, sid, bundle):
    first, second = (contexts.load_bundle(bundle, "bob").session_id for _ in range(2))
    assert len({sid, first, second}) == 3
    assert said(sessions, first) == said(sessions, second) == said(sessions, sid)
    assert [s.session_id for s in sessions.list_sessions("bob")] == [second, first]
    sessions.delete_session(first)
    assert len(said(sessions, second)) == 3


def test_a_bundle_of_a_loaded_session_is_the_same_but_for_ids(contexts, sid, bundle, tmp_path):
    new = contexts.load_bundle(bundle, "bob").session_id
    again = tmp_path / "again.zip"
    contexts.dump_bundle(new, again)
    with zipfile.ZipFile(bundle) as one, zipfile.ZipFile(again) as two:
        assert one.namelist() == two.namelist()
        for name in set(one.namelist()) - {"bundle.json", "session.json"}:
            mine = one.read(name).replace(sid.encode(), new.encode()).replace(b'"user_id":"ann"', b'"user_id":"bob"')
            assert sorted(mine.splitlines()) == sorted(two.read(name).splitlines()), name


def test_the_same_session_gives_the_same_bytes_that_only_its_user_reads(contexts, sid, bundle, tmp_path):
    again = tmp_path / "again.zip"
    dumped = contexts.dump_bundle(sid, str(again))
    assert again.read_bytes() == bundle.read_bytes()
    assert (dumped.size_bytes, dumped.messages, dumped.path) == (again.stat().st_size, 4, str(again))
    assert stat.S_IMODE(again.stat().st_mode) == 0o600
    assert {p.name for p in tmp_path.iterdir() if p.is_file()} == {"bundle.zip", "again.zip"}
    with zipfile.ZipFile(bundle) as packed:
        assert packed.testzip() is None
        assert packed.namelist()[-1] == layout.MANIFEST
        assert {info.date_time[0] for info in packed.infolist()} == {1980}
        assert packed.getinfo("contents/000002").compress_type == zipfile.ZIP_DEFLATED


def test_a_file_that_is_there_is_not_replaced_unasked(contexts, sid, bundle, tmp_path):
    whole = bundle.read_bytes()
    bundle.write_bytes(b"mine")
    with pytest.raises(InvalidValue, match="is there already"):
        contexts.dump_bundle(sid, bundle)
    assert bundle.read_bytes() == b"mine"
    contexts.dump_bundle(sid, bundle, force=True)
    assert bundle.read_bytes() == whole
    with pytest.raises(InvalidValue, match="no file"):
        contexts.dump_bundle(sid, tmp_path, force=True)
    with pytest.raises(InvalidValue, match=r"cannot be written"):
        contexts.dump_bundle(sid, tmp_path / "no" / "such.zip")
    assert {p.name for p in tmp_path.iterdir() if p.is_file()} == {"bundle.zip"}


def test_a_dump_that_fails_leaves_no_file(contexts, stores, artifacts, sid, tmp_path):
    stores.blobs.delete(artifacts.get_artifact(artifacts.list_artifacts(sid)[0].artifact_id).s3_key)
    with pytest.raises(CorruptData, match="missing"):
        contexts.dump_bundle(sid, tmp_path / "x.zip")
    assert [p for p in tmp_path.iterdir() if p.is_file()] == []


def test_a_message_whose_content_is_gone_is_damage(contexts, stores, sid, tmp_path):
    stores.blobs.delete(stores.blobs.list(f"messages/{sid}/").items[0].key)
    with pytest.raises(CorruptData, match="cannot be dumped"):
        contexts.dump_bundle(sid, tmp_path / "x.zip")


@pytest.mark.parametrize("status", ["archived", "deleting"])
def test_sessions_that_are_over_are_not_dumped(contexts, sessions, stores, sid, tmp_path, status):
    record = stores.records.get(schema.SESSIONS, sid).record
    stores.records.commit([Put(schema.SESSIONS, {**record, "status": status})])
    with pytest.raises(Conflict, match=status):
        contexts.dump_bundle(sid, tmp_path / "x.zip")
    with pytest.raises(NotFound):
        contexts.dump_bundle("nosuch", tmp_path / "x.zip")


def test_a_session_that_is_archived_while_it_is_dumped_gives_no_half_bundle(
    contexts, sessions, sid, tmp_path, monkeypatch
):
    walk = writing.history.walk

    def archiving(*args, **kwargs):
        yield next(walk(*args, **kwargs))
        patched.undo()
        sessions.archive_session(sid)
        yield from walk(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(writing.history, "walk", archiving)
        with pytest.raises(Conflict, match="archived"):
            contexts.dump_bundle(sid, tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


def test_runs_that_are_not_over_are_cancelled(contexts, stores, sid, tmp_path):
    question = {"id": "q", "parameter": "word", "prompt": "Which?", "schema": {}}
    open_ = [
        put_run(stores, sid, 1, version="1", status="interrupted", open="question", question=question),
        put_run(stores, sid, 1, version="1", status="running", open="run", owner="me"),
    ]
    contexts.dump_bundle(sid, tmp_path / "b.zip")
    loaded = contexts.load_bundle(tmp_path / "b.zip", "bob")
    assert loaded.cancelled == 2
    for run_id in open_:
        run = stores.records.get(schema.RUNS, loaded.ids[run_id]).record
        assert run["status"] == "cancelled" and run["finished_at"]
        assert not {"open", "owner", "question"} & set(run)


def test_artifacts_that_expire_keep_their_time(contexts, artifacts, stores, sessions, tmp_path, monkeypatch):
    sid = sessions.create_session("ann").session_id
    kept = artifacts.store_artifact("kept", sid, "w", ttl=10_000)
    gone = artifacts.store_artifact("gone", sid, "w", ttl=100)
    sessions.add_message(sid, "assistant", "both", artifacts=[kept, gone])
    contexts.dump_bundle(sid, tmp_path / "b.zip")
    now = stores.records.now
    monkeypatch.setattr(stores.records, "now", lambda: now() + 1_000)
    loaded = contexts.load_bundle(tmp_path / "b.zip", "bob")
    assert (loaded.artifacts, loaded.expired) == (1, 1)
    copy = stores.records.get(schema.ARTIFACTS, loaded.ids[kept]).record
    assert copy["expires_at"] == stores.records.get(schema.ARTIFACTS, kept).record["expires_at"]
    assert [a.artifact_id for a in artifacts.list_artifacts(loaded.session_id)] == [loaded.ids[kept]]


def test_what_belongs_to_other_sessions_is_left_out(contexts, artifacts, sessions, tmp_path):
    other = sessions.create_session("eve").session_id
    theirs = artifacts.store_artifact("theirs", other, "w")
    sid = sessions.create_session("ann").session_id
    mine = artifacts.store_artifact("mine", sid, "w", parents=[theirs])
    sessions.add_message(sid, "assistant", "both", artifacts=[mine, theirs])
    contexts.dump_bundle(sid, tmp_path / "b.zip")
    loaded = contexts.load_bundle(tmp_path / "b.zip", "bob")
    assert loaded.left_out == 2
    assert artifacts.get_artifact(loaded.ids[mine]).parents == ()
    assert sessions.get_messages(loaded.session_id)[0].artifacts == (loaded.ids[mine],)


def test_an_empty_session(contexts, sessions, tmp_path):
    sid = sessions.create_session("ann").session_id
    contexts.dump_bundle(sid, tmp_path / "b.zip")
    new = contexts.load_bundle(tmp_path / "b.zip", "bob").session_id
    assert said(sessions, new) == []
    assert sessions.add_message(new, "user", "first").number == 1


def test_an_expired_session_is_awake_where_it_is_loaded(contexts, sessions, stores, sid, tmp_path):
    record = stores.records.get(schema.SESSIONS, sid).record
    stores.records.commit([Put(schema.SESSIONS, {**record, "last_active": "2020-01-01T00:00:00.000000Z"})])
    assert sessions.get_session(sid).status == "expired"
    contexts.dump_bundle(sid, tmp_path / "b.zip")
    assert sessions.get_session(contexts.load_bundle(tmp_path / "b.zip", "bob").session_id).status == "active"


def test_many_messages_runs_and_versions(contexts, artifacts, sessions, stores, tmp_path):
    sid = sessions.create_session("ann").session_id
    for number in range(130):
        sessions.add_message(sid, "user", f"m{number}", message_id=f"id {number}")
        put_run(stores, sid, number + 1, version="1")
    for number in range(60):
        artifacts.store_artifact(f"{number}", sid, "w", name=f"n{number % 7}")
    contexts.dump_bundle(sid, tmp_path / "b.zip")
    loaded = contexts.load_bundle(tmp_path / "b.zip", "bob")
    assert [m.content for m in sessions.iter_messages(loaded.session_id)] == [f"m{n}" for n in range(130)]
    assert list(sessions.owned(loaded.session_id, "run")) == [loaded.ids[r] for r in sessions.owned(sid, "run")]
    for kind in (sid, loaded.session_id):
        assert sorted((a.name, a.version) for a in artifacts.list_artifacts(kind, limit=99)) == sorted(
            (f"n{n}", v) for n in range(7) for v in range(1, 10 if n < 4 else 9)
        )


class Zeros:
    """As many zeros, and then something else, as are asked for."""

    def __init__(self, size):
        self._left = size

    def read(self, size=-1):
        chunk = bytes(min(size, self._left))
        self._left -= len(chunk)
        return chunk


@pytest.mark.slow
def test_large_contents_need_little_memory(contexts, artifacts, sessions, stores, tmp_path):
    """128 MiB, of zeros and in a snapshot too: neither is their memory needed, nor is it taken for a bomb."""
    sid = sessions.create_session("ann").session_id
    artifacts.store_artifact(Zeros(128 << 20), sid, "w")
    contexts.dump_context(sid, compress=False)

    def move():
        contexts.dump_bundle(sid, tmp_path / "small.zip")  # what is imported and opened once
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        contexts.dump_bundle(sid, tmp_path / "b.zip")
        new = contexts.load_bundle(tmp_path / "b.zip", "bob").session_id
        assert len(artifacts.list_artifacts(new)) == 1
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10

    stores.close()
    assert int(in_fork(move)) <= 32
    assert os.stat(tmp_path / "b.zip").st_size > 256 << 20


def test_an_uncompressed_snapshot_stays_one(contexts, sessions, stores, tmp_path):
    sid = sessions.create_session("ann").session_id
    sessions.add_message(sid, "user", "hello")
    kept = [contexts.dump_context(sid, True, compress) for compress in (True, False)]
    contexts.dump_bundle(sid, tmp_path / "b.zip")
    loaded = contexts.load_bundle(tmp_path / "b.zip", "bob")
    packed, plain = (loaded.ids[snapshot] for snapshot in kept)
    with stores.blobs.open(f"contexts/{loaded.session_id}/{packed}") as stream:
        lines = gzip.decompress(stream.read()).splitlines()
    with stores.blobs.open(f"contexts/{loaded.session_id}/{plain}") as stream:
        assert stream.read().splitlines()[1:] == lines[1:]
