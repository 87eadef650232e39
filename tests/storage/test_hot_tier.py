"""The hot tier: what is read through it is what the truth says, whatever becomes of it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataops_core import SessionManager
from dataops_core import settings as settings_
from dataops_core.contracts.records import ABSENT, Put, RecordStore, Stored
from dataops_core.errors import Unreachable
from dataops_core.execution.cache import Cache
from dataops_core.storage import hot_tier, schema
from dataops_core.storage.file_blobs import FileBlobs
from dataops_core.storage.hot_tier import PAGE, HotTier
from dataops_core.storage.opening import Stores
from dataops_core.storage.sqlite_records import SqliteRecords


class Counting:
    """Passes calls on and counts the records that ranges return."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self.read = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def range(self, *args: Any, **kwargs: Any) -> list[Stored]:
        rows = self._store.range(*args, **kwargs)
        self.read += len(rows)
        return rows


class Gone:
    """A hot tier that does not answer."""

    def __init__(self) -> None:
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            self.asked += 1
            raise Unreachable("the Redis server does not answer")

        return refuse


def _sqlite(path: Path) -> SqliteRecords:
    store = SqliteRecords(path, schema.TABLES)
    store.prepare()
    return store


def _manager(records: Any, folder: Path) -> SessionManager:
    return SessionManager(Stores(records, FileBlobs(folder / "blobs")))


def _say(manager: SessionManager, session_id: str, count: int) -> None:
    for _ in range(count):
        manager.add_message(session_id, "user", "what next?")


def _texts(manager: SessionManager, session_id: str, **what: Any) -> list[tuple[int, str]]:
    return [(message.number, message.content) for message in manager.get_messages(session_id, **what)]


@settings(deadline=None, max_examples=25)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("say"), st.integers(1, 40)),
            st.tuples(st.just("read"), st.integers(1, 60)),
            st.tuples(st.just("back"), st.integers(1, 60)),
            st.tuples(st.just("wipe"), st.just(0)),
            st.tuples(st.just("keep"), st.just(0)),
            st.tuples(st.just("restore"), st.just(0)),
        ),
        min_size=2,
        max_size=12,
    )
)
def test_what_is_read_is_the_truth(tmp_path_factory: pytest.TempPathFactory, steps: Sequence[tuple[str, int]]) -> None:
    folder = tmp_path_factory.mktemp("hot")
    truth = _sqlite(folder / "truth.db")
    opened: list[SqliteRecords] = []

    def open_hot() -> RecordStore:
        opened.append(_sqlite(folder / "hot.db"))
        return opened[-1]

    plain = _manager(truth, folder)
    session_id = plain.create_session("ann").session_id
    _say(plain, session_id, 20)
    through = _manager(HotTier(truth, open_hot), folder)
    for step, count in steps:
        if step == "say":
            _say(plain, session_id, count)
        elif step == "read":
            assert _texts(through, session_id, limit=count) == _texts(plain, session_id, limit=count)
        elif step == "back":
            assert _texts(through, session_id, limit=50, before=count) == _texts(
                plain, session_id, limit=50, before=count
            )
        else:
            while opened:
                opened.pop().close()
            if step == "keep" and (folder / "hot.db").exists():
                shutil.copy(folder / "hot.db", folder / "kept.db")
            elif step == "restore" and (folder / "kept.db").exists():
                shutil.copy(folder / "kept.db", folder / "hot.db")
            elif step == "wipe":
                (folder / "hot.db").unlink(missing_ok=True)
            through = _manager(HotTier(truth, open_hot), folder)
    for store in [truth, *opened]:
        store.close()


@pytest.fixture
def conversation(tmp_path: Path) -> tuple[Counting, str]:
    truth = Counting(_sqlite(tmp_path / "truth.db"))
    manager = _manager(truth, tmp_path)
    session_id = manager.create_session("ann").session_id
    _say(manager, session_id, 100)
    return truth, session_id


def test_only_the_newest_page_is_read_from_the_truth(conversation: tuple[Counting, str], tmp_path: Path) -> None:
    truth, session_id = conversation
    manager = _manager(HotTier(truth, lambda: _sqlite(tmp_path / "hot.db")), tmp_path)
    first = manager.get_messages(session_id, limit=50)
    truth.read = 0
    assert manager.get_messages(session_id, limit=50) == first
    assert truth.read == PAGE
    _say(manager, session_id, 2)
    truth.read = 0
    manager.get_messages(session_id, limit=50)
    assert truth.read == PAGE


