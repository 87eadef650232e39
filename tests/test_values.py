"""Values that no call takes, each refused with its name."""

from __future__ import annotations

import pytest

from dataops_core import ArtifactStore, SessionManager
from dataops_core.errors import InvalidValue, NotFound

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ttl": NAN}, "ttl"),
        ({"ttl": INF}, "ttl"),
        ({"ttl": 0}, "ttl"),
        ({"ttl": True}, "ttl"),
        ({"name": ""}, "name"),
        ({"name": 5}, "name"),
        ({"name": "\ud800"}, "name is not valid Unicode"),
        ({"content_type": 5}, "content type"),
        ({"content_type": ""}, "content type"),
        ({"content_type": "../x"}, "content type"),
        ({"content_type": "text/csv\nX: y"}, "content type"),
        ({"parents": "one"}, "parents"),
        ({"parents": [5]}, "parents"),
    ],
)
def test_artifacts(stores, given, said):
    session = SessionManager().create_session("ann").session_id
    with pytest.raises(InvalidValue, match=said):
        ArtifactStore().store_artifact("x", session, "w", **given)
    assert ArtifactStore().list_artifacts(session) == []


def test_parents_are_there(stores):
    session = SessionManager().create_session("ann").session_id
    with pytest.raises(NotFound, match="nope"):
        ArtifactStore().store_artifact("x", session, "w", parents=["nope"])


@pytest.mark.parametrize("content_type", ["text/csv", "text/plain; charset=utf-8", "application/vnd.x+json"])
def test_content_types_that_are_taken(stores, content_type):
    session = SessionManager().create_session("ann").session_id
    artifact = ArtifactStore().store_artifact(b"1", session, "w", content_type=content_type)
    assert ArtifactStore().get_artifact(artifact).content_type == content_type


def test_a_dataframe_that_parquet_cannot_hold(stores):
    import pandas

    session = SessionManager().create_session("ann").session_id
    with pytest.raises(InvalidValue, match="DataFrame cannot be kept"):
        ArtifactStore().store_artifact(pandas.DataFrame({"a": [1, "x", object()]}), session, "w")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"message_id": 5}, "message id"),
        ({"message_id": "\ud800"}, "message id is not valid Unicode"),
        ({"message_id": "x" * 201}, "message id"),
        ({"artifacts": "abc"}, "artifacts is a list of ids"),
    ],
)
def test_messages(stores, given, said):
    session = SessionManager().create_session("ann").session_id
    with pytest.raises(InvalidValue, match=said):
        SessionManager().add_message(session, "user", "hi", **given)
    assert SessionManager().get_messages(session) == []


@pytest.mark.parametrize("limit", ["3", 2.5, -1, True, None])
def test_limits(stores, limit):
    session = SessionManager().create_session("ann").session_id
    for call in (
        lambda: SessionManager().get_messages(session, limit=limit),
        lambda: SessionManager().list_sessions(limit=limit),
        lambda: ArtifactStore().list_artifacts(session, limit=limit),
    ):
        with pytest.raises(InvalidValue, match="limit is a whole number"):
            call()
    with pytest.raises(InvalidValue, match="before"):
        SessionManager().get_messages(session, before="1")
    with pytest.raises(InvalidValue, match="no cursor"):
        ArtifactStore().list_artifacts(session, cursor="zzz")


@pytest.mark.parametrize("ttl", [NAN, INF, 0, "1"])
def test_a_session_s_ttl(stores, ttl):
    with pytest.raises(InvalidValue, match="session's ttl"):
        SessionManager().create_session("ann", ttl=ttl)
