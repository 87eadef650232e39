"""Fits the constants of `dataops_core.routing.confidence`: `python -m bench.calibrate FOLDER`.

The folder holds, for each set, `SET_catalogue.jsonl` with lines {workflow, description, examples[]}, and
`SET_queries.jsonl` with lines {query, workflow}, where no workflow means that none fits. Every set is asked whole and
in random parts, as small as two workflows: what an absent workflow was meant for is then out of scope. The logistic
regression is fitted by Newton's method with a small penalty on the weights.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dataops_core.contracts.manifest import Manifest
from dataops_core.routing.confidence import RUN, Evidence, confidence
from dataops_core.routing.router import Router, scores
from dataops_core.routing.terms import words

SETS = ("assistant", "tools")
PARTS = 40  # of each set
SIZES = (2, 4, 6, 8, 12, 16, 20, 25)
PENALTY = 3.0

Query = tuple[str, str | None]  # and the workflow that is meant


@dataclass(frozen=True, slots=True)
class Row:
    """A query that was asked.

    Args:
        evidence: what the router found.
        inside: whether a workflow of the catalogue fits.
        right: whether the best one does.
    """

    evidence: Evidence
    inside: bool
    right: bool


def read(folder: Path, name: str) -> tuple[list[dict[str, Any]], list[Query]]:
    """Returns the catalogue and the queries of a set."""
    catalogue = [json.loads(line) for line in (folder / f"{name}_catalogue.jsonl").open(encoding="utf-8")]
    queries = [json.loads(line) for line in (folder / f"{name}_queries.jsonl").open(encoding="utf-8")]
    return catalogue, [(row["query"], row["workflow"]) for row in queries]


def asked(
    workflows: Iterable[tuple[dict[str, Any], list[str]]], queries: list[tuple[str, str | None]]
) -> Iterator[Row]:
    """Asks queries of a catalogue whose workflows have the given examples."""
    router = Router(
        Manifest(name=row["workflow"], version="1", description=row["description"], example_queries=tuple(examples))
        for row, examples in workflows
    )
    for query, workflow in queries:
        text = words(query)
        scored = scores(router.index.cosines(text))
        evidence = router.evidence(text, scored)
        if evidence is not None:
            best = router.names[max(range(len(scored)), key=lambda w: (scored[w], -w))]
            yield Row(evidence, workflow in router.names, workflow == best)


def whole(folder: Path, name: str, examples: int) -> list[Row]:
    """Asks all queries of a set, with so many examples a workflow."""
    catalogue, queries = read(folder, name)
    return list(asked([(row, row["examples"][:examples]) for row in catalogue], queries))


def part(folder: Path, name: str, chosen: random.Random) -> Iterator[Row]:
    """Asks queries of a random part of a set; the examples that are left out are queries too."""
    catalogue, queries = read(folder, name)
    picked = chosen.sample(catalogue, min(chosen.choice(SIZES), len(catalogue)))
    count = chosen.choice((3, 4, 5, 8))
    workflows, inside = [], []
    for row in picked:
        examples = chosen.sample(row["examples"], min(count, len(row["examples"])))
        workflows.append((row, examples))
        inside += [(example, row["workflow"]) for example in row["examples"] if example not in examples]
    names = {row["workflow"] for row in picked}
    inside += [query for query in queries if query[1] in names]
    absent = [query for query in queries if query[1] is not None and query[1] not in names]
    nothing = [query for query in queries if query[1] is None]
    near = chosen.sample(absent, min(len(absent), len(inside) // 2))
    far = chosen.sample(nothing, min(len(nothing), max(10, len(inside) // 2)))
    yield from asked(workflows, [*inside, *near, *far])


def fit(rows: list[tuple[Row, float]]) -> tuple[Evidence, float]:
    """Returns the weights of the evidence and the constant that fit the rows, each of which has a weight."""
    found = np.array([row.evidence for row, _ in rows])
    mean, spread = found.mean(0), found.std(0)
    standard = np.hstack([(found - mean) / spread, np.ones((len(rows), 1))])
    right = np.array([row.right for row, _ in rows], float)
    weight = np.array([times for _, times in rows])
    penalty = PENALTY * np.diag([*np.ones(found.shape[1]), 0.0])
    best = np.zeros(standard.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-standard @ best))
        slope = standard.T @ (weight * (right - chance)) - penalty @ best
        bend = (standard * (weight * chance * (1 - chance))[:, None]).T @ standard + penalty
        best += np.linalg.solve(bend, slope)
    weights = best[:-1] / spread
    return Evidence(*(round(float(w), 3) for w in weights)), round(float(best[-1] - weights @ mean), 3)


def fitted(folder: Path) -> tuple[Evidence, float]:
    """Returns the weights and the constant that fit the sets of a folder."""
    chosen = random.Random(3)
    rows: list[tuple[Row, float]] = []
    for name in SETS:
        for examples in (3, 5, 10):
            rows += [(row, 2.0) for row in whole(folder, name, examples)]
        for _ in range(PARTS):
            rows += [(row, 1.0) for row in part(folder, name, chosen)]
    return fit(rows)


def main(folder: Path) -> None:
    """Prints the constants, and what comes of those that are shipped."""
    weights, constant = fitted(folder)
    print(f"WEIGHTS: Final = {weights!r}\nCONSTANT: Final = {constant}\n\nWith the constants that are shipped:")
    for name in SETS:
        for examples in (0, 3, 5):
            rows = [(row, confidence(row.evidence)) for row in whole(folder, name, examples)]
            inside, outside = [r for r in rows if r[0].inside], [r for r in rows if not r[0].inside]
            top1 = sum(row.right for row, _ in inside) / len(inside)
            for least in (0.7, RUN, 0.9):
                right = sum(row.right and sure >= least for row, sure in inside) / len(inside)
                wrong = sum(not row.right and sure >= least for row, sure in inside) / len(inside)
                needless = sum(sure >= least for _, sure in outside) / len(outside)
                told = f"run rightly {right:.3f}, wrongly {wrong:.3f}, out of scope {needless:.3f}"
                print(f"{name:<10} k={examples} top-1 {top1:.3f}   from {least}: {told}")
    rows = [(row, confidence(row.evidence)) for name in SETS for row in whole(folder, name, 5)]
    print("\nchance said, and found:")
    for low in range(0, 10, 2):
        between = [(row.right, sure) for row, sure in rows if low / 10 <= sure < (low + 2) / 10 + (low == 8)]
        said, true = (sum(pair[i] for pair in between) / max(1, len(between)) for i in (1, 0))
        print(f"  {said:.2f} {true:.2f} of {len(between)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
