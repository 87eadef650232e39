"""How sure the router is: a score says little by itself, since catalogues differ; a calibration makes a chance of it.

The chance is a logistic function of four things that hold in every catalogue. Its constants were fitted by
`python -m bench.calibrate FOLDER` on labelled queries of two catalogues (an assistant's, and a store of tools), their
random parts of 2 to 25 workflows, and 3 to 10 examples each; queries for workflows that are absent count as wrong.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

RUN: Final = 0.8
"""Chance from which the best workflow runs without a question."""

ASK: Final = 0.2
"""Chance from which it is worth asking which one is meant."""


COIN_FLIP: Final = 0.1
"""Lead under which the two best are as good as each other: of 72 such runs 42 were right."""

DOUBT: Final = 0.6
"""The chance at most, where something speaks against the best workflow that the evidence does not see."""


class Evidence(NamedTuple):
    """What the confidence rests on.

    Args:
        score: of the best workflow, 0 to 1.
        lead: how far the second one lies behind, as a share of the best score.
        coverage: the share of the query's telling words that the best workflow knows, by how telling they are.
        length: the logarithm of one plus the number of the query's telling words.
    """

    score: float
    lead: float
    coverage: float
    length: float


WEIGHTS: Final = Evidence(score=11.72, lead=2.856, coverage=2.946, length=1.148)
CONSTANT: Final = -6.256


def confidence(evidence: Evidence) -> float:
    """Returns the chance, 0 to 1, that the best workflow is the one that is wanted."""
    chance = 1 / (1 + math.exp(-CONSTANT - sum(w * e for w, e in zip(WEIGHTS, evidence, strict=True))))
    return min(chance, DOUBT) if evidence.lead < COIN_FLIP else chance
