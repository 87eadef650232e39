"""What is particular to files: names, rights, links, leftovers, a full disk, memory."""

from __future__ import annotations

import io
import os
import resource
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from dataops_core.contracts.blobs import CHUNK
from dataops_core.errors import Conflict, CorruptData, InvalidValue, NotFound, Unreachable
from dataops_core.storage import blob_names, file_blobs
from dataops_core.storage.blob_names import file_path
from dataops_core.storage.file_blobs import FileBlobs, file_url
from dataops_core.testing.blob_case import KEYS, listed, load, store_bytes
from tests.storage.processes import files_up_to, in_fork, without_rights


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "deep" / "blobs")


class Zeros(io.RawIOBase):
    """A stream of many bytes that takes no memory."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._chunk = bytes(CHUNK)

    def read(self, size: int = -1) -> bytes:
        size = min(size, self._left, CHUNK)
        self._left -= size
        return self._chunk[:size]


def files(root: Path) -> list[str]:
    return sorted(str(f.relative_to(root)) for f in root.rglob("*"))


def test_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")

    def root_of(url: str) -> Path:
        blobs = file_blobs.dataops_blob_store(url=url)
        assert isinstance(blobs, FileBlobs)
        return blobs.root

    assert root_of("file:///srv/blobs") == Path("/srv/blobs")
    assert root_of("file:///~/blobs") == Path("/home/someone/blobs")
    for path in ("/srv/a b/100%/ä?#", "/srv/x"):
        assert root_of(file_url(path)) == Path(path)
    assert root_of(file_url("here")) == tmp_path / "here"
    for url in ("file://", "file:///", "file://host/x", "file:x", "file:///x?y=1", "file:///x%00", "s3://x"):
        with pytest.raises(InvalidValue) as caught:
            root_of(url)
        assert caught.value.hint


def test_names_are_unique_in_any_case_and_short_enough() -> None:
    paths = ["/".join(file_path(key)) for key in KEYS]
    assert len({path.lower() for path in paths}) == len(KEYS)
    for path in paths:
        assert all(0 < len(name) <= 255 and name not in (".", "..") for name in path.split("/"))
        assert path.isascii()
    folders = {"/".join(p.split("/")[:n]) for p in paths for n in range(1, p.count("/") + 1)}
    assert not folders & set(paths), "a name is a folder's or a blob's, never both"
    assert file_path("artifacts/s1/2026-01-01/s1.0abc") == ["artifacts", "s1", "2026-01-01", "s1.0abc.blob"]


def test_only_the_owner_can_read(blobs: FileBlobs) -> None:
    store_bytes(blobs, "a/b/c", b"x")
    for path in [blobs.root.parent, blobs.root, *blobs.root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert [f.level for f in blobs.check()] == ["ok"]
    blobs.root.chmod(0o755)
    assert [f.level for f in blobs.check()] == ["ok", "warn"]


def test_a_text_can_be_read_as_it_lies(blobs: FileBlobs) -> None:
    store_bytes(blobs, "note", b"line 1\nline 2\n")
    assert (blobs.root / "note.blob").read_bytes().startswith(b"line 1\nline 2\n\n{")


def test_no_key_leaves_the_root_by_a_link(blobs: FileBlobs, tmp_path: Path) -> None:
    store_bytes(blobs, "inside", b"x")
    outside = FileBlobs(tmp_path / "outside")
    store_bytes(outside, "secret", b"secret")
    (blobs.root / "link").symlink_to(outside.root)
    (blobs.root / "leaf.blob").symlink_to(outside.root / "secret.blob")
    before = files(outside.root)
    for key in ("link/secret", "leaf"):
        assert blobs.head(key) is None
        with pytest.raises(NotFound):
            blobs.open(key)
        with pytest.raises(NotFound):
            blobs.copy(key, "copy")
    with pytest.raises(Unreachable, match="link/new"):
        blobs.put("link/new", io.BytesIO(b"x"))
    with pytest.raises(Conflict):
        blobs.put("leaf", io.BytesIO(b"x"), if_absent=True)
    blobs.delete("link/secret")
    assert listed(blobs) == ["inside"]
    assert listed(blobs, "link/") == []
    store_bytes(blobs, "leaf", b"replaces the link")
    blobs.delete("leaf")
    assert files(outside.root) == before
    assert load(outside, "secret") == b"secret"


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "real")
    blobs = FileBlobs(tmp_path / "root")
    store_bytes(blobs, "a/b", b"x")
    assert listed(blobs) == ["a/b"]


def test_what_others_leave_there_is_not_listed(blobs: FileBlobs) -> None:
    store_bytes(blobs, "a/b", b"x")
    for name in ("notes.txt", "a/b.tmp", "a/b.blob~", "%tmp/half.tmp", "a/.DS_Store", "%ff%ff.blob"):
        (blobs.root / name).write_bytes(b"x")
    (blobs.root / "a" / "folder.blob").mkdir()
    (blobs.root / "a" / "%ff").mkdir()
    os.mkfifo(blobs.root / "fifo.blob")
    assert listed(blobs) == ["a/b"]


def test_leftovers_are_cleared_after_a_day(blobs: FileBlobs) -> None:
    assert blobs.prepare() == [f"created folder {blobs.root}"]
    for name, age in (("old.tmp", 90_000), ("new.tmp", 10)):
        path = blobs.root / "%tmp" / name
        path.write_bytes(b"half")
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    assert "2 unfinished" in blobs.check()[-1].what
    assert blobs.prepare() == [f"removed 1 unfinished files from {blobs.root}"]
    assert files(blobs.root) == ["%tmp", "%tmp/new.tmp"]
    assert blobs.prepare() == []


def test_nothing_is_left_behind(blobs: FileBlobs) -> None:
    for key in KEYS:
        store_bytes(blobs, key, b"x")
        blobs.delete(key)
    assert files(blobs.root) == ["%tmp"]


def test_a_folder_that_is_emptied_while_another_blob_comes(blobs: FileBlobs) -> None:
    failures: list[BaseException] = []

    def work(me: int) -> None:
        try:
            for number in range(60):
                store_bytes(blobs, f"deep/er/{me}", b"x" * number)
                blobs.delete(f"deep/er/{me}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(me,)) for me in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_folder_larger_than_memory_is_listed_in_parts(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    for key in KEYS[:30]:
        store_bytes(blobs, key, b"x")
    monkeypatch.setattr(blob_names, "_BATCH", batch)
    assert listed(blobs) == sorted(KEYS[:30])
    assert listed(blobs, "a", limit=2) == sorted(k for k in KEYS[:30] if k.startswith("a"))


def test_damage_is_noticed(blobs: FileBlobs) -> None:
    data = os.urandom(5_000)
    store_bytes(blobs, "a", data)
    store_bytes(blobs, "b", data[:4_000])
    path = blobs.root / "a.blob"
    whole = path.read_bytes()
    for damaged in (b"", whole[:10], whole[:-1], whole[:-40], whole + b"x", b"x" * len(whole), whole[1:]):
        path.write_bytes(damaged)
        with pytest.raises(CorruptData, match="'a'"):
            load(blobs, "a")
        with pytest.raises(CorruptData):
            blobs.head("a")
        assert [i.sha256 == "" for i in blobs.list().items] == [True, False], "a damaged blob is listed as such"
    shutil.copy(blobs.root / "b.blob", path)
    with pytest.raises(CorruptData):
        load(blobs, "a")
    blobs.delete("a")
    assert listed(blobs) == ["b"]
    store_bytes(blobs, "a", data)


def test_a_file_that_shrinks_while_it_is_read(blobs: FileBlobs) -> None:
    store_bytes(blobs, "a", b"x" * CHUNK)
    with blobs.open("a") as stream:
        stream.read(10)
        os.truncate(blobs.root / "a.blob", 500_000)
        with pytest.raises(CorruptData, match="shorter"):
            stream.read()


def test_a_stream_of_text_is_refused(blobs: FileBlobs) -> None:
    with pytest.raises(InvalidValue, match="text"):
        blobs.put("a", cast(BinaryIO, io.StringIO("text")))
    assert files(blobs.root) == ["%tmp"]


def test_a_full_disk(blobs: FileBlobs) -> None:
    def act() -> str:
        store_bytes(blobs, "old", b"old")
        with files_up_to(100_000):
            for key in ("new", "old"):
                with pytest.raises(Unreachable, match=key) as caught:
                    blobs.put(key, cast(BinaryIO, Zeros(200_000)))
                assert "space" in caught.value.hint
            assert listed(blobs) == ["old"]
            assert load(blobs, "old") == b"old"
        assert files(blobs.root) == ["%tmp", "old.blob"]
        store_bytes(blobs, "new", bytes(200_000))
        return "fine"

    assert in_fork(act) == "fine"


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that anybody can reach; pytest's own folders are closed to others."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def test_a_folder_that_may_not_be_written(open_place: Path) -> None:
    blobs = FileBlobs(open_place / "blobs")
    said = in_fork(without_rights(lambda: blobs.put("a", io.BytesIO(b"x"))))
    assert said.startswith(f"Unreachable: cannot create folder {blobs.root}: Permission denied")
    store_bytes(blobs, "a", b"x")
    said = in_fork(without_rights(lambda: blobs.put("a", io.BytesIO(b"y"))))
    assert said == f"Unreachable: cannot store blob 'a' in {blobs.root}: Permission denied"
    said = in_fork(without_rights(lambda: load(blobs, "a")))
    assert said.startswith("Unreachable: cannot read ")
    said = in_fork(without_rights(lambda: blobs.check()[0].level))
    assert said == "error"


@pytest.mark.slow
def test_large_blobs_take_little_memory(blobs: FileBlobs) -> None:
    def act() -> str:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        blobs.put("large", cast(BinaryIO, Zeros(192 * CHUNK)))
        blobs.copy("large", "copy")
        with blobs.open("copy") as stream:
            size = sum(len(piece) for piece in iter(lambda: stream.read(CHUNK), b""))
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        return f"{size == 192 * CHUNK} {more < 32}"

    assert in_fork(act) == "True True"
