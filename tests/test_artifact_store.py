from __future__ import annotations

import io
import time

import pandas
import pytest

from dataops_core import ArtifactStore, ArtifactType, SessionManager
from dataops_core.errors import Conflict, CorruptData, InvalidValue, NotFound


@pytest.fixture
def sid(stores):
    return SessionManager().create_session("ann").session_id


@pytest.fixture
def artifacts(stores):
    return ArtifactStore()


def test_the_reference_s_calls(artifacts, sid):
    artifact_id = artifacts.store_artifact(
        content={"result": "data"},
        session_id=sid,
        workflow_name="my_workflow",
        artifact_type=ArtifactType.RESULT,
    )
    assert artifacts.get_artifact(artifact_id).artifact_type is ArtifactType.RESULT
    assert artifacts.get_artifact_content(artifact_id) == {"result": "data"}
    assert [a.artifact_id for a in artifacts.list_artifacts(sid)] == [artifact_id]
    target = SessionManager().create_session("bob").session_id
    shared = artifacts.share_artifact(artifact_id, target)
    artifacts.delete_artifact(artifact_id)
    assert artifacts.get_artifact_content(shared) == {"result": "data"}


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        ({"a": [1, 2.5, None, "ü"]}, "application/json"),
        ("naïve text\n", "text/plain; charset=utf-8"),
        (b"\x00\xff", "application/octet-stream"),
        ("", "text/plain; charset=utf-8"),
        (None, "application/json"),
    ],
)
def test_content_comes_back_as_it_was(artifacts, sid, content, content_type):
    artifact_id = artifacts.store_artifact(content, sid, "w")
    assert artifacts.get_artifact_content(artifact_id) == content
    assert artifacts.get_artifact(artifact_id).content_type == content_type


def test_a_data_frame_is_kept_as_parquet(artifacts, sid):
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None]})
    artifact_id = artifacts.store_artifact(frame, sid, "w", name="frame")
    assert artifacts.get_artifact_content(artifact_id).equals(frame)
    with artifacts.open_artifact(artifact_id) as stream:
        assert stream.read(4) == b"PAR1"


def test_streams_are_kept_and_opened(artifacts, sid):
    artifact_id = artifacts.store_artifact(io.BytesIO(b"abc" * 1000), sid, "w", content_type="text/csv")
    assert artifacts.get_artifact(artifact_id).size_bytes == 3000
    with artifacts.open_artifact(artifact_id) as stream:
        assert stream.read() == b"abc" * 1000


def test_names_have_versions(artifacts, sid):
    ids = [artifacts.store_artifact({"n": n}, sid, "w", name="report") for n in range(3)]
    assert [artifacts.get_artifact(i).version for i in ids] == [1, 2, 3]


def test_listing_filters_and_pages(artifacts, sid):
    made = [
        artifacts.store_artifact(n, sid, "w" if n % 2 else "v", "debug" if n % 3 else "result", name=f"n{n}")
        for n in range(12)
    ]
    assert [a.artifact_id for a in artifacts.list_artifacts(sid, limit=5)] == made[:-6:-1]
    seen, cursor = [], None
    while True:
        page = artifacts.list_artifacts(sid, workflow_name="w", limit=2, cursor=cursor)
        seen += [a.artifact_id for a in page]
        if (cursor := page.cursor) is None:
            break
    assert seen == [i for n, i in enumerate(made) if n % 2][::-1]
    assert len(artifacts.list_artifacts(sid, artifact_type="result")) == 4
    assert [a.name for a in artifacts.list_artifacts(sid, name="n7")] == ["n7"]


def test_a_ttl_makes_it_disappear(artifacts, sid):
    artifact_id = artifacts.store_artifact("x", sid, "w", ttl=0.2)
    assert artifacts.get_artifact(artifact_id).ttl
    time.sleep(0.3)
    with pytest.raises(NotFound):
        artifacts.get_artifact(artifact_id)
    assert artifacts.list_artifacts(sid) == []


def test_lineage_goes_both_ways_and_refuses_cycles(artifacts, sid):
    raw = artifacts.store_artifact("raw", sid, "w", name="raw")
    clean = artifacts.store_artifact("clean", sid, "w", name="clean", parents=[raw])
    report = artifacts.store_artifact("report", sid, "w", name="report")
    artifacts.link_artifacts(report, [clean], relation="summarises")
    artifacts.link_artifacts(report, [clean], relation="summarises")
    told = artifacts.lineage(clean)
    assert {(e["child"], e["parent"], e["relation"]) for e in told["edges"]} == {
        (clean, raw, "derived_from"),
        (report, clean, "summarises"),
    }
    assert {n["name"] for n in told["nodes"]} == {"raw", "clean", "report"}
    with pytest.raises(Conflict):
        artifacts.link_artifacts(raw, [report])
    artifacts.delete_artifact(raw)
    assert {"id": raw, "missing": True} in artifacts.lineage(report)["nodes"]


def test_a_share_remembers_its_source(artifacts, sid):
    source = artifacts.store_artifact("x", sid, "w")
    target = SessionManager().create_session("bob").session_id
    copy = artifacts.get_artifact(artifacts.share_artifact(source, target))
    assert copy.parents == ({"id": source, "relation": "shared_from"},)
    assert copy.session_id == target


def test_damaged_content_is_found_out(artifacts, sid, stores):
    artifact_id = artifacts.store_artifact("x" * 100, sid, "w")
    files = [p for p in stores.blobs.root.rglob("*") if p.is_file()]
    raw = bytearray(files[0].read_bytes())
    raw[raw.index(b"x" * 50)] ^= 1
    files[0].write_bytes(bytes(raw))
    with pytest.raises(CorruptData):
        artifacts.get_artifact_content(artifact_id)


def test_what_cannot_be_kept_is_refused(artifacts, sid):
    for content in ({1, 2}, object(), float("nan"), "\ud800"):
        with pytest.raises(InvalidValue):
            artifacts.store_artifact(content, sid, "w")
    with pytest.raises(InvalidValue):
        artifacts.store_artifact("x", sid, "w", "nonsense")
    with pytest.raises(NotFound):
        artifacts.store_artifact("x", "nosuch", "w")
    assert artifacts.list_artifacts(sid) == []
