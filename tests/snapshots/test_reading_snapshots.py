"""Snapshots that were cut, changed, forged or made to burst: one clear error each, in bounded memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import resource
import tracemalloc

import pytest

from dataops_core import ArtifactStore, ContextManager, SessionManager
from dataops_core.contracts.records import Put
from dataops_core.errors import CorruptData, InvalidValue, NewerDatabase
from dataops_core.snapshots import lines as lines_
from dataops_core.snapshots import writing
from dataops_core.storage import schema
from dataops_core.storage.ownership import pointer_item
from tests.storage.processes import in_fork


@pytest.fixture
def sessions(stores):
    return SessionManager()


@pytest.fixture
def contexts(sessions):
    return ContextManager(sessions)


@pytest.fixture
def sid(sessions):
    session_id = sessions.create_session("ann", metadata={"team": "a"}).session_id
    artifact = ArtifactStore().store_artifact(b"\x00\x01" * 1000, session_id, "w", name="raw")
    sessions.add_message(session_id, "user", "hello")
    sessions.add_message(session_id, "assistant", "done", artifacts=[artifact])
    return session_id


def row_of(stores, snapshot_id):
    key = schema.session_of(snapshot_id), pointer_item("snapshot", snapshot_id)
    return stores.records.get(schema.SESSION_ITEMS, *key).record


def blob_of(stores, snapshot_id):
    with stores.blobs.open(writing.blob_key(snapshot_id)) as stream:
        return stream.read()


def forge(stores, snapshot_id, packed, unpacked_size=None, **fields):
    """Puts other bytes in a snapshot's place and makes its row agree with them."""
    info = stores.blobs.put(writing.blob_key(snapshot_id), io.BytesIO(packed))
    row = row_of(stores, snapshot_id)
    if unpacked_size is None:
        unpacked_size = len(gzip.decompress(packed)) if row["compressed"] else len(packed)
    row |= {"size_bytes": info.size, "sha256": info.sha256, "unpacked_bytes": unpacked_size, **fields}
    stores.records.commit([Put(schema.SESSION_ITEMS, row)])


def refused(contexts, sid, snapshot_id, match):
    """Every way of reading says the same, and leaves the session as it was."""
    sessions = contexts.sessions
    target = sessions.create_session("bob").session_id
    before = sessions.get_session(sid)
    for call in (
        lambda: contexts.load_context(snapshot_id),
        lambda: contexts.load_context(snapshot_id, target),
        lambda: contexts.load_context(snapshot_id, sid),
    ):
        with pytest.raises(CorruptData, match=match) as error:
            call()
        assert snapshot_id in error.value.message
        assert "\n" not in error.value.message
    assert sessions.get_session(sid) == before
    assert sessions.get_messages(target) == []
    assert ArtifactStore().list_artifacts(target) == []


