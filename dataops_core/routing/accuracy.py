"""What the router will get right in a catalogue, told from the catalogue alone: each example is asked as a query.

Leave-one-out: an example counts for nothing while it is asked. The share that comes out right is near the accuracy on
other people's queries: .91 and .95 where .91 and .92 were measured, with five examples a workflow; with three it is up
to 5 points too low.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dataops_core.contracts.manifest import Manifest
from dataops_core.routing.router import Router, scores
from dataops_core.routing.terms import words

#: Examples of two workflows that are more alike than this say the same.
ALIKE = 0.9


@dataclass(frozen=True, slots=True)
class Confusion:
    """An example of a workflow that the router takes for another one.

    Args:
        workflow: whose example it is.
        taken_for: the workflow that the router picks.
        example: the example.
        nearest: the text of the other workflow that is nearest to it.
        likeness: the cosine of both, 0 to 1.
    """

    workflow: str
    taken_for: str
    example: str
    nearest: str
    likeness: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well a catalogue's workflows can be told apart.

    Args:
        asked: for each workflow, how many of its examples were asked.
        right: for each workflow, how many of them came out right.
        confusions: the examples that did not, and those that are more like another workflow's than `ALIKE`.
    """

    asked: dict[str, int]
    right: dict[str, int]
    confusions: tuple[Confusion, ...]

    def share(self, workflow: str | None = None) -> float | None:
        """Returns the share of examples that came out right, of one workflow or of all; None where none was asked."""
        names = self.asked if workflow is None else [workflow]
        asked = sum(self.asked[name] for name in names)
        return sum(self.right[name] for name in names) / asked if asked else None

    def pairs(self) -> list[tuple[str, str, int]]:
        """Returns the pairs of workflows that are confused, with how many examples say so, the worst first."""
        counts: dict[tuple[str, str], int] = {}
        for confusion in self.confusions:
            first, second = sorted((confusion.workflow, confusion.taken_for))
            counts[first, second] = counts.get((first, second), 0) + 1
        return [(*pair, count) for pair, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def leave_one_out(manifests: Iterable[Manifest], only: Iterable[str] | None = None) -> Accuracy:
    """Asks every example of a catalogue as if it were not in it.

    Args:
        manifests: the catalogue.
        only: the workflows whose examples are asked; all by default.
    """
    router = Router(manifests)
    wanted = set(router.names if only is None else only)
    asked, right, confusions = {}, {}, []
    first = 0
    for own, name in enumerate(router.names):
        texts = router.texts[own]
        if name in wanted:
            asked[name], right[name] = len(texts) - 1, 0
            for number, example in enumerate(texts[1:], first + 1):
                compared = router.index.cosines(words(example), without=number)
                scored = [round(score, 6) for score in scores(compared)]
                others = [w for w in range(len(scored)) if w != own]
                rival = max(others, key=lambda w: (scored[w], -w), default=None)
                lost = rival is not None and (scored[rival], -rival) > (scored[own], -own)
                right[name] += not lost
                alike = max(others, key=lambda w: (max(compared[w][1]), -w), default=None)
                other = rival if lost else alike
                if other is not None and (lost or max(compared[other][1]) > ALIKE):
                    cosines = compared[other][1]
                    likeness = max(cosines)
                    nearest = router.texts[other][cosines.index(likeness)]
                    confusions.append(Confusion(name, router.names[other], example, nearest, round(likeness, 4)))
        first += len(texts)
    return Accuracy(asked, right, tuple(confusions))
