"""The values of a workflow's parameters that a query states.

Only rules that hardly ever err fill a value. What is weaker is a suggestion, and whatever could mean two things is left
out and noted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from dataops_core.contracts.manifest import Manifest
from dataops_core.routing.extraction.amounts import cued_numbers, sole_number
from dataops_core.routing.extraction.choices import chosen, described
from dataops_core.routing.extraction.earlier import recalled
from dataops_core.routing.extraction.keys import keyed
from dataops_core.routing.extraction.lists import listed, objects
from dataops_core.routing.extraction.names import names
from dataops_core.routing.extraction.places import located
from dataops_core.routing.extraction.revisions import take_back
from dataops_core.routing.extraction.search import Search, Source, Suggestion
from dataops_core.routing.extraction.strings import addresses, exemplified, identifiers, quoted
from dataops_core.routing.extraction.switches import switched
from dataops_core.routing.extraction.when import dated
from dataops_core.routing.validation import validate

__all__ = ["Extraction", "Source", "Suggestion", "extract", "validate"]


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a query says about parameters.

    Args:
        values: by name, as written in the query or of the parameter's type; `validate` makes the types sure.
        sources: for each value.
        notes: for people: what was said and not used, and why.
        suggestions: by name, for parameters without a value: what may be meant, to be offered, never used silently.
    """

    values: dict[str, Any]
    sources: dict[str, Source]
    notes: tuple[str, ...] = ()
    suggestions: dict[str, Suggestion] = field(default_factory=dict)


#: In this order: what one rule has used is gone for the next.
_RULES = (
    take_back, keyed, located, dated, objects, listed, quoted, addresses, chosen, cued_numbers, exemplified, described,
    switched, identifiers, sole_number,
)  # fmt: skip


def extract(
    query: str,
    manifest: Manifest,
    *,
    cwd: str | os.PathLike[str] | None,
    earlier: Sequence[Mapping[str, Any]] = (),
    today: date | None = None,
) -> Extraction:
    """Finds the values that a query states for a workflow's parameters.

    Each rule is a function of `dataops_core.routing.extraction` that says what it takes and how precise it is.

    Args:
        cwd: where relative paths are looked up; None looks nothing up on disk.
        earlier: the validated values of earlier runs of the session, newest first:
            `{"workflow": name, "values": {...}}`. They are used only when the query speaks of them.
        today: what "yesterday" is counted from; None is the local date.
    """
    search = Search(query, manifest, cwd, today or datetime.now().astimezone().date())
    for rule in _RULES:
        if not search.open:
            break
        rule(search)
    names(search)
    recalled(search, earlier)
    return Extraction(search.values, search.sources, tuple(search.notes), search.suggestions)
