"""Accuracy on labelled queries that lie beside the real files, and what a query costs."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from bench.calibrate import fitted
from dataops_core.contracts.manifest import Manifest, Parameter
from dataops_core.plugin.manifests import read_manifest
from dataops_core.routing.confidence import CONSTANT, WEIGHTS
from dataops_core.routing.parameters import extract, validate
from dataops_core.routing.router import Router


def _rows(real_data: Path, name: str) -> list[dict]:
    with (real_data.parent / "routing-dev" / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _catalogue(real_data: Path, name: str, examples: int) -> list[Manifest]:
    return [
        Manifest(
            name=row["workflow"],
            version="1",
            description=row["description"],
            example_queries=tuple(row["examples"][:examples]),
        )
        for row in _rows(real_data, f"{name}_catalogue.jsonl")
    ]


def _auroc(inside: list[float], outside: list[float]) -> float:
    pairs = [(a > b) + 0.5 * (a == b) for a in inside for b in outside]
    return sum(pairs) / len(pairs)


@pytest.mark.parametrize(
    ("name", "top1", "top3", "auroc"), [("assistant", 0.88, 0.961, 0.95), ("tools", 0.88, 0.942, 0.88)]
)
def test_five_examples_are_enough(real_data, name, top1, top3, auroc):
    router = Router(_catalogue(real_data, name, 5))
    hits = Counter()
    inside, outside = [], []
    for row in _rows(real_data, f"{name}_queries.jsonl"):
        ranked = router.rank(row["query"])
        names = [candidate.workflow for candidate in ranked]
        score = ranked[0].score if ranked else 0.0
        outcome = router.route(row["query"])
        assert outcome.outcome != "capabilities"
        if row["workflow"] is None:
            outside.append(score)
            hits["run outside"] += outcome.outcome == "run"
            continue
        inside.append(score)
        hits["top1"] += names[:1] == [row["workflow"]]
        hits["top3"] += row["workflow"] in names
        hits["run right"] += outcome.outcome == "run" and outcome.workflow == row["workflow"]
        hits["asked"] += outcome.outcome == "ask"
        hits["asked, and there"] += outcome.outcome == "ask" and row["workflow"] in names
        hits["run wrong"] += outcome.outcome == "run" and outcome.workflow != row["workflow"]
    found = (hits["top1"] / len(inside), hits["top3"] / len(inside), _auroc(inside, outside))
    print(f"{name}: top-1 {found[0]:.3f}, top-3 {found[1]:.3f}, AUROC {found[2]:.3f}")
    wrongly, needlessly = hits["run wrong"] / len(inside), hits["run outside"] / len(outside)
    print(f"  run wrongly {wrongly:.3f}, out of scope run {needlessly:.3f}")
    print(f"  run rightly {hits['run right'] / len(inside):.3f}, asked {hits['asked'] / len(inside):.3f}")
    assert found[0] >= top1
    assert found[1] >= top3
    assert found[2] >= auroc
    assert wrongly <= 0.05
    assert needlessly <= 0.05
    assert hits["run right"] / len(inside) >= 0.6
    assert hits["asked, and there"] / hits["asked"] >= 0.85


def test_our_own_workflows_are_told_apart():
    plugins = Path(__file__).parents[2] / "plugins"
    router = Router(read_manifest(file) for file in plugins.glob("*/*/config.yaml"))
    hits = Counter()
    for line in Path(__file__).with_name("queries.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        decision = router.route(row["query"])
        right = row["workflow"] in [candidate.workflow for candidate in decision.candidates[:1]]
        hits[row["workflow"] is not None, right, decision.outcome] += 1
    print(hits)
    inside = sum(count for (wanted, _, _), count in hits.items() if wanted)
    assert hits[True, True, "run"] / inside >= 0.75
    assert hits[True, False, "run"] == hits[False, False, "run"] == 0
    assert (hits[True, True, "none"] + hits[True, False, "none"]) / inside <= 0.05


@pytest.mark.slow
def test_the_constants_are_those_that_fit(real_data):
    weights, constant = fitted(real_data.parent / "routing-dev")
    assert (*weights, constant) == pytest.approx((*WEIGHTS, CONSTANT), abs=0.002)


def test_cost_of_a_query(real_data):
    queries = [row["query"] for name in ("assistant", "tools") for row in _rows(real_data, f"{name}_queries.jsonl")]
    known = [m for name in ("assistant", "tools") for m in _catalogue(real_data, name, 5)]
    chosen = random.Random(7)
    letters = "bcdfgklmnprst"

    def changed(text: str) -> str:
        # A larger catalogue has more words of its own: every seventh word is an invented one.
        return " ".join("".join(chosen.choices(letters, k=6)) if chosen.random() < 0.15 else w for w in text.split())

    for size in (20, 150, 1000):
        catalogue = [
            Manifest(name=f"workflow_{number}", version="1", description=changed(chosen.choice(known).description),
                     example_queries=tuple(map(changed, chosen.sample(queries, 5))))
            for number in range(size)
        ]  # fmt: skip
        started = time.process_time()
        router = Router(catalogue)
        built = time.process_time() - started
        asked = queries[::4]
        started = time.process_time()
        for query in asked:
            assert router.route(query).candidates
        each = (time.process_time() - started) / len(asked)
        print(f"{size} workflows: built in {built * 1e3:.0f} ms CPU, {each * 1e3:.2f} ms CPU a query")


def test_values_are_never_guessed(real_data):
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    stated = rows = 0
    mistaken = set()
    for row in _rows(real_data, "params.jsonl"):
        rows += 1
        given = [
            {k: p[k] for k in ("name", "type", "description", "items", "required") if k in p} for p in row["parameters"]
        ]
        choices = [tuple(p.get("choices", ())) for p in row["parameters"]]
        parameters = tuple(Parameter(**p, choices=c) for p, c in zip(given, choices, strict=True))
        manifest = Manifest(name="w", version="1", description=row["description"], parameters=parameters)
        extraction = extract(row["query"], manifest, cwd=None)
        stated += sum("" not in accepted for accepted in row["accepted"].values())
        for name, value in validate(extraction.values, manifest).items():
            same = any(_same(value, accepted) for accepted in row["accepted"].get(name, ()) if accepted != "")
            (right if same else wrong)[extraction.sources[name].rule] += 1
            if not same:
                mistaken.add(row["id"])
    filled = right.total() + wrong.total()
    precision, recall = right.total() / filled, right.total() / stated
    print(f"params: precision {precision:.3f}, recall {recall:.3f} of {stated}; {right} {wrong}")
    assert precision >= 0.95
    assert recall >= 0.4
    assert len(mistaken) / rows <= 0.04


def _same(value: object, accepted: object) -> bool:
    def plain(one: object) -> object:
        return one.translate(str.maketrans("", "", " ,./-*^_'")).lower() if isinstance(one, str) else one

    return plain(value) == plain(accepted)
