"""The router: which workflow a query asks for, how sure that is, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nlargest, nsmallest
from itertools import islice
from math import log1p
from pathlib import Path
from typing import Literal

from dataops_core.contracts.manifest import Manifest
from dataops_core.errors import nearest
from dataops_core.routing.confidence import ASK, DOUBT, RUN, Evidence, confidence
from dataops_core.routing.kept_index import kept_index
from dataops_core.routing.meta import Meta, meta
from dataops_core.routing.terms import WORDS, is_content, order_of, stem, telling, words
from dataops_core.routing.tokens import READ, tokens

CENTROID_SHARE = 0.8  # of the score; the nearest text has the rest. Tuned on labelled queries: a broad optimum
_DIGITS = 6  # of a score
_MAY_NAME = re.compile(r"[\"'`“]|workflow[ ]{0,4}=", re.IGNORECASE)
_ORDERED = re.compile(
    r"\s*(?:please\s+)?(?:run|use|start|execute)\s+(?:the\s+)?([a-z][a-z0-9]*_[a-z0-9_]*)(?=[\s,:.!]|$)", re.IGNORECASE
)
_SLASH = re.compile(r"\s*/([A-Za-z][A-Za-z0-9_-]{0,63})(?=\s|$)")

Outcome = Literal["run", "ask", "none"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A workflow that may fit.

    Args:
        workflow: its name.
        score: 0 to 1; comparable within one catalogue.
        example: the capability or example query of the workflow that is nearest to the query, or "".
        words: words of the query that the workflow knows, the most telling first.
    """

    workflow: str
    score: float
    example: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a query.

    Args:
        outcome: "run" the workflow, "ask" which of the candidates is meant, "none" fits, or the query is about DataOps
            itself: its "capabilities", or what it found before ("recall").
        workflow: which, when it is "run".
        candidates: the nearest workflows, best first.
        reason: one line for people.
        confidence: the chance, 0 to 1, that the best candidate is wanted; 1 for one that the query names.
    """

    outcome: Outcome | Meta
    workflow: str | None
    candidates: tuple[Candidate, ...]
    reason: str
    confidence: float = 0.0


def scores(compared: Iterable[tuple[float, Sequence[float]]]) -> list[float]:
    """Returns the score of each workflow from what `Index.cosines` says."""
    return [CENTROID_SHARE * centroid + (1 - CENTROID_SHARE) * max(cosines) for centroid, cosines in compared]


class Router:
    """Picks a workflow by its manifest: name, description, capabilities and example queries.

    The same catalogue and query give the same answer in every process, whatever order the manifests come in.

    Args:
        manifests: the catalogue; of two with one name the last counts.
        cache: a file that keeps the index of the catalogue that was last seen, or None.
    """

    def __init__(self, manifests: Iterable[Manifest], *, cache: Path | None = None) -> None:
        catalogue = sorted({manifest.name: manifest for manifest in manifests}.items())
        self.names = [name for name, _ in catalogue]
        self._known = frozenset(self.names)
        self.examples = [manifest.capabilities + manifest.example_queries for _, manifest in catalogue]
        self.texts = [
            (f"{name} {manifest.description}", *examples)
            for (name, manifest), examples in zip(catalogue, self.examples, strict=True)
        ]
        self.index = kept_index(self.texts, cache)
        self._stems: dict[int, frozenset[str]] = {}

    def rank(self, query: str, limit: int = 3) -> list[Candidate]:
        """Returns the workflows that share anything with the query, best first.

        Reads the first 2000 words (and 100 000 characters) of the query.

        Args:
            limit: the number of candidates at most.
        """
        return self._rank(words(query), limit)[0]

    def route(self, query: str) -> Decision:
        """Decides what to do with a query.

        A workflow that is named (`/name …`, `workflow=name`, `run name …` where the name has an underscore, or its name
        in quotes or backticks) wins without scoring.
        Otherwise the best one runs where the confidence is at least `RUN`, and is asked about from `ASK` on. A query
        that begins with an order to change something, "delete …", say, is in doubt unless the workflow speaks of that.
        """
        if exact := self._exact(query):
            return exact
        text = words(query)
        if about := meta(text or words(query[:100].strip().removeprefix("/")), mark=query[:100].strip()):
            return Decision(about, None, (), "the query is about DataOps itself")
        if not self.names:
            return Decision("none", None, (), "no workflow is installed")
        if not text:
            return Decision("none", None, (), "the query has no words" if query.strip() else "the query is empty")
        candidates, evidence = self._rank(text, 3)
        cut = " (only the beginning of the long query was read)" if len(text) == WORDS or len(query) > READ else ""
        if evidence is None or not evidence.coverage:
            return Decision("none", None, tuple(candidates), "no workflow knows what the query is about" + cut)
        best = candidates[0]
        order = order_of(text)
        foreign = order is not None and stem(order) not in self._stems_of(self.names.index(best.workflow))
        sure = round(min(confidence(evidence), DOUBT) if foreign else confidence(evidence), 4)
        reason = f"{best.workflow} knows {', '.join(repr(word) for word in best.words) or 'this kind of file'}"
        if best.example:
            reason += f"; the nearest example is {best.example!r:.120}"
        # The kind of a file alone is worth a question, no more.
        if foreign:
            reason += f"; it does not speak of {order!r}"
        outcome: Outcome = "run" if sure >= RUN and best.words else "ask" if sure >= ASK else "none"
        chosen = best.workflow if outcome == "run" else None
        return Decision(outcome, chosen, tuple(candidates), reason + cut, sure)

    def evidence(self, text: Sequence[str], scores: Sequence[float]) -> Evidence | None:
        """Returns what the confidence in the best workflow rests on, or None when none shares anything with the text.

        Args:
            text: the words of a query.
            scores: of all workflows, by `scores`.
        """
        best = max(range(len(scores)), key=lambda workflow: (scores[workflow], -workflow), default=None)
        if best is None or scores[best] <= 0:
            return None
        second = max((score for workflow, score in enumerate(scores) if workflow != best), default=0.0)
        own, known, total = self._stems_of(best), 0.0, 0.0
        pairs = telling(text)
        for _word, its_stem in pairs:
            weight = self.index.idf(its_stem)
            known += weight if its_stem in own else 0.0
            total += weight or self.index.unknown
        lead = (scores[best] - second) / scores[best]
        return Evidence(scores[best], lead, known / total if total else 0.0, log1p(len(pairs)))

    def _rank(self, text: list[str], limit: int) -> tuple[list[Candidate], Evidence | None]:
        compared = self.index.cosines(text)
        scored = scores(compared)
        # Rounded, so that the last bits of a sum never decide; then the name does. Rounding is dear: only those that it
        # can bring among the best.
        least = min(nlargest(limit, scored), default=0.0) - 10**-_DIGITS * 2
        near = [(-round(score, _DIGITS), workflow) for workflow, score in enumerate(scored) if score > least]
        best = [(-score, workflow) for score, workflow in nsmallest(limit, near) if score < 0]
        pairs = sorted(telling(text), key=lambda pair: -self.index.idf(pair[1]))
        return [self._candidate(pairs, workflow, score, compared[workflow][1][1:]) for score, workflow in best], (
            self.evidence(text, scored)
        )

    def _candidate(
        self, pairs: Sequence[tuple[str, str]], workflow: int, score: float, cosines: Sequence[float]
    ) -> Candidate:
        stems = self._stems_of(workflow)
        known = islice((word for word, its_stem in pairs if its_stem in stems and is_content(word)), 5)
        best = max(cosines, default=0.0)
        example = self.examples[workflow][cosines.index(best)] if best > 0 else ""
        return Candidate(self.names[workflow], score, example, tuple(known))

    def _stems_of(self, workflow: int) -> frozenset[str]:
        stems = self._stems.get(workflow)
        if stems is None:
            own = (its_stem for text in self.texts[workflow] for _word, its_stem in telling(words(text)))
            stems = self._stems[workflow] = frozenset(own)
        return stems

    def _exact(self, query: str) -> Decision | None:
        slash = _SLASH.match(query)
        ordered = _ORDERED.match(query)
        if ordered and ordered[1].lower() in self._known:
            name = ordered[1].lower()
            return Decision("run", name, (Candidate(name, 1.0),), f"the query names {name}", 1.0)
        if not slash and not _MAY_NAME.search(query, 0, READ):
            return None
        found = list(tokens(query))
        named = [token.text for token in found if token.key.lower() == "workflow"]
        must = bool(named)
        if not named and slash:
            named = [slash[1]]
            must = not meta([slash[1].lower()]) and bool(nearest(_name(slash[1]), self.names))
        if not named:
            named = [token.text for token in found if token.quoted and not token.key]
            named = [text for text in named if _name(text) in self._known]
        asked = list(dict.fromkeys(_name(text) for text in named))
        if len(asked) == 1 and asked[0] in self._known:
            return Decision("run", asked[0], (Candidate(asked[0], 1.0),), f"the query names {asked[0]}", 1.0)
        if must:
            if len(asked) > 1:
                return Decision("none", None, (), f"the query names several workflows: {', '.join(asked)!r:.120}")
            hint = nearest(asked[0], self.names)
            return Decision("none", None, (), f"no workflow is called {asked[0]!r:.80}" + (f"; {hint}" if hint else ""))
        return None


def _name(text: str) -> str:
    return text[:100].strip().lower().replace("-", "_")
