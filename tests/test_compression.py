"""Compression: never too long, nothing that matters lost while there is room, the same every time."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataops_core.compression import compress, cut
from dataops_core.errors import InvalidValue
from dataops_core.history import count_tokens

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=6,
)
FACTS = st.dictionaries(TEXT, VALUES, max_size=4)
MESSAGES = st.fixed_dictionaries(
    {"number": st.integers(1, 99), "role": st.sampled_from(["user", "assistant", "system", "tool"]), "content": TEXT}
)
RUNS = st.fixed_dictionaries(
    {"run_id": TEXT, "workflow": st.sampled_from(["a", "b"]), "input": FACTS, "open": st.booleans(), "answer": TEXT}
)
ARTIFACTS = st.fixed_dictionaries({"artifact_id": TEXT, "name": st.none() | st.sampled_from(["x", "y"])})
CONTEXTS = st.fixed_dictionaries(
    {
        "schema_version": st.just(1),
        "session_id": TEXT,
        "metadata": FACTS,
        "preferences": FACTS,
        "global_context": FACTS,
        "messages": st.lists(MESSAGES, max_size=12),
        "runs": st.lists(RUNS, max_size=6),
        "artifacts": st.lists(ARTIFACTS, max_size=6),
    }
)


def written(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def context(**fields):
    """A context that is far too long; what is given takes the place of its parts."""
    return {
        "schema_version": 1, "snapshot_id": "s.1", "session_id": "s", "user_id": "ann", "revision": 500,
        "metadata": {"team": "a"}, "preferences": {"currency": "EUR"}, "global_context": {"table": "orders"},
        "messages": [{"number": n, "role": "user", "content": f"message {n} " + "word " * 40} for n in range(1, 501)],
        "runs": [], "artifacts": [], **fields,
    }  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(CONTEXTS | st.dictionaries(TEXT, VALUES) | TEXT, st.integers(1, 1200))
def test_it_is_never_longer_and_always_the_same(given_, max_tokens):
    before = json.dumps(given_)
    small = compress(given_, max_tokens)
    assert type(small) is type(given_)
    assert count_tokens(written(small)) <= max_tokens
    assert compress(given_, max_tokens) == small
    assert json.dumps(given_) == before
    if count_tokens(written(given_)) <= max_tokens:
        assert small == given_
    if isinstance(small, dict):
        assert set(small) <= set(given_)
        assert all(type(small[name]) is type(given_[name]) for name in small if name != "content")


@given(TEXT, st.integers(60, 500))
def test_cutting(text, size):
    short = cut(text, size)
    assert len(short.encode()) <= max(size, 0)
    if len(text.encode()) <= size:
        assert short == text


def test_newest_messages_are_kept_in_order_without_a_gap():
    numbers = [m["number"] for m in compress(context(), 2000)["messages"]]
    assert 10 < len(numbers) < 100
    assert numbers == list(range(numbers[0], 501))


def test_decisions_come_before_messages():
    runs = [
        {"run_id": "s.old", "workflow": "w", "input": {"f": "a.csv"}, "status": "error", "open": False},
        {"run_id": "s.open", "workflow": "w", "input": {"f": "b.csv"}, "status": "interrupted", "open": True},
        {"run_id": "s.new", "workflow": "w", "input": {"f": "a.csv"}, "status": "success", "open": False,
         "answer": "a long answer " * 500, "artifacts": ["s.a1"]},
    ]  # fmt: skip
    artifacts = [{"artifact_id": f"s.a{n}", "name": "report", "sha256": "0" * 64, "version": n} for n in range(3)]
    artifacts += [{"artifact_id": "s.x", "name": None}]
    small = compress(context(runs=runs, artifacts=artifacts), 300)
    assert [r["run_id"] for r in small["runs"]] == ["s.open", "s.new"]
    assert small["runs"][1] == {name: runs[2][name] for name in runs[2] if name != "answer"}
    assert [a["artifact_id"] for a in small["artifacts"]] == ["s.a2", "s.x"]
    assert (small["preferences"], small["global_context"]) == ({"currency": "EUR"}, {"table": "orders"})
    tight = compress(context(runs=runs, artifacts=artifacts), 110)
    assert tight["runs"][0]["run_id"] == "s.open"
    assert tight["messages"] == []


def test_open_runs_are_all_kept_and_superseded_by_none():
    runs = [{"run_id": f"s.{n}", "workflow": "w", "input": {}, "open": True} for n in range(5)]
    assert compress(context(runs=runs), 400)["runs"] == [{k: v for k, v in r.items() if v != {}} for r in runs]


def test_what_is_said_again_is_kept_once():
    again = {"role": "user", "content": "the same question " * 10}
    messages = [{"number": n, **again} for n in range(1, 200)] + [{"number": 200, "role": "user", "content": "new"}]
    messages.insert(0, {"number": 0, "role": "user", "content": "the first"})
    assert [m["number"] for m in compress(context(messages=messages), 300)["messages"]] == [0, 199, 200]


def test_long_tool_output_loses_its_middle():
    messages = [
        {"number": 1, "role": "user", "content": "look"},
        {"number": 2, "role": "tool", "content": "begins " + "x" * 50_000 + " ends"},
    ]
    look, output = compress(context(messages=messages), 600)["messages"]
    assert look["content"] == "look"
    assert output["content"].startswith("begins ")
    assert output["content"].endswith(" ends")
    assert "[50012 bytes]" in output["content"]


def test_a_single_message_that_is_too_long_is_cut():
    (message,) = compress(context(messages=[{"number": 1, "role": "user", "content": "ü" * 50_000}]), 500)["messages"]
    assert 300 < len(message["content"].encode()) < 1500


def test_a_text_keeps_its_beginning_and_its_end():
    text = "\n".join(["currency: EUR", *(["again and again"] * 500), *(f"user: message {n}" for n in range(500))])
    small = compress(text, 200)
    assert small.startswith("currency: EUR\nagain and again\n")
    assert small.endswith("user: message 499")
    assert count_tokens(small) <= 200
    assert compress("a\n" * 1000 + "b", 100) == "a\nb"


@pytest.mark.parametrize("limit", [0, -1, 1.5, "2000", True, None])
def test_wrong_limits(limit):
    with pytest.raises(InvalidValue, match="max_tokens"):
        compress({}, limit)


@pytest.mark.parametrize("wrong", [None, 3, ["a"], {"a": object()}, {"a": float("nan")}, {"a": "\ud800"}, "\ud800"])
def test_wrong_contexts(wrong):
    with pytest.raises(InvalidValue):
        compress(wrong, 5)
