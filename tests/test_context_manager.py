"""Snapshots and checkpoints: kept, brought back, carried over; whatever is cut short, repeated, or done at once."""

from __future__ import annotations

import gzip
import json

import pytest

from dataops_core import ArtifactStore, ContextManager, SessionManager
from dataops_core.contracts.records import Put
from dataops_core.errors import Conflict, InvalidValue, NotFound
from dataops_core.storage import schema
from tests.contexts import FACTS, change, facts, put_run, said


@pytest.fixture
def sessions(stores):
    return SessionManager()


@pytest.fixture
def artifacts(stores):
    return ArtifactStore()


@pytest.fixture
def contexts(sessions, artifacts):
    return ContextManager(sessions, artifacts)


@pytest.fixture
def sid(sessions):
    """A session with facts and three messages."""
    made = sessions.create_session("ann", metadata=FACTS["metadata"], preferences=FACTS["preferences"])
    sessions.update_session(made.session_id, global_context=FACTS["global_context"])
    for n in range(1, 4):
        sessions.add_message(made.session_id, "user", f"m{n}")
    return made.session_id


def test_the_reference_s_calls(sessions, artifacts, sid):
    context_manager = ContextManager(sessions, artifacts)
    snapshot_id = context_manager.dump_context(sid, include_artifacts=True, compress=True)
    context = context_manager.load_context(snapshot_id)
    assert [m["content"] for m in context["messages"]] == ["m1", "m2", "m3"]
    checkpoint_id = context_manager.create_checkpoint(sid, label="before_migration")
    assert checkpoint_id.startswith(f"{sid}.")
    context_manager.restore_checkpoint(sid, "before_migration")
    assert context_manager.compress_context(context, max_tokens=2000) == context


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("contents", [True, False])
def test_a_context_holds_everything(contexts, sessions, artifacts, stores, sid, compress, contents):
    kept = artifacts.store_artifact({"a": 1}, sid, "w", name="one.json")
    raw = artifacts.store_artifact(b"\x00\xff" * 100_000, sid, "w", "debug")
    message = sessions.add_message(sid, "assistant", "ü" * 20_000, workflow="w", artifacts=[kept])
    run = put_run(stores, sid, answer_message=message.number, artifacts=[kept])
    waits = put_run(stores, sid, status="interrupted", open="question", question={"id": "q1", "prompt": "Which?"})
    context = contexts.load_context(contexts.dump_context(sid, contents, compress))
    assert {name: context[name] for name in FACTS} == FACTS
    assert (context["session_id"], context["user_id"], context["revision"]) == (sid, "ann", 4)
    assert [m["content"] for m in context["messages"]] == ["m1", "m2", "m3", "ü" * 20_000]
    assert context["messages"][-1]["artifacts"] == [kept]
    runs = {told["run_id"]: told for told in context["runs"]}  # two of one millisecond come in any order
    over, open_ = runs[run], runs[waits]
    assert (over["run_id"], over["answer"], over["artifacts"], over["open"]) == (run, "ü" * 20_000, [kept], False)
    assert (open_["run_id"], open_["question"], open_["open"], open_["answer"]) == (waits, "Which?", True, None)
    assert [a["artifact_id"] for a in context["artifacts"]] == [kept, raw]
    assert {a["with_content"] for a in context["artifacts"]} == {contents}
    json.dumps(context)
    (listed,) = contexts.list_snapshots(sid)
    assert (listed.messages, listed.runs, listed.artifacts, listed.compressed) == (4, 2, 2, compress)
    assert listed.size_bytes == stores.blobs.head(f"contexts/{sid}/{listed.snapshot_id}").size


def test_the_same_context_is_the_same_bytes_but_for_id_and_time(contexts, stores, sid):
    def body(snapshot_id):
        with stores.blobs.open(f"contexts/{sid}/{snapshot_id}") as stream:
            return stream.read().split(b"\n", 1)[1]

    assert body(contexts.dump_context(sid, compress=False)) == body(contexts.dump_context(sid, compress=False))


