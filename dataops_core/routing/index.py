"""TF-IDF over a catalogue: one inverted index of every text of every workflow."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence

from dataops_core.routing.terms import character_features, word_features

# Tuned on labelled queries of two catalogues; broad optima, not sharp ones.
WORD_SHARE = 0.4
DESCRIPTION_WEIGHT = 2.0
COMMON = 0.65  # runs of characters that more than this share of the workflows has: half the work, no accuracy

Vector = dict[str, float]


class Index:
    """The texts of all workflows as vectors of length 1.

    Inverse document frequency counts workflows, not texts: a word that all examples of one workflow share is no less
    telling for it. Words have `WORD_SHARE` of a vector's squared length and characters the rest. What the catalogue
    does not know still lengthens the vector of a query, so a score says how much of the query fits, not only which
    workflow fits best.

    Args:
        catalogue: for each workflow its texts, each as words. The first text describes it and counts
            `DESCRIPTION_WEIGHT` times in its centroid.
    """

    def __init__(self, catalogue: Sequence[Sequence[Sequence[str]]]) -> None:
        counted = [[(word_features(text), character_features(text)) for text in texts] for texts in catalogue]
        frequency: Counter[str] = Counter()
        for texts in counted:
            # A dict keeps the order of the texts, so that numbers do not depend on the seed of hashes.
            frequency.update(list(dict.fromkeys(feature for blocks in texts for block in blocks for feature in block)))
        size = len(catalogue)
        self._idf = {feature: math.log((1 + size) / (1 + n)) + 1 for feature, n in frequency.items()}
        self._unknown = math.log(1 + size) + 1
        limit = max(COMMON * size, 10)
        gathered = {f: (array("I"), array("f")) for f, n in frequency.items() if f[0] != "#" or n <= limit}
        self._spans: list[tuple[int, int, float]] = []
        end = 0
        for texts in counted:
            start = end
            total: Vector = {}
            for text in texts:
                times = DESCRIPTION_WEIGHT if end == start else 1.0
                for feature, weight in self._vector(text).items():
                    total[feature] = total.get(feature, 0.0) + times * weight
                    if feature in gathered:
                        gathered[feature][0].append(end)
                        gathered[feature][1].append(weight)
                end += 1
            length = math.sqrt(math.fsum([weight * weight for weight in total.values()]))
            self._spans.append((start, end, length or 1.0))
        self._size = end
        # Dicts are quicker to go through than arrays; made one after the other, what a feature has lies together.
        self._postings = {f: dict(zip(texts, weights, strict=True)) for f, (texts, weights) in gathered.items()}

    def idf(self, stem: str) -> float:
        """Returns how telling a word's stem is, 0 when no workflow knows it."""
        return self._idf.get(stem, 0.0)

    def cosines(self, words: Sequence[str]) -> list[tuple[float, list[float]]]:
        """Compares a query with every workflow.

        Args:
            words: of the query.

        Returns:
            For each workflow the cosine with its centroid, and the cosines with its texts.
        """
        cosines = [0.0] * self._size
        nothing: dict[int, float] = {}
        for feature, weight in self._vector((word_features(words), character_features(words))).items():
            for text, other in self._postings.get(feature, nothing).items():
                cosines[text] += weight * other
        # The cosine with a centroid is the weighted sum of the cosines with its texts, over the centroid's length.
        compared = []
        for start, end, length in self._spans:
            own = cosines[start:end]
            compared.append(((math.fsum(own) + (DESCRIPTION_WEIGHT - 1) * own[0]) / length, own))
        return compared

    def _vector(self, blocks: tuple[Mapping[str, int], Mapping[str, int]]) -> Vector:
        vector: Vector = {}
        for counts, share in zip(blocks, (WORD_SHARE, 1 - WORD_SHARE), strict=True):
            squares = 0.0
            weights = {}
            for feature, count in counts.items():
                weight = self._idf.get(feature, self._unknown)
                if count > 1:
                    weight *= 1 + math.log(count)
                squares += weight * weight
                weights[feature] = weight
            scale = math.sqrt(share / squares) if squares else 0.0
            vector |= {feature: weight * scale for feature, weight in weights.items()}
        return vector
