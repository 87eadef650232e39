"""Precision and recall on labelled queries: ours for our own types, and those that lie beside the real files."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bench.parameters import manifest_of, measure, read
from dataops_core.routing.parameters import extract

HERE = Path(__file__).parent


@pytest.mark.parametrize(("name", "recall"), [("parameter_rows.yaml", 0.8), ("parameter_rows_general.yaml", 0.6)])
def test_our_rows(name, recall):
    score = measure(read(HERE / name))
    print(f"{name}: precision {score.precision:.3f}, recall {score.recall:.3f}", *score.errors, sep="\n")
    assert score.precision >= 0.95
    assert score.recall >= recall
    assert score.wrong_calls / score.calls <= 0.04


def test_rows_of_other_people(real_data):
    score = measure(read(real_data.parent / "routing-dev" / "params.jsonl"))
    print(f"params: precision {score.precision:.3f}, recall {score.recall:.3f}", *score.errors, sep="\n")
    assert score.precision >= 0.95
    assert score.recall >= 0.4
    assert score.wrong_calls / score.calls <= 0.04


def test_cost_of_a_query():
    asked = [(row["query"], manifest_of(row)) for row in read(HERE / "parameter_rows.yaml")]
    for query, manifest in asked:  # the words of a manifest are read once
        extract(query, manifest, cwd=None)
    started = time.process_time()
    for query, manifest in asked:
        extract(query, manifest, cwd=None)
    each = (time.process_time() - started) / len(asked)
    print(f"{each * 1e3:.2f} ms CPU a query")
    assert each < 0.005  # ten times what it takes