def test_restoring_hides_what_came_after_and_can_be_undone(contexts, sessions, sid):
    contexts.create_checkpoint(sid, "first")
    sessions.add_message(sid, "user", "m4")
    sessions.update_session(sid, preferences={"currency": "USD"}, global_context={"table": None})
    before = contexts.restore_checkpoint(sid, "first")
    assert said(sessions, sid) == ["m1", "m2", "m3"]
    assert facts(sessions, sid) == FACTS
    assert before.label.startswith("before-restore-")
    sessions.add_message(sid, "user", "m5")
    assert said(sessions, sid) == ["m1", "m2", "m3", "m5"]
    contexts.restore_checkpoint(sid, before.label)
    assert said(sessions, sid) == ["m1", "m2", "m3", "m4"]
    assert facts(sessions, sid)["preferences"] == {"currency": "USD"}
    labels = [s.label for s in contexts.list_checkpoints(sid)]
    assert labels == [*sorted(labels[:2], reverse=True), "first"]
    contexts.restore_checkpoint(sid, labels[0])
    assert said(sessions, sid) == ["m1", "m2", "m3", "m5"]


def test_reading_costs_what_is_read_however_much_is_hidden(contexts, sessions, stores, sid, monkeypatch):
    for n in range(12):
        sessions.add_message(sid, "user", f"kept {n}")
        contexts.create_checkpoint(sid, f"label {n}")
        for _ in range(8):
            sessions.add_message(sid, "user", "hidden")
        contexts.restore_checkpoint(sid, f"label {n}")
    assert len(sessions.get_session(sid).hidden) == 12
    read, calls = stores.records.range, []

    def counted(*args, **kwargs):
        calls.append(read(*args, **kwargs))
        return calls[-1]

    monkeypatch.setattr(stores.records, "range", counted)
    assert [m.content for m in sessions.get_messages(sid, limit=3)] == ["kept 9", "kept 10", "kept 11"]
    assert sum(map(len, calls)) == 3
    assert len(calls) == 4
    calls.clear()
    sessions.add_message(sid, "user", "next")
    assert calls == []


def test_the_archive_keeps_what_is_hidden_and_hides_it(contexts, sessions, stores, sid):
    contexts.create_checkpoint(sid, "first")
    sessions.add_message(sid, "user", "m4")
    contexts.restore_checkpoint(sid, "first")
    sessions.add_message(sid, "user", "m5")
    key = sessions.archive_session(sid)
    with stores.blobs.open(key) as stream:
        told = json.loads(gzip.decompress(stream.read()))
    assert [m["content"] for m in told["messages"]] == ["m1", "m2", "m3", "m4", "m5"]
    assert told["session"]["hidden"] == [[4, 4]]
    assert said(sessions, sid) == ["m1", "m2", "m3", "m5"]


def test_a_hidden_message_is_not_said_twice(contexts, sessions, sid):
    contexts.create_checkpoint(sid, "first")
    first = sessions.add_message(sid, "user", "m4", message_id="mine")
    contexts.restore_checkpoint(sid, "first")
    assert sessions.add_message(sid, "user", "m4", message_id="mine") == first
    assert said(sessions, sid) == ["m1", "m2", "m3"]


def test_restoring_what_is_so_already_changes_nothing(contexts, sessions, sid):
    contexts.create_checkpoint(sid, "first")
    assert contexts.restore_checkpoint(sid, "first") is None
    assert len(contexts.list_snapshots(sid)) == 1


def test_a_restored_session_summarizes_only_what_is_visible(contexts, sessions, stores, sid):
    put_run(stores, sid, 1, workflow="kept_flow")
    contexts.create_checkpoint(sid, "first")
    hidden = sessions.add_message(sid, "user", "secret")
    for _ in range(7):
        put_run(stores, sid, hidden.number, workflow="hidden_flow")
    contexts.restore_checkpoint(sid, "first")
    text = sessions.get_context_summary(sid)
    assert "kept_flow" in text
    assert "hidden_flow" not in text
    assert "secret" not in text
    context = contexts.load_context(contexts.dump_context(sid))
    assert [r["workflow"] for r in context["runs"]] == ["kept_flow"]


def test_restoring_waits_for_no_run(contexts, sessions, stores, sid):
    contexts.create_checkpoint(sid, "first")
    sessions.add_message(sid, "user", "m4")
    change(stores, sid, turn=f"{sid}.run")
    for restore in (
        lambda: contexts.restore_checkpoint(sid, "first"),
        lambda: contexts.load_context(contexts.list_snapshots(sid)[0].snapshot_id, sid),
    ):
        with pytest.raises(Conflict, match="busy with run"):
            restore()
    assert said(sessions, sid)[-1] == "m4"


