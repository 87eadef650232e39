"""Bundles that were cut, changed, forged or made to burst: one clear error each, and nothing is left of them."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import stat
import struct
import tracemalloc
import zipfile

import pytest

from dataops_core.bundles import layout
from dataops_core.errors import ConfigError, CorruptData, DataOpsError, InvalidValue, NewerDatabase, NotFound
from dataops_core.storage import schema
from tests.failing import everything


@pytest.fixture
def refused(contexts, sid, stores):
    """Asserts that a file is refused, whole, with what to do."""

    def refuse(path, match, kind=(CorruptData, InvalidValue)):
        before = everything(stores)
        with pytest.raises(kind, match=match) as error:
            contexts.load_bundle(path, "bob")
        assert error.value.hint
        assert "\n" not in error.value.message
        assert everything(stores) == before
        return error.value

    return refuse


def members(path):
    with zipfile.ZipFile(path) as packed:
        return {info.filename: packed.read(info) for info in packed.infolist()}


def pack(path, found, *, sign=True, **fields):
    """Writes members into a zip, with a manifest that agrees with them."""
    found = dict(found)
    if sign:
        manifest = json.loads(found.pop("bundle.json"))
        told = {name: {"size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()} for name, raw in found.items()}
        found["bundle.json"] = json.dumps({**manifest, "members": told, **fields}).encode() + b"\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, raw in found.items():
            packed.writestr(name, raw)
    return path


def test_cut_anywhere(bundle, refused, tmp_path):
    whole = bundle.read_bytes()
    for end in {0, 1, 4, 30, 100, len(whole) // 3, len(whole) // 2, len(whole) - 23, len(whole) - 22, len(whole) - 1}:
        (tmp_path / "cut.zip").write_bytes(whole[:end])
        error = refused(tmp_path / "cut.zip", "cut short, or no zip")
        assert "cut.zip" in error.message


@pytest.mark.slow
def test_every_changed_byte_is_an_error_of_ours_or_harmless(contexts, bundle, sid, sessions, tmp_path, stores):
    whole = bundle.read_bytes()
    harmless, expected = 0, [m.content for m in sessions.iter_messages(sid)]
    for position in range(0, len(whole), 97):
        changed = bytearray(whole)
        changed[position] ^= 0x55
        (tmp_path / "changed.zip").write_bytes(changed)
        before = everything(stores)
        try:
            loaded = contexts.load_bundle(tmp_path / "changed.zip", "bob")
        except (ConfigError, InvalidValue):
            assert everything(stores) == before
        else:
            harmless += 1  # a date, a version or an attribute that nobody reads
            assert [m.content for m in sessions.iter_messages(loaded.session_id)] == expected
    assert harmless < len(whole) // 97 // 10


def test_no_file_and_other_files(refused, tmp_path):
    refused(tmp_path / "nosuch.zip", "no file", NotFound)
    refused(tmp_path, "no file", InvalidValue)
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is no file", InvalidValue)
    (tmp_path / "text.zip").write_bytes(b"hello")
    refused(tmp_path / "text.zip", "no zip file", CorruptData)
    refused("a\0b", "cannot be read", InvalidValue)
    pack(tmp_path / "other.zip", {"a.txt": b"hello"}, sign=False)
    refused(tmp_path / "other.zip", "'a.txt' is no name that a bundle has")
    pack(tmp_path / "empty.zip", {}, sign=False)
    refused(tmp_path / "empty.zip", "no bundle.json, so it is no bundle")


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../x",
        "contents/../../x",
        "contents/1",
        "contents/000001/",
        "C:\\x",
        "x\x00y",
        "contents\\000001",
    ],
)
def test_names_that_no_bundle_has(bundle, refused, tmp_path, name):
    pack(tmp_path / "b.zip", {**members(bundle), name: b"x"})
    refused(tmp_path / "b.zip", "is no name that a bundle has")


def test_a_name_that_is_there_twice(bundle, refused, tmp_path):
    found = members(bundle)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        for name, raw in found.items():
            packed.writestr(name, raw)
        with pytest.warns(UserWarning, match="Duplicate"):
            packed.writestr("messages.jsonl", b"")
    refused(tmp_path / "b.zip", "a name is in it twice")


def test_links_and_folders(bundle, refused, tmp_path):
    found = members(bundle)
    for kind in (stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO):
        with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
            for name, raw in found.items():
                info = zipfile.ZipInfo(name)
                info.external_attr = (kind if name == "contents/000001" else 0) << 16
                packed.writestr(info, raw)
        refused(tmp_path / "b.zip", "contents/000001 is no plain file")


def directory(path, member, offset, value, size=2):
    """Changes a field of a member in the zip's directory."""
    raw = bytearray(path.read_bytes())
    at = raw.rindex(b"PK\x01\x02", 0, raw.rindex(member.encode()))
    raw[at + offset : at + offset + size] = value.to_bytes(size, "little")
    path.write_bytes(raw)


