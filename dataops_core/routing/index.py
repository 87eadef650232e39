"""TF-IDF over a catalogue: one inverted index of every text of every workflow."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence

from dataops_core.routing.terms import character_features, stem, word_features

# Tuned on labelled queries of two catalogues; broad optima, not sharp ones.
WORD_SHARE = 0.4
DESCRIPTION_WEIGHT = 2.0
COMMON = 0.65  # runs of characters that more than this share of the workflows has: half the work, no accuracy

Vector = dict[int, float]


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
        self._features = {
            feature: (number, math.log((1 + size) / (1 + n)) + 1)
            for number, (feature, n) in enumerate(frequency.items())
        }
        limit = max(COMMON * size, 10)
        common = {number for number, (f, n) in enumerate(frequency.items()) if f[0] == "#" and n > limit}
        self._unknown = (-1, math.log(1 + size) + 1)
        self._postings = [(array("I"), array("f")) for _ in self._features]
        self._spans: list[tuple[int, int, float]] = []
        end = 0
        for texts in counted:
            start = end
            total: Vector = {}
            for text in texts:
                times = DESCRIPTION_WEIGHT if end == start else 1.0
                for number, weight in self._vector(text).items():
                    total[number] = total.get(number, 0.0) + times * weight
                    if number not in common:
                        self._postings[number][0].append(end)
                        self._postings[number][1].append(weight)
                end += 1
            length = math.sqrt(math.fsum([weight * weight for weight in total.values()]))
            self._spans.append((start, end, length or 1.0))
        self._size = end

    def idf(self, word: str) -> float:
        """Returns how telling a word is, 0 when no workflow knows it."""
        return self._features.get(stem(word), (-1, 0.0))[1]

    def cosines(self, words: Sequence[str]) -> list[tuple[float, list[float]]]:
        """Compares a query with every workflow.

        Args:
            words: of the query.

        Returns:
            For each workflow the cosine with its centroid, and the cosines with its texts.
        """
        cosines = [0.0] * self._size
        for feature, weight in self._vector((word_features(words), character_features(words))).items():
            texts, weights = self._postings[feature]
            for text, other in zip(texts, weights, strict=True):
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
            weights = []
            for feature, count in counts.items():
                number, weight = self._features.get(feature, self._unknown)
                if count > 1:
                    weight *= 1 + math.log(count)
                squares += weight * weight
                weights.append((number, weight))
            scale = math.sqrt(share / squares) if squares else 0.0
            for number, weight in weights:
                if number >= 0:
                    vector[number] = weight * scale
        return vector
