"""Paths of files and URIs."""

from __future__ import annotations

import os
from dataclasses import dataclass

from dataops_core.contracts.manifest import Manifest, Parameter
from dataops_core.routing.extraction.phrases import CERTAIN, Scores, assigned, named, sides
from dataops_core.routing.extraction.search import Search, either
from dataops_core.routing.terms import STOP, stem, words
from dataops_core.routing.tokens import extension, is_path, is_uri

_LOOKUPS = 200  # texts at most that are looked up as files
_WORDS = 5  # of a name with spaces that stands without quotes
_TARGETS = frozenset("output out target destination dest to sink result export".split())
_OLD_NEW = (("left", "right"), ("old", "new"), ("before", "after"), ("first", "second"), ("source", "target"),
            ("from", "to"), ("input", "output"), ("expected", "actual"), ("baseline", "current"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Place:
    text: str
    start: int
    end: int
    first: int
    last: int
    exists: bool


def located(search: Search) -> None:
    """Fills `uri` and `file_path` parameters. Precision 1.00 on our own rows (153 of 153).

    A URI for the one open `uri`; a path for the one open `file_path`: an existing file, also one with spaces in its
    name, or what is written like a path, so that the run can say that it does not exist. "The one open" is the only one
    of its type without a value, or the only required one. With several, words beside a path tell which ("schema
    s.json"), or "to" before the one that is written; otherwise they are suggested in their order.
    """
    free = [at for at in search.free() if search.tokens[at].text]
    local = [_of(search, at, at) for at in free if search.low[at].startswith("file:/")]
    free = [at for at in free if not search.low[at].startswith("file:/")]
    uris = [_of(search, at, at) for at in free if is_uri(search.tokens[at].text)]
    _place(search, uris, "uri", "uri")
    if not (wanted := search.of_type("file_path")):
        return
    for place in local:
        search.note(f"{place.text!r:.80} is a URI; give the path of the file itself: {_local(place.text):.80}")
    spaced = _spaced(search, free)
    inside = {at for place in spaced for at in range(place.first, place.last + 1)}
    written = [_of(search, at, at) for at in free if at not in inside and is_path(_bare(search, at))]
    paths = sorted(spaced + written, key=lambda place: place.start)
    if paths:
        _place(search, paths, "file_path", "existing path" if all(place.exists for place in paths) else "path")
        return
    # A file with a name like "orders" is found too, unless the word is one that the workflow is asked for with.
    own = {stem(word) for text in _texts(search.manifest) for word in words(text)} if search.cwd is not None else set()
    plain = [
        at
        for at in free
        if search.cwd is not None
        and (search.tokens[at].quoted or not (search.low[at] in STOP or stem(search.low[at]) in own))
    ]
    _place(
        search,
        [place for at in plain[:_LOOKUPS] if (place := _of(search, at, at)).exists],
        "file_path",
        "existing path",
    )
    if uris and all(p.type != "uri" for p in search.manifest.parameters) and search.of_type("file_path") == wanted:
        search.note(f"{uris[0].text!r:.80} is no path of a file; {either(wanted)} is one")


def _place(search: Search, found: list[_Place], kind: str, rule: str) -> None:
    found = list({place.text: place for place in reversed(found)}.values())[::-1]
    slots = search.of_type(kind)
    if not found or not slots:
        return
    if len(slots) > 1:
        found = _by_words(search, found, slots, rule)
        slots = search.of_type(kind)
    required = [p for p in slots if p.required]
    slots = required if len(required) == 1 else slots
    if not found or not slots:
        return
    if len(slots) == len(found) == 2 and (pair := _ordered(slots)):
        for parameter, place in zip(pair, found, strict=True):
            search.suggest(parameter.name, place.text, rule, place.start, place.end, "in the order of the query")
        search.note(f"{found[0].text!r:.80} and {found[1].text!r:.80} could be {either(slots)}; say {slots[0].name}=…")
    elif search.one((place.text for place in found), f"several could be {either(slots)}"):
        if len(slots) == 1:
            search.fill(slots[0].name, found[0].text, rule, found[0].start, found[0].end)
        else:
            search.note(f"{found[0].text!r:.80} could be {either(slots)}; say {slots[0].name}=…")


def _by_words(search: Search, found: list[_Place], slots: list[Parameter], rule: str) -> list[_Place]:
    """Fills the parameters that are named beside a path, and returns the paths that are left."""
    stops = {at for place in found for at in range(place.first, place.last + 1)}
    scores: Scores = {}
    for index, place in enumerate(found):
        before, _ = sides(search, place.first, place.last, stops)
        lead = search.low[place.first - 1] if place.first else ""
        for parameter in slots:
            parts = [part for part in parameter.name.split("_") if part not in ("file", "path", "filename")]
            score = named([word for word in before if word not in ("file", "path")], _renamed(parameter, parts))
            if lead in ("to", "into") and len(found) > 1 and set(parts) & _TARGETS:
                score = 1.0
            if parts and score >= CERTAIN:
                scores[index, parameter.name] = score
    given = set()
    for index, parameter, _ in assigned(search, scores, [place.text for place in found]):
        search.fill(parameter.name, found[index].text, rule, found[index].start, found[index].end)
        given.add(index)
    return [place for index, place in enumerate(found) if index not in given]


def _renamed(parameter: Parameter, parts: list[str]) -> Parameter:
    return Parameter("_".join(parts) or parameter.name, parameter.type)


def _ordered(slots: list[Parameter]) -> list[Parameter] | None:
    """Returns two parameters in the order in which people name them, when their names tell it."""
    for pair in _OLD_NEW:
        found = [next((p for p in slots if word in p.name.split("_")), None) for word in pair]
        if None not in found:
            return [p for p in found if p is not None]
    return slots


def _spaced(search: Search, free: list[int]) -> list[_Place]:
    """Returns the existing files whose names have spaces and stand without quotes, the longest names."""
    if search.cwd is None:
        return []
    found: list[_Place] = []
    unread = set(free)
    ends = [at for at in free if not search.tokens[at].quoted and extension(search.tokens[at].text)]
    for last in ends[: _LOOKUPS // _WORDS]:
        for first in range(max(0, last - _WORDS), last):
            joint = range(first, last + 1)
            if unread.issuperset(joint) and not any(search.tokens[at].quoted for at in joint):
                place = _of(search, first, last)
                if place.exists:
                    found.append(place)
                    break
    return found


def _of(search: Search, first: int, last: int) -> _Place:
    start, end = search.tokens[first].start, search.tokens[last].end
    text = _bare(search, first) if first == last else search.query[start:end]
    return _Place(text, start, end, first, last, _exists(text, search.cwd))


def _local(uri: str) -> str:
    path = uri[5:]
    return path[path.find("/", 2) :] if path.startswith("//") else path


def _bare(search: Search, at: int) -> str:
    token = search.tokens[at]
    return token.text[1:] if token.text.startswith("@") and not token.quoted else token.text


def _exists(text: str, cwd: str | os.PathLike[str] | None) -> bool:
    if cwd is None or len(text) > 4096 or "\0" in text:
        return False
    try:
        return os.path.isfile(os.path.join(cwd, os.path.expanduser(text)))
    except ValueError:  # half of a surrogate pair
        return False


def _texts(manifest: Manifest) -> list[str]:
    return [manifest.name, manifest.description, *manifest.capabilities, *manifest.example_queries]