def test_encrypted(bundle, refused):
    directory(bundle, "contents/000001", 8, 1)
    refused(bundle, "member contents/000001 is encrypted", InvalidValue)


def test_packed_in_another_way(bundle, refused, tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_LZMA) as packed:
        for name, raw in members(bundle).items():
            packed.writestr(name, raw)
    refused(tmp_path / "b.zip", "packed in a way that bundles are not")


@pytest.mark.parametrize("lie", [0, 5, 10**6, 2**32 - 2])
def test_a_size_that_is_not_so(bundle, refused, lie):
    directory(bundle, "messages.jsonl", 24, lie, 4)
    refused(bundle, "messages.jsonl has .* bytes, not|unpacks to|does not unpack|claims")


def test_sizes_of_zip64_that_are_not_so(bundle, refused, tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        for name, raw in members(bundle).items():
            with packed.open(name, "w", force_zip64=True) as out:
                out.write(raw)
    raw = (tmp_path / "b.zip").read_bytes()
    at = raw.rindex(b"PK\x01\x02", 0, raw.rindex(b"contents/000001"))
    extra = struct.pack("<HHQQ", 1, 16, 2**63, 2**63)
    name = struct.unpack_from("<H", raw, at + 28)[0]
    changed = bytearray(raw[: at + 46 + name] + extra + raw[at + 46 + name :])
    changed[at + 20 : at + 28] = b"\xff" * 8
    changed[at + 30 : at + 32] = (20).to_bytes(2, "little")
    end = changed.rindex(b"PK\x05\x06")
    changed[end + 12 : end + 16] = (struct.unpack_from("<I", changed, end + 12)[0] + 20).to_bytes(4, "little")
    (tmp_path / "b.zip").write_bytes(changed)
    refused(tmp_path / "b.zip", "claim [0-9]{19,} bytes of a file")


def test_zip64_itself_is_fine(contexts, bundle, tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        for name, raw in members(bundle).items():
            with packed.open(name, "w", force_zip64=True) as out:
                out.write(raw)
    assert contexts.load_bundle(tmp_path / "b.zip", "bob").messages == 4


def test_a_bomb_is_not_unpacked(bundle, refused, tmp_path):
    found = members(bundle)
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, raw in found.items():
            if name == "contents/000001":
                with packed.open(name, "w") as out:
                    for _ in range(400):
                        out.write(bytes(1 << 20))
            else:
                packed.writestr(name, raw)
    tracemalloc.start()
    refused(tmp_path / "b.zip", "unpacks to [0-9]+, more than 200 times as much", InvalidValue)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_members_that_overlap(refused, tmp_path):
    """Many names for one content: the file has not the bytes that its members claim together."""
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.writestr("contents/000001", b"x" * 10_000)
        (one,) = packed.filelist
        for number in range(2, 500):
            info = zipfile.ZipInfo(f"contents/{number:06d}")
            info.header_offset, info.CRC, info.file_size, info.compress_size = 0, one.CRC, 10_000, 10_000
            packed.filelist.append(info)
    refused(tmp_path / "b.zip", "its members claim [0-9]+ bytes of a file")


def test_too_many_members(refused, tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        for number in range(layout.MAX_MEMBERS + 1):
            packed.writestr(f"contents/{number:06d}", b"")
    refused(tmp_path / "b.zip", "it has 20001 members, at most 20000 are allowed", InvalidValue)


def test_a_directory_that_is_too_large_is_not_read(refused, tmp_path):
    size = 64 << 20
    with open(tmp_path / "b.zip", "wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65_000, 65_000, size, 0, 0))
    tracemalloc.start()
    refused(tmp_path / "b.zip", "its directory has more than", InvalidValue)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_a_content_that_is_another(bundle, refused, tmp_path):
    found = members(bundle)
    found["contents/000001"] = b"y" * len(found["contents/000001"])
    pack(tmp_path / "b.zip", found, sign=False)
    refused(tmp_path / "b.zip", "contents/000001: its SHA-256 is not the manifest's", CorruptData)
    pack(tmp_path / "b.zip", found)  # the manifest agrees, the artifact does not
    refused(tmp_path / "b.zip", "contents/000001 is not the content of artifact", CorruptData)


def test_members_that_are_missing_or_too_many(bundle, refused, tmp_path):
    found = members(bundle)
    for name in found:
        kept = {other: raw for other, raw in found.items() if other != name}
        pack(tmp_path / "b.zip", kept, sign=False)
        refused(tmp_path / "b.zip", "do not name the same members|no bundle.json")
        if name != "bundle.json":
            pack(tmp_path / "b.zip", kept)
            refused(tmp_path / "b.zip", "it has no ", CorruptData)
    pack(tmp_path / "b.zip", {**found, "contents/000009": b"x"}, sign=False)
    refused(tmp_path / "b.zip", "do not name the same members: 'contents/000009'")


def test_newer_and_strange_manifests(bundle, refused, tmp_path):
    found = members(bundle)
    pack(tmp_path / "b.zip", found, version=2)
    refused(tmp_path / "b.zip", "written by a newer DataOps: its format is 2", NewerDatabase)
    for fields in ({"format": "zip"}, {"version": "1"}, {"session_id": "x"}, {"session_id": 3}, {"version": 0}):
        pack(tmp_path / "b.zip", found, **fields)
        refused(tmp_path / "b.zip", "no manifest|session id", CorruptData)
    for raw in (b"", b"[]\n", b"{\n", b"[" * 50_000 + b"\n", b"NaN\n", b"\xff\n", b"{}"):
        pack(tmp_path / "b.zip", {**found, "bundle.json": raw}, sign=False)
        refused(tmp_path / "b.zip", "bundle.json", CorruptData)
    pack(tmp_path / "b.zip", {**found, "bundle.json": b" " * (layout.MAX_MANIFEST_BYTES + 1)}, sign=False)
    refused(tmp_path / "b.zip", "its manifest has more than", InvalidValue)


def changed(found, name, number, /, **fields):
    """A bundle's members with a line of one changed; a field of `...` goes."""
    rows = [json.loads(line) for line in found[name].splitlines()]
    rows[number] = {k: v for k, v in {**rows[number], **fields}.items() if v is not ...}
    return {**found, name: b"".join(json.dumps(row).encode() + b"\n" for row in rows)}


OTHER = "s" + "0" * 25


@pytest.mark.parametrize(
    ("name", "number", "fields", "match"),
    [
        ("session.json", 0, {"session_id": OTHER}, "manifest is of another session"),
        ("session.json", 0, {"revision": -1}, "line 1 is no session"),
        ("session.json", 0, {"revision": 1}, "message 2 follows message 1"),
        ("session.json", 0, {"metadata": []}, "line 1 is no session"),
        ("session.json", 0, {"hidden": [[0, 1]]}, "what is hidden"),
        ("session.json", 0, {"hidden": [[3, 99]]}, "what is hidden"),
        ("session.json", 0, {"hidden": [[1]]}, "line 1 is no session"),
        ("session.json", 0, {"idle_seconds": -5}, "line 1 is no session"),
        ("session.json", 0, {"metadata": {"x": "y" * 400_000}}, "at most 380000 are allowed"),
        ("messages.jsonl", 1, {"number": 1}, "message 1 follows message 1"),
        ("messages.jsonl", 1, {"number": 10**13}, "line 2 is no message"),
        ("messages.jsonl", 1, {"role": "boss"}, "line 2 is no message"),
        ("messages.jsonl", 1, {"content": None}, "line 2 is no message"),
        ("messages.jsonl", 1, {"content": "\ud800"}, "line 2 is not JSON"),
        ("messages.jsonl", 1, {"created_at": "2026-01-01/../../x"}, "line 2 is no message"),
        ("messages.jsonl", 1, {"message_id": "x" * 300}, "message id"),
        ("messages.jsonl", 1, {"message_id": "mine-1"}, "two writes of one commit"),
        ("runs.jsonl", 0, {"run_id": f"{OTHER}.06fdtkgsw0123456789"}, "is none of its session"),
        ("runs.jsonl", 0, {"run_id": "../../x"}, "is none of its session"),
        ("runs.jsonl", 0, {"status": "fine"}, "line 1 is no run"),
        ("runs.jsonl", 0, {"nodes": [{"node": 1}]}, "line 1 is no run"),
        ("runs.jsonl", 0, {"error": "x"}, "line 1 is no run"),
        ("runs.jsonl", 0, {"duration_ms": float("inf")}, "line 1 is not JSON"),
        ("artifacts.jsonl", 0, {"artifact_id": f"{OTHER}.abc"}, "is none of its session"),
        ("artifacts.jsonl", 0, {"content_type": "text/html\r\nX: y"}, "line 1 is no artifact"),
        ("artifacts.jsonl", 0, {"created_at": "0000-00-00/x"}, "line 1 is no artifact"),
        ("artifacts.jsonl", 0, {"size_bytes": 1}, "is not the content of artifact"),
        ("artifacts.jsonl", 0, {"sha256": "0" * 64}, "is not the content of artifact"),
        ("artifacts.jsonl", 0, {"encoding": "pickle"}, "line 1 is no artifact"),
        ("artifacts.jsonl", 0, {"name": "x" * 500}, "line 1 is no artifact"),
        ("artifacts.jsonl", 0, {"version": 10**400}, "line 1 is no artifact"),
        ("artifacts.jsonl", 0, {"expires_at": "soon"}, "line 1 is no artifact"),
        ("snapshots.jsonl", 0, {"label": "\x1b[2J"}, "label"),
        ("snapshots.jsonl", 0, {"label": 5}, "line 1 is no snapshot"),
        ("snapshots.jsonl", 0, {"snapshot_id": f"{OTHER}.abc"}, "is none of its session"),
        ("snapshots.jsonl", 0, {"hidden": [[9, 9]]}, "what is hidden"),
    ],
)
def test_lines_that_are_none(bundle, refused, tmp_path, name, number, fields, match):
    pack(tmp_path / "b.zip", changed(members(bundle), name, number, **fields))
    refused(tmp_path / "b.zip", match, CorruptData)


def test_a_time_in_another_form_is_no_part_of_a_key(contexts, bundle, stores, tmp_path):
    pack(tmp_path / "b.zip", changed(members(bundle), "artifacts.jsonl", 0, created_at="20260101/000000Z"))
    loaded = contexts.load_bundle(tmp_path / "b.zip", "bob")
    folders = {info.key.split("/")[2] for info in stores.blobs.list(f"artifacts/{loaded.session_id}/").items}
    assert "2026-01-01" in folders
    assert all(len(folder) == 10 for folder in folders)


@pytest.mark.parametrize("name", ["artifacts.jsonl", "snapshots.jsonl", "runs.jsonl", "messages.jsonl"])
def test_lines_that_are_there_twice(bundle, refused, tmp_path, name):
    found = members(bundle)
    first = found[name].splitlines(keepends=True)[0]
    found[name] = first + found[name]
    found["contents/000004"], found["snapshots/000003"] = found["contents/000003"], found["snapshots/000002"]
    pack(tmp_path / "b.zip", found)
    refused(tmp_path / "b.zip", "twice|out of order|follows message|is not the content|another snapshot")


def test_a_snapshot_that_is_none(bundle, refused, tmp_path):
    found = members(bundle)
    raw = found["snapshots/000001"]
    for changed_, match in (
        (raw[:-5], "cut short|not JSON"),
        (raw + b"x", "not as long"),
        (raw.replace(b'"run_id"', b'"run_ix"'), "snapshots/000001"),
        (gzip.compress(raw), "not JSON|cut short"),
        (found["snapshots/000002"], "another snapshot's"),
        (b"", "cut short"),
    ):
        pack(tmp_path / "b.zip", {**found, "snapshots/000001": changed_})
        refused(tmp_path / "b.zip", match, CorruptData)


def test_words_of_others_change_nothing_here(contexts, bundle, stores, sid, tmp_path):
    """What a line says beside what it should is not taken over, and nothing can be claimed that is somebody's."""
    theirs = contexts.sessions.create_session("eve").session_id
    artifact = contexts.artifacts.store_artifact("secret", theirs, "w")
    found = members(bundle)
    found = changed(found, "session.json", 0, user_id="root", status="deleting", turn="x", questions=["x"])
    found = changed(found, "messages.jsonl", 1, artifacts=[artifact], run_id=f"{theirs}.abc", blob="archives/x")
    found = changed(found, "runs.jsonl", 0, open="run", owner="x", session_id=theirs)
    found = changed(
        found, "artifacts.jsonl", 0, s3_key=contexts.artifacts.get_artifact(artifact).s3_key, tombstone=True
    )
    found = changed(found, "artifacts.jsonl", 1, parents=[{"id": artifact, "relation": "derived_from"}])
    pack(tmp_path / "b.zip", found)
    before = everything(stores)[0]["dataops_sessions"]
    loaded = contexts.load_bundle(tmp_path / "b.zip", "bob")
    assert everything(stores)[0]["dataops_sessions"] == before + 1
    assert loaded.left_out == 3
    session = contexts.sessions.get_session(loaded.session_id)
    assert (session.user_id, session.status, session.turn) == ("bob", "active", None)
    assert artifact not in json.dumps([a.parents for a in contexts.artifacts.list_artifacts(loaded.session_id)])
    assert len(contexts.artifacts.list_artifacts(loaded.session_id)) == 3
    assert contexts.artifacts.get_artifact_content(artifact) == "secret"
    run = stores.records.get(schema.RUNS, loaded.ids[json.loads(found["runs.jsonl"])["run_id"]]).record
    assert not {"open", "owner"} & set(run)
    assert run["session_id"] == loaded.session_id


def test_the_wrong_user_is_refused(contexts, bundle, stores):
    before = everything(stores)
    with pytest.raises(DataOpsError, match="user id"):
        contexts.load_bundle(bundle, "")
    assert everything(stores) == before