def test_what_a_restored_checkpoint_hides_stays_hidden(conversation: tuple[Counting, str], tmp_path: Path) -> None:
    from dataops_core import ContextManager

    truth, session_id = conversation
    stores = Stores(HotTier(truth, lambda: _sqlite(tmp_path / "hot.db")), FileBlobs(tmp_path / "blobs"))
    contexts, manager = ContextManager(SessionManager(stores)), SessionManager(stores)
    contexts.create_checkpoint(session_id, "before")
    _say(manager, session_id, 60)
    assert manager.get_messages(session_id, limit=50)[-1].number == 160
    contexts.restore_checkpoint(session_id, "before")
    assert [m.number for m in manager.get_messages(session_id, limit=40)] == list(range(61, 101))


def test_a_missing_tier_is_said_once_and_left_alone(
    conversation: tuple[Counting, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    truth, session_id = conversation
    gone = Gone()
    store = HotTier(truth, lambda: gone)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert _texts(_manager(store, tmp_path), session_id) == _texts(_manager(truth, tmp_path), session_id)
    assert [record.getMessage() for record in caplog.records] == [
        "the hot tier is not used: the Redis server does not answer"
    ]
    assert gone.asked == 1
    cache = Cache(store)
    cache.put("answer", 42, 60)
    assert cache.get("answer") is None
    assert gone.asked == 1


def test_a_missing_tier_is_asked_again_after_a_pause(
    conversation: tuple[Counting, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth, session_id = conversation
    back = _sqlite(tmp_path / "hot.db")
    tiers: list[Callable[[], Any]] = [lambda: back, lambda: Gone()]
    store = HotTier(truth, lambda: tiers.pop()())
    monkeypatch.setattr(hot_tier, "PAUSE", 0.0)
    manager = _manager(store, tmp_path)
    manager.get_messages(session_id)
    store._opened = None  # as another process would open it
    manager.get_messages(session_id)
    truth.read = 0
    manager.get_messages(session_id)
    assert truth.read == PAGE


def test_cached_values_lie_in_the_tier_alone(tmp_path: Path) -> None:
    truth, hot = _sqlite(tmp_path / "truth.db"), _sqlite(tmp_path / "hot.db")
    cache = Cache(HotTier(truth, lambda: hot))
    cache.put("answer", [42], 60)
    assert cache.get("answer") == [42]
    assert hot.get(schema.CACHE, "answer") is not None
    assert truth.get(schema.CACHE, "answer") is None


def test_a_forged_page_is_a_miss(conversation: tuple[Counting, str], tmp_path: Path) -> None:
    truth, session_id = conversation
    hot = _sqlite(tmp_path / "hot.db")
    hot.commit([Put(schema.CACHE, {"cache_key": f"messages.{session_id}.4", "rows": 5}, ABSENT)])
    manager = _manager(HotTier(truth, lambda: hot), tmp_path)
    assert _texts(manager, session_id) == _texts(_manager(truth, tmp_path), session_id)


def test_check_tells_of_a_missing_tier_and_is_no_error(tmp_path: Path) -> None:
    truth = _sqlite(tmp_path / "truth.db")
    told = HotTier(truth, Gone).check()
    assert [finding.level for finding in told if finding.what.startswith("hot tier")] == ["warn"]
    told = HotTier(truth, lambda: _sqlite(tmp_path / "hot.db")).check()
    assert [finding.what for finding in told if finding.level == "ok" and "hot" in finding.what] == [
        "hot tier: answers"
    ]


@pytest.mark.parametrize(
    ("variables", "records", "hot"),
    [
        ({"REDIS_HOST": "r"}, "redis://r:6379", None),
        (
            {"REDIS_HOST": "r", "AWS_DYNAMODB_TABLE": "dataops_sessions", "AWS_REGION": "us-east-1"},
            "dynamodb://us-east-1/dataops_",
            "redis://r:6379?timeout=1&retry=0",
        ),
        (
            {"REDIS_HOST": "::1", "DATAOPS_RECORDS_URL": "dynamodb://x/y_"},
            "dynamodb://x/y_",
            "redis://[::1]:6379?timeout=1&retry=0",
        ),
        ({"REDIS_HOST": "r", "DATAOPS_RECORDS_URL": "sqlite:////a.db"}, "sqlite:////a.db", None),
        (
            {"DATAOPS_HOT_URL": "redis://h", "DATAOPS_RECORDS_URL": "dynamodb://x/y_", "REDIS_HOST": "r"},
            "dynamodb://x/y_",
            "redis://h",
        ),
    ],
)
def test_redis_beside_dynamodb_is_the_hot_tier(
    tmp_path: Path, variables: dict[str, str], records: str, hot: str | None
) -> None:
    chosen = settings_.load(env={"DATAOPS_HOME": str(tmp_path), **variables}, cwd=tmp_path)
    assert (chosen.records_url, chosen.hot_url) == (records, hot)
    again = settings_.load(env=chosen.environment(), cwd=tmp_path)
    assert (again.records_url, again.hot_url) == (records, hot)
