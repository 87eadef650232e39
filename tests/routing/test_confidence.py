"""Confidence: a chance that grows with what speaks for a workflow; and what a catalogue says of its own accuracy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataops_core.contracts.manifest import Manifest
from dataops_core.routing.accuracy import leave_one_out
from dataops_core.routing.confidence import Evidence, confidence
from dataops_core.routing.router import Router

SHARE = st.floats(0, 1)


@given(st.builds(Evidence, SHARE, SHARE, SHARE, st.floats(0, 8)), st.sampled_from(Evidence._fields[:3]))
def test_more_evidence_is_more_confidence(evidence, field):
    sure = confidence(evidence)
    assert 0 < sure < 1
    assert confidence(evidence._replace(**{field: 1.0})) >= sure


SORT = Manifest(
    "sorter", "1", "Sorts the lines of a file",
    example_queries=("sort the lines of a file", "sort lines by length", "put these lines in order", "order the lines"),
)  # fmt: skip
SPLIT = Manifest(
    "splitter", "1", "Splits a file into parts",
    example_queries=("split a file into parts", "cut this file in parts", "split into ten parts", "make parts of it"),
)  # fmt: skip
ORDER = replace(SORT, name="orderer", description="Puts lines in order")


def test_workflows_that_differ_are_told_apart():
    found = leave_one_out([SORT, SPLIT])
    assert found.asked == {"sorter": 4, "splitter": 4}
    assert found.share() == found.share("sorter") == 1.0
    assert found.pairs() == []


def test_twins_are_found():
    found = leave_one_out([SORT, SPLIT, ORDER])
    assert found.share("splitter") == 1.0
    assert found.share() < 0.8
    assert found.pairs()[0][:2] == ("orderer", "sorter")
    worst = max(found.confusions, key=lambda c: c.likeness)
    assert worst.likeness == pytest.approx(1.0)
    assert worst.nearest == worst.example


def test_one_workflow_can_be_asked_about_alone():
    found = leave_one_out([SORT, SPLIT, ORDER], only=["splitter"])
    assert (found.asked, found.right) == ({"splitter": 4}, {"splitter": 4})
    assert leave_one_out([replace(SORT, example_queries=())]).share() is None


def test_leaving_out_is_as_good_as_not_being_there():
    """The quick way is near the slow one: a router made without the example. How common its words are differs."""
    for manifest in (SORT, SPLIT):
        for example in manifest.example_queries:
            rest = tuple(e for e in manifest.example_queries if e != example)
            others = [m for m in (SORT, SPLIT) if m is not manifest]
            slow = Router([replace(manifest, example_queries=rest), *others]).rank(example)[0]
            assert slow.workflow == manifest.name
