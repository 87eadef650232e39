"""The router: which workflow a query asks for, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest, nsmallest
from itertools import islice
from typing import Literal

from dataops_core.contracts.manifest import Manifest
from dataops_core.errors import nearest
from dataops_core.routing.index import Index
from dataops_core.routing.terms import WORDS, is_content, stem, words
from dataops_core.routing.tokens import READ, tokens

CENTROID_SHARE = 0.8  # of the score; the nearest text has the rest. Tuned on labelled queries: a broad optimum
_DIGITS = 6  # of a score
_MAY_NAME = re.compile(r"[\"'`“]|workflow[ ]{0,4}=", re.IGNORECASE)
_SLASH = re.compile(r"\s*/([A-Za-z][A-Za-z0-9_-]{0,63})(?=\s|$)")
_META_WORDS = 15  # a longer query is no meta question
_META = re.compile(
    r"(?:(?:hi|hello|hey|ok|so|please|and) )*(?:"
    r"help(?: me)?(?: please)?|commands|capabilities|workflows|list"
    r"|what(?: all| else)? (?:can|could|do) (?:you|i|we|dataops|this|it) (?:do|ask|run|offer)"
    r"(?: you)?(?: for)?(?: (?:me|us|here))?"
    r"|what (?:are you able to do|is dataops|is this|are you|are your (?:capabilities|skills|workflows))"
    r"|(?:show|tell) me what (?:you|it|this|dataops) can do|who are you"
    r"|how (?:does (?:this|it|dataops) work|do i use (?:this|it|you|dataops)|can you help(?: me| us)?)"
    r"|(?:list|show|show me|give me|tell me|what|which)(?: (?:all|of|the|your|available|installed|are|me|a|list))*"
    r" (?:workflows|capabilities|commands|skills)"
    r"(?: (?:are|is|do|can|could|have|there|available|installed|you|i|we|run|use|ask|for|exist|known|offer|please))*"
    r")"
)


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
        outcome: "run" the workflow, "none" fits, or the query asks for the "capabilities".
        workflow: which, when it is "run".
        candidates: the nearest workflows, best first.
        reason: one line for people.
    """

    outcome: Literal["run", "none", "capabilities"]
    workflow: str | None
    candidates: tuple[Candidate, ...]
    reason: str


class Router:
    """Picks a workflow by its manifest: name, description, capabilities and example queries.

    The same catalogue and query give the same answer in every process, whatever order the manifests come in.

    Args:
        manifests: the catalogue; of two with one name the last counts.
    """

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        catalogue = sorted({manifest.name: manifest for manifest in manifests}.items())
        self._names = [name for name, _ in catalogue]
        self._known = frozenset(self._names)
        self._examples = [manifest.capabilities + manifest.example_queries for _, manifest in catalogue]
        texts = [
            [words(f"{name} {manifest.description}"), *map(words, examples)]
            for (name, manifest), examples in zip(catalogue, self._examples, strict=True)
        ]
        self._stems = [frozenset(stem(word) for text in own for word in text if is_content(word)) for own in texts]
        self._index = Index(texts)

    def rank(self, query: str, limit: int = 3) -> list[Candidate]:
        """Returns the workflows that share anything with the query, best first.

        Reads the first 2000 words (and 100 000 characters) of the query.

        Args:
            limit: the number of candidates at most.
        """
        return self._rank(words(query), limit)

    def route(self, query: str) -> Decision:
        """Decides what to do with a query.

        A workflow that is named (`/name …`, `workflow=name`, or its name in quotes or backticks) wins without scoring.
        Otherwise the best one runs, if it knows a content word of the query.
        """
        if exact := self._exact(query):
            return exact
        text = words(query)
        said = " ".join(text[:_META_WORDS]) or query[:100].strip().removeprefix("/").lower()
        if said == "?" or (len(text) < _META_WORDS and _META.fullmatch(said)):
            return Decision("capabilities", None, (), "the query asks what there is")
        if not self._names:
            return Decision("none", None, (), "no workflow is installed")
        if not text:
            return Decision("none", None, (), "the query has no words" if query.strip() else "the query is empty")
        candidates = tuple(self._rank(text, 3))
        cut = f" (of a long query, the first {len(text)} words)" if len(text) == WORDS or len(query) > READ else ""
        if not candidates or not candidates[0].words:
            return Decision("none", None, candidates, "no workflow knows what the query is about" + cut)
        best = candidates[0]
        reason = f"{best.workflow} knows {', '.join(repr(word) for word in best.words)}"
        if best.example:
            reason += f"; the nearest example is {best.example!r:.120}"
        return Decision("run", best.workflow, candidates, reason + cut)

    def _rank(self, text: list[str], limit: int) -> list[Candidate]:
        compared = self._index.cosines(text)
        scores = [CENTROID_SHARE * centroid + (1 - CENTROID_SHARE) * max(cosines) for centroid, cosines in compared]
        # Rounded, so that the last bits of a sum never decide; then the name does. Rounding is dear: only those that it
        # can bring among the best.
        least = min(nlargest(limit, scores), default=0.0) - 10**-_DIGITS * 2
        near = [(-round(score, _DIGITS), workflow) for workflow, score in enumerate(scores) if score > least]
        best = [(-score, workflow) for score, workflow in nsmallest(limit, near) if score < 0]
        content = [(word, stem(word)) for word in dict.fromkeys(text) if is_content(word)]
        content.sort(key=lambda pair: -self._index.idf(pair[1]))
        return [self._candidate(content, workflow, score, compared[workflow][1][1:]) for score, workflow in best]

    def _candidate(
        self, content: list[tuple[str, str]], workflow: int, score: float, cosines: list[float]
    ) -> Candidate:
        stems = self._stems[workflow]
        known = islice((word for word, its_stem in content if its_stem in stems), 5)
        best = max(cosines, default=0.0)
        example = self._examples[workflow][cosines.index(best)] if best > 0 else ""
        return Candidate(self._names[workflow], score, example, tuple(known))

    def _exact(self, query: str) -> Decision | None:
        slash = _SLASH.match(query)
        if not slash and not _MAY_NAME.search(query, 0, READ):
            return None
        found = list(tokens(query))
        named = [token.text for token in found if token.key.lower() == "workflow"]
        must = bool(named)
        if not named and slash:
            named = [slash[1]]
            must = not _META.fullmatch(slash[1]) and bool(nearest(_name(slash[1]), self._names))
        if not named:
            named = [token.text for token in found if token.quoted and not token.key]
            named = [text for text in named if _name(text) in self._known]
        asked = list(dict.fromkeys(_name(text) for text in named))
        if len(asked) == 1 and asked[0] in self._known:
            return Decision("run", asked[0], (Candidate(asked[0], 1.0),), f"the query names {asked[0]}")
        if must:
            if len(asked) > 1:
                return Decision("none", None, (), f"the query names several workflows: {', '.join(asked)!r:.120}")
            hint = nearest(asked[0], self._names)
            return Decision("none", None, (), f"no workflow is called {asked[0]!r:.80}" + (f"; {hint}" if hint else ""))
        return None


def _name(text: str) -> str:
    return text[:100].strip().lower().replace("-", "_")
