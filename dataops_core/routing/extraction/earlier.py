"""Values of earlier runs of the session: "the same file", "the same dialect", "again with sample_rows=100"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from dataops_core.contracts.manifest import Parameter
from dataops_core.routing.extraction.cues import alike, cues_of
from dataops_core.routing.extraction.search import Search
from dataops_core.routing.tokens import is_path, is_uri

_SAME: Final = frozenset("same previous earlier".split())
_ALL: Final = frozenset("settings options parameters values way thing arguments configuration".split())
_FILES: Final = frozenset("file files dataset data table export one path".split())
_JOINTS: Final = frozenset("for with but again".split())  # "the same for b.csv"
_AGAIN: Final = frozenset("again rerun repeat".split())
_MENTIONS: Final = 10  # of earlier values that are looked at
_REACH: Final = 3  # words between "same" and what is the same


def recalled(search: Search, earlier: Sequence[Mapping[str, Any]]) -> None:
    """Fills parameters with the values of earlier runs that the query speaks of.

    Precision 1.00 on our own rows (8 of 8). "same file" is the newest value of that name, or else of that kind; "same
    dialect" the newest value of that name; "again", "the same for …" and "same settings" all values of the newest run
    of this workflow. What the query says itself wins: this rule comes last, and leaves out what the query speaks of
    without a clear value.

    Args:
        earlier: the validated values of earlier runs, newest first: {"workflow": ..., "values": {...}}.
    """
    if not earlier:
        return
    spoken, same = 0, any(word in _SAME for word in search.low)
    again = next((at for at in search.free() if search.low[at] in _AGAIN), None)
    for at in search.free():
        if search.low[at] in _SAME and spoken < _MENTIONS:
            spoken += 1
            for position in range(at + 1, min(len(search.low), at + 1 + _REACH)):
                word = search.low[position]
                if word in _ALL or (position == at + 1 and word in _JOINTS):
                    again = position
                    break
                if _one(search, at, position, earlier):
                    break
        elif search.low[at] in ("that", "this") and search.low[at + 1 : at + 2] == ["file"]:
            _one(search, at, at + 1, earlier)
        elif search.low[at : at + 2] == ["as", "before"] and not same:
            again = at
    if again is None:
        return
    last = next((run for run in earlier if run.get("workflow") == search.manifest.name), None)
    for name, value in (last or {}).get("values", {}).items():
        if name in search.open and value is not None and not _spoken_of(search, search.open[name]):
            _fill(search, name, value, again, again, "as in the run before")


def _spoken_of(search: Search, parameter: Parameter) -> bool:
    """Says whether the query speaks of a parameter itself: "the same for column profit" wants no earlier column."""
    head = cues_of(parameter.name, parameter.description).name[-1:]
    return parameter.name in search.suggestions or any(alike(word, cue) for word in search.roots for cue in head)


def _one(search: Search, first: int, at: int, earlier: Sequence[Mapping[str, Any]]) -> bool:
    """Fills the parameter that the word at a position means; says whether one was meant."""
    word, slots = search.roots[at], list(search.open.values())
    named = [p for p in slots if any(alike(word, cue) for cue in cues_of(p.name, p.description).name[-1:])]
    named = named if len(named) == 1 else [p for p in slots if p.name == search.low[at]]
    if not named and search.low[at] in _FILES:
        places = [p for p in slots if p.type in ("file_path", "uri")]
        required = [p for p in places if p.required]
        named = places if len(places) == 1 else required
    if len(named) != 1:
        return False
    value = _newest(named[0], earlier)
    if value is None:
        search.note(f"there is no earlier {named[0].name} in this session")
        return True
    shown = PurePath(value).name if named[0].type == "file_path" else value
    _fill(search, named[0].name, value, first, at, f"the same as before: {shown!r:.80}")
    return True


def _newest(parameter: Parameter, earlier: Iterable[Mapping[str, Any]]) -> Any:
    """Returns the newest value of a parameter's name, or, of a path or URI, of its kind."""
    runs = [run.get("values", {}) for run in earlier]
    kind = {"file_path": is_path, "uri": is_uri}.get(parameter.type)
    for values in runs:
        value = values.get(parameter.name)
        if value is not None and (not parameter.choices or value in parameter.choices):
            return value
        if kind is not None:
            alike_values = [v for v in values.values() if isinstance(v, str) and kind(v)]
            if len(alike_values) == 1:
                return alike_values[0]
    return None


def _fill(search: Search, name: str, value: Any, first: int, last: int, reason: str) -> None:
    span = (search.tokens[first].start, search.tokens[last].end)
    search.fill(name, value, "earlier", *span, reason)
    search.used.difference_update(range(first, last + 1))  # the same words may speak of several parameters
