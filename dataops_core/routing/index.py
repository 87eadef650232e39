"""TF-IDF over a catalogue: one inverted index of every text of every workflow."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from dataops_core.routing.terms import character_features, word_features

# Tuned on labelled queries of two catalogues; broad optima, not sharp ones.
WORD_SHARE = 0.4
DESCRIPTION_WEIGHT = 2.0
EXTENSION_WEIGHT = 2.0  # of the kind of a file, such as ".csv", among the words
COMMON = 0.65  # runs of characters that more than this share of the workflows has: half the work, no accuracy

Vector = dict[str, float]


@dataclass(frozen=True, slots=True)
class Postings:
    """What an index holds, as it is kept in a file.

    Args:
        features: all of them, none with a line end.
        counts: for each feature how many workflows have it.
        starts: for each feature where its postings begin; one more at the end.
        texts, weights: the postings: the number of a text, and the feature's weight in it.
        ends: for each workflow the number of its last text, plus one.
        lengths: for each workflow the length of its centroid.
    """

    features: list[str]
    counts: array[int]
    starts: array[int]
    texts: array[int]
    weights: array[float]
    ends: array[int]
    lengths: array[float]


class Index:
    """The texts of all workflows as vectors of length 1.

    Inverse document frequency counts workflows, not texts: a word that all examples of one workflow share is no less
    telling for it. Words have `WORD_SHARE` of a vector's squared length and characters the rest. What the catalogue
    does not know still lengthens the vector of a query, so a score says how much of the query fits, not only which
    workflow fits best.

    Args:
        postings: see `index_of`.
    """

    def __init__(self, postings: Postings) -> None:
        self.postings = postings
        self._slots = dict(zip(postings.features, range(len(postings.features)), strict=True))
        steps = _steps(len(postings.ends))
        self._idf = _weights(zip(postings.features, postings.counts, strict=True), steps)
        self.unknown = steps[0]
        """How telling a feature is that no workflow has."""
        # Dicts are quicker to go through than arrays; each is made when a query first needs it.
        self._rows: dict[str, dict[int, float]] = {}

    def idf(self, feature: str) -> float:
        """Returns how telling a feature is, 0 when no workflow has it."""
        return self._idf.get(feature, 0.0)

    def cosines(self, words: Sequence[str], *, without: int | None = None) -> list[tuple[float, list[float]]]:
        """Compares a query with every workflow.

        Args:
            words: of the query.
            without: the number of a text that counts for nothing, the query's own in the catalogue. How common its
                features are still counts it.

        Returns:
            For each workflow the cosine with its centroid, and the cosines with its texts.
        """
        held = self.postings
        cosines = [0.0] * (held.ends[-1] if held.ends else 0)
        for feature, weight in _vector(
            word_features(words), character_features(words), self._idf, self.unknown
        ).items():
            row = self._rows.get(feature)
            if row is None:
                row = self._rows[feature] = self._row(feature)
            for text, other in row.items():
                cosines[text] += weight * other
        # The cosine with a centroid is the weighted sum of the cosines with its texts, over the centroid's length.
        compared = []
        start = 0
        for end, length in zip(held.ends, held.lengths, strict=True):
            own = cosines[start:end]
            total = math.fsum(own) + (DESCRIPTION_WEIGHT - 1) * own[0]
            if without is not None and start <= without < end:
                times = DESCRIPTION_WEIGHT if without == start else 1.0
                # The length of a difference of vectors, from the length of one and the product of both.
                length = math.sqrt(max(length * length - 2 * times * total + times * times, 1e-12))  # noqa: PLW2901
                total -= times * own[without - start]
                own[without - start] = 0.0
            compared.append((total / length, own))
            start = end
        return compared

    def _row(self, feature: str) -> dict[int, float]:
        slot = self._slots.get(feature)
        if slot is None:
            return {}
        start, end = self.postings.starts[slot], self.postings.starts[slot + 1]
        return dict(zip(self.postings.texts[start:end], self.postings.weights[start:end], strict=True))


def index_of(catalogue: Sequence[Sequence[Sequence[str]]]) -> Index:
    """Makes the index of a catalogue.

    Args:
        catalogue: for each workflow its texts, each as words. The first text describes it and counts
            `DESCRIPTION_WEIGHT` times in its centroid.
    """
    counted = [[(word_features(text), character_features(text)) for text in texts] for texts in catalogue]
    frequency: Counter[str] = Counter()
    for texts in counted:
        # A dict keeps the order of the texts, so that numbers do not depend on the seed of hashes.
        frequency.update(list(dict.fromkeys(feature for blocks in texts for block in blocks for feature in block)))
    steps = _steps(len(catalogue))
    idf = _weights(frequency.items(), steps)
    limit = max(COMMON * len(catalogue), 10)
    rows = {f: (array("I"), array("f")) for f, count in frequency.items() if f[0] != "#" or count <= limit}
    ends, lengths = array("I"), array("d")
    end = 0
    for texts in counted:
        total: Vector = {}
        for number, (stems, grams) in enumerate(texts):
            times = DESCRIPTION_WEIGHT if number == 0 else 1.0
            for feature, weight in _vector(stems, grams, idf, steps[0]).items():
                total[feature] = total.get(feature, 0.0) + times * weight
                if feature in rows:
                    rows[feature][0].append(end)
                    rows[feature][1].append(weight)
            end += 1
        ends.append(end)
        lengths.append(math.sqrt(math.fsum([weight * weight for weight in total.values()])) or 1.0)
    nothing: tuple[array[int], array[float]] = (array("I"), array("f"))
    gathered = [rows.get(feature, nothing) for feature in frequency]
    texts_of, weights_of = array("I"), array("f")
    for row, weights in gathered:
        texts_of += row
        weights_of += weights
    starts = array("I", accumulate((len(row) for row, _ in gathered), initial=0))
    return Index(Postings(list(frequency), array("I", frequency.values()), starts, texts_of, weights_of, ends, lengths))


def _steps(size: int) -> list[float]:
    """Returns the inverse document frequency by the number of workflows, of so many, that have a feature."""
    return [math.log((1 + size) / (1 + count)) + 1 for count in range(size + 1)]


def _weights(counts: Iterable[tuple[str, int]], steps: Sequence[float]) -> dict[str, float]:
    return {f: steps[count] * EXTENSION_WEIGHT if f[0] == "." else steps[count] for f, count in counts}


def _vector(stems: Mapping[str, int], grams: Mapping[str, int], idf: Mapping[str, float], unknown: float) -> Vector:
    vector: Vector = {}
    for counts, share in ((stems, WORD_SHARE), (grams, 1 - WORD_SHARE)):
        squares = 0.0
        weights = {}
        for feature, count in counts.items():
            weight = idf.get(feature, unknown)
            if count > 1:
                weight *= 1 + math.log(count)
            squares += weight * weight
            weights[feature] = weight
        scale = math.sqrt(share / squares) if squares else 0.0
        vector |= {feature: weight * scale for feature, weight in weights.items()}
    return vector