@pytest.mark.parametrize("compress", [True, False])
def test_truncated_anywhere(contexts, stores, sid, compress):
    snapshot_id = contexts.dump_context(sid, True, compress)
    packed, size = blob_of(stores, snapshot_id), row_of(stores, snapshot_id)["unpacked_bytes"]
    for end in {0, 1, 9, 10, 11, 100, len(packed) // 2, len(packed) - 9, len(packed) - 1}:
        forge(stores, snapshot_id, packed[:end], size)
        refused(contexts, sid, snapshot_id, "is damaged")


def test_changed_bytes(contexts, stores, sid):
    snapshot_id = contexts.create_checkpoint(sid, "first", include_artifacts=True)
    packed = bytearray(blob_of(stores, snapshot_id))
    packed[len(packed) // 2] ^= 1
    stores.blobs.put(writing.blob_key(snapshot_id), io.BytesIO(bytes(packed)))
    refused(contexts, sid, snapshot_id, "content was changed")
    with pytest.raises(CorruptData, match="content was changed"):
        contexts.restore_checkpoint(sid, "first")
    stores.blobs.delete(writing.blob_key(snapshot_id))
    refused(contexts, sid, snapshot_id, "content is gone")


def test_every_changed_byte_of_a_forged_one_is_an_error_of_ours_or_harmless(contexts, stores, sid):
    snapshot_id = contexts.dump_context(sid, True, True)
    packed = blob_of(stores, snapshot_id)
    size = row_of(stores, snapshot_id)["unpacked_bytes"]
    for position in range(0, len(packed), 7):
        changed = bytearray(packed)
        changed[position] ^= 0x55
        forge(stores, snapshot_id, bytes(changed), size)
        try:
            contexts.load_context(snapshot_id)
        except CorruptData:
            continue
        assert position < 10  # the header of gzip says when and where it was made


def lines(stores, snapshot_id):
    return blob_of(stores, snapshot_id).split(b"\n", 4)


MESSAGE = {"number": 1, "message_id": "x", "role": "user", "content": "x", "created_at": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("number", "line", "match"),
    [
        (0, b"[]", "line 1 is no header"),
        (0, b"{}", "line 1 is no header"),
        (0, b"not json", "line 1 is not JSON"),
        (0, b"[" * 100_000, "line 1 is not JSON"),
        (0, b"\xff\xfe", "line 1 is not JSON"),
        (1, b"NaN", "line 2 is not JSON"),
        (1, b"9" * 5_000, "line 2 is not JSON"),
        (1, b'{"surprise":{}}', "line 2 is none of a snapshot"),
        (1, b'{"message":{},"run":{}}', "line 2 is none of a snapshot"),
        (1, b'{"message":[]}', "line 2 is no message"),
        (1, {"message": {**MESSAGE, "role": "boss"}}, "line 2 is no message"),
        (1, {"message": {**MESSAGE, "number": "1"}}, "line 2 is no message"),
        (1, {"message": {**MESSAGE, "number": True}}, "line 2 is no message"),
        (1, {"message": {**MESSAGE, "created_at": "yesterday"}}, "line 2 is no message"),
        (1, {"message": {**MESSAGE, "artifacts": [1]}}, "line 2 is no message"),
        (1, json.dumps({"message": {**MESSAGE, "content": "\ud800"}}).encode(), "line 2 is not JSON"),
        (1, {"message": {**MESSAGE, "number": 10**9}}, "line 2 is out of order"),
        (1, {"message": {**MESSAGE, "number": 2}}, "line 3 is out of order"),
        (1, {"message": {**MESSAGE, "number": -1}}, "line 2 is out of order"),
        (1, {"end": {"messages": 0, "runs": 0, "artifacts": 0}}, "not as long as was written"),
        (1, {"end": {"messages": 5, "runs": 0, "artifacts": 0}}, "something is missing"),
        (1, b'{"end":{}}', "line 2 is no end"),
    ],
)  # fmt: skip
def test_forged_lines(contexts, stores, sid, number, line, match):
    snapshot_id = contexts.dump_context(sid, True, False)
    parts = lines(stores, snapshot_id)
    parts[number] = line if isinstance(line, bytes) else json.dumps(line).encode()
    forge(stores, snapshot_id, b"\n".join(parts))
    refused(contexts, sid, snapshot_id, match)


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("size_bytes", -1, "unpacks to more"),
        ("size_bytes", 10**15, "unpacks to more"),
        ("size_bytes", 1999, "is damaged"),
        ("sha256", "0" * 64, "content of artifact .* was changed"),
        ("encoding", "pickle", "line 4 is no artifact"),
        ("artifact_type", "../x", "line 4 is no artifact"),
        ("with_content", 1, "line 4 is no artifact"),
        ("created_at", "9999-99-99", "line 4 is no artifact"),
    ],
)
def test_forged_artifacts(contexts, stores, sid, field, value, match):
    snapshot_id = contexts.dump_context(sid, True, False)
    parts = lines(stores, snapshot_id)
    told = json.loads(parts[3])
    told["artifact"][field] = value
    parts[3] = json.dumps(told).encode()
    forge(stores, snapshot_id, b"\n".join(parts))
    refused(contexts, sid, snapshot_id, match)


def test_another_snapshot_s_bytes(contexts, sessions, stores, sid):
    snapshot_id = contexts.dump_context(sid, True, False)
    other = contexts.dump_context(sessions.create_session("eve").session_id, True, False)
    forge(stores, snapshot_id, blob_of(stores, other))
    refused(contexts, sid, snapshot_id, "another snapshot's")


@pytest.mark.parametrize("where", ["row", "header", "both"])
def test_a_newer_one_is_refused_with_the_way_out(contexts, stores, sid, where):
    snapshot_id = contexts.create_checkpoint(sid, "first")
    row = row_of(stores, snapshot_id)
    raw = gzip.decompress(blob_of(stores, snapshot_id))
    if where != "row":
        raw = raw.replace(b'"schema_version":1', b'"schema_version":2,"new":[]')
    forge(stores, snapshot_id, gzip.compress(raw), schema_version=1 if where == "header" else 2)
    for call in (
        lambda: contexts.load_context(snapshot_id),
        lambda: contexts.load_context(snapshot_id, sid),
        lambda: contexts.restore_checkpoint(sid, "first"),
    ):
        with pytest.raises(NewerDatabase, match="newer DataOps: its format is 2, this one reads 1") as error:
            call()
        assert "upgrade" in error.value.hint
    assert row["schema_version"] == 1