def test_questions_come_back_while_they_are_open(contexts, sessions, stores, sid):
    asked = put_run(stores, sid, 2, status="interrupted", open="question", question={"id": "q", "prompt": "?"})
    contexts.create_checkpoint(sid, "before the question")
    change(stores, sid, questions=[asked])
    contexts.create_checkpoint(sid, "asked")
    contexts.restore_checkpoint(sid, "before the question")
    assert "questions" not in stores.records.get(schema.SESSIONS, sid).record
    contexts.restore_checkpoint(sid, "asked")
    assert stores.records.get(schema.SESSIONS, sid).record["questions"] == [asked]
    contexts.restore_checkpoint(sid, "before the question")
    stored = stores.records.get(schema.RUNS, asked)
    stores.records.commit([Put(schema.RUNS, {**stored.record, "status": "success"}, stored.token)])
    contexts.restore_checkpoint(sid, "asked")
    assert "questions" not in stores.records.get(schema.SESSIONS, sid).record


# Labels


@pytest.mark.parametrize("label", ["vor der Änderung", "前", "🙂", "x" * 240, "before-restore-mine", "../../etc"])
def test_labels_of_any_letters(contexts, sessions, sid, label):
    made = contexts.create_checkpoint(sid, label)
    assert [(s.label, s.snapshot_id) for s in contexts.list_checkpoints(sid)] == [(label, made)]
    sessions.add_message(sid, "user", "m4")
    contexts.restore_checkpoint(sid, label)
    assert said(sessions, sid) == ["m1", "m2", "m3"]


@pytest.mark.parametrize("label", ["", "x" * 1000, "ü" * 121, "a\nb", " a", "\x00", "a\u202eb", "\ud800", None, 3])
def test_labels_that_break_a_rule(contexts, sid, label):
    with pytest.raises(InvalidValue, match="label"):
        contexts.create_checkpoint(sid, label)
    with pytest.raises(InvalidValue, match="label"):
        contexts.restore_checkpoint(sid, label)
    assert contexts.list_snapshots(sid) == []


def test_a_label_is_given_once(contexts, stores, sid):
    contexts.create_checkpoint(sid, "caf\u00e9")
    with pytest.raises(Conflict, match="'café' is taken"):
        contexts.create_checkpoint(sid, "cafe\u0301")
    assert len(stores.blobs.list(f"contexts/{sid}/").items) == 1


def test_an_unknown_label_is_named_with_the_nearest(contexts, sid):
    contexts.create_checkpoint(sid, "before_migration")
    with pytest.raises(NotFound, match="before_migrtion") as error:
        contexts.restore_checkpoint(sid, "before_migrtion")
    assert error.value.hint == "did you mean 'before_migration'?"


def test_an_unknown_snapshot_is_named_with_the_nearest(contexts, sid):
    made = contexts.dump_context(sid)
    for call in (contexts.load_context, contexts.delete_snapshot):
        with pytest.raises(NotFound, match="no snapshot") as error:
            call(made[:-1] + "?")
        assert error.value.hint == f"did you mean {made!r}?"
    for wrong in ("", "nosuch", "a\0b.c", "x" * 2000 + ".y", f"{sid}."):
        with pytest.raises(NotFound):
            contexts.load_context(wrong)


def test_unknown_and_ended_sessions(contexts, sessions, sid):
    kept = contexts.create_checkpoint(sid, "first")
    calls = (
        contexts.dump_context, contexts.list_snapshots, contexts.list_checkpoints,
        lambda s: contexts.create_checkpoint(s, "x"), lambda s: contexts.restore_checkpoint(s, "first"),
        lambda s: contexts.load_context(kept, s), lambda s: contexts.inherit_context(sid, s),
        lambda s: contexts.inherit_context(s, sid),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(NotFound, match="no session 'nosuch'"):
            call("nosuch")
    sessions.archive_session(sid)
    for call in (calls[0], *calls[3:6]):
        with pytest.raises(Conflict, match="archived"):
            call(sid)
    assert len(contexts.load_context(kept)["messages"]) == 3


def test_deleting_a_snapshot_frees_its_label(contexts, stores, sid):
    made = contexts.create_checkpoint(sid, "first")
    contexts.delete_snapshot(made)
    assert stores.blobs.list("contexts/").items == []
    assert contexts.list_snapshots(sid) == []
    assert contexts.create_checkpoint(sid, "first") != made


def test_snapshots_go_with_their_session(contexts, sessions, stores, sid):
    contexts.create_checkpoint(sid, "first")
    sessions.delete_session(sid)
    assert stores.blobs.list("").items == []
    assert stores.records.range(schema.SESSION_ITEMS, sid) == []


def test_snapshots_are_paged(contexts, sid):
    made = [contexts.dump_context(sid) for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = contexts.list_snapshots(sid, limit=2, cursor=cursor)
        seen += [s.snapshot_id for s in page]
        if (cursor := page.cursor) is None:
            break
    assert seen == sorted(made, reverse=True)