def bomb(size):
    """What unpacks to so many bytes without a line break."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as file:
        for _ in range(size >> 20):
            file.write(b" " * (1 << 20))
    return out.getvalue()


def test_a_bomb_is_not_unpacked_beyond_what_its_row_says(contexts, stores, sid):
    snapshot_id = contexts.dump_context(sid)
    size = row_of(stores, snapshot_id)["unpacked_bytes"]
    forge(stores, snapshot_id, bomb(64 << 20), size)
    tracemalloc.start()
    with pytest.raises(CorruptData, match="unpacks to more than was written"):
        contexts.load_context(snapshot_id)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_a_bomb_whose_row_lies_too(contexts, stores, sid, monkeypatch):
    snapshot_id = contexts.dump_context(sid)
    monkeypatch.setattr(lines_, "MAX_TEXT_BYTES", 4 << 20)
    forge(stores, snapshot_id, bomb(64 << 20), 64 << 20)
    tracemalloc.start()
    with pytest.raises(CorruptData, match="unpacks to more than was written"):
        contexts.load_context(snapshot_id)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    forge(stores, snapshot_id, bomb(1 << 20), 1 << 50)
    refused(contexts, sid, snapshot_id, "larger than 64 GiB")
    forge(stores, snapshot_id, bomb(1 << 20), "many")
    refused(contexts, sid, snapshot_id, "larger than 64 GiB")


def test_a_bomb_of_lines(contexts, stores, sid, monkeypatch):
    monkeypatch.setattr(lines_, "MAX_LINES", 100)
    snapshot_id = contexts.dump_context(sid, False, False)
    parts = lines(stores, snapshot_id)
    many = [json.dumps({"message": {**MESSAGE, "number": n}}).encode() for n in range(1, 200)]
    head = parts[0].replace(b'"revision":2', b'"revision":200')
    forge(stores, snapshot_id, b"\n".join([head, *many, parts[3]]))
    refused(contexts, sid, snapshot_id, "unpacks to more")


def test_what_could_not_be_read_is_not_written(contexts, sessions, stores, sid, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(writing, "MAX_LINES", 3)
        with pytest.raises(InvalidValue, match="too large for a snapshot"):
            contexts.dump_context(sid)
    with monkeypatch.context() as patched:
        patched.setattr(writing, "MAX_TEXT_BYTES", 300)
        with pytest.raises(InvalidValue, match="too large for a snapshot"):
            contexts.dump_context(sid)
    with monkeypatch.context() as patched:
        patched.setattr(writing, "MAX_BYTES", 2_000)
        with pytest.raises(InvalidValue, match="too large for a snapshot") as error:
            contexts.create_checkpoint(sid, "x", include_artifacts=True)
        assert "contents" in error.value.hint
    assert stores.blobs.list("contexts/").items == []


def test_a_damaged_artifact_is_not_dumped_as_if_it_were_whole(contexts, stores, sid):
    (artifact,) = ArtifactStore().list_artifacts(sid)
    stores.blobs.put(artifact.s3_key, io.BytesIO(b"short"))
    with pytest.raises(CorruptData, match=artifact.artifact_id):
        contexts.dump_context(sid)
    assert contexts.list_snapshots(sid) == []


def test_large_artifacts_go_through_little_memory(contexts, sessions, stores, sid):
    class Large(io.RawIOBase):
        left = 96 << 20

        def readable(self):
            return True

        def readinto(self, buffer):
            size = min(len(buffer), self.left)
            self.left -= size
            buffer[:size] = bytes(size)
            return size

    artifact = ArtifactStore().store_artifact(Large(), sid, "w")
    target = sessions.create_session("bob").session_id

    def through():
        soft = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        manager = ContextManager(SessionManager())
        manager.load_context(manager.dump_context(sid, True, False), target)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - soft

    grown = int(in_fork(through))
    assert grown < 64 << 10  # KiB
    copies = ArtifactStore().list_artifacts(target)
    assert {a.size_bytes for a in copies} == {96 << 20, 2_000}
    assert ArtifactStore().get_artifact(artifact).sha256 in {a.sha256 for a in copies}
    assert hashlib.sha256(bytes(96 << 20)).hexdigest() in {a.sha256 for a in copies}
