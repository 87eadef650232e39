"""Strings that stand out: quoted, shaped like an identifier, an address, or as in the manifest's examples."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from dataops_core.contracts.manifest import Parameter
from dataops_core.routing.extraction.cues import FUNCTION, cues_of, root
from dataops_core.routing.extraction.phrases import CERTAIN, SURE, Scores, assigned, named, shares, sides
from dataops_core.routing.extraction.search import Search, either
from dataops_core.routing.terms import stem
from dataops_core.routing.tokens import is_path, is_uri, tokens

# Letters with an underscore, a digit, a dot, two capitals or a capital inside: what plain words have none of.
_IDENTIFIER = re.compile(
    r"(?=\S{0,80}(?:_|[0-9]|\.\w|[A-Z]{2}|[a-z][A-Z]))#?[A-Za-z0-9](?:[\w.\-/#+]{0,78}[\w#+])?",
    re.ASCII,
)
_STRONG = re.compile(r"[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+", re.ASCII)
_SHAPES = (re.compile(r"[A-Z0-9]+(?:_[A-Z0-9]+)+"), re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+"))
_MAIL = re.compile(r"[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,6}")
_URL: Final = frozenset(map(root, "url uri link website endpoint".split()))
_MAIL_NAMES: Final = frozenset(map(root, "email mail".split()))
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def quoted(search: Search) -> None:
    """Fills strings and enums with what stands in quotes.

    Precision 1.00 on the developers' rows (9 of 9) and on ours (2 of 2). A choice of the one enum that has it; beside
    the words of a string's name that string; else the one open string. For the one required string among others it is
    a suggestion. Several are noted.
    """
    rest = [at for at in search.free() if search.tokens[at].quoted and search.tokens[at].text.strip()]
    if any(p.type == "file_path" for p in search.manifest.parameters):
        rest = [at for at in rest if not is_path(search.tokens[at].text)]
    texts = []
    for at in rest:
        token = search.tokens[at]
        enums = [p for p in search.of_type("enum") if search.low[at] in {str(c).lower() for c in p.choices}]
        if len(enums) == 1:
            search.fill(enums[0].name, token.text, "quoted", token.start, token.end)
        elif not _DATE.fullmatch(token.text) and not is_uri(token.text):
            texts.append(at)
    texts = _cued(search, texts, search.of_type("string"), "quoted")
    slots = search.of_type("string")
    if not texts or not slots or search.of_type("list"):
        return
    if search.one((search.tokens[at].text for at in texts), "several quoted strings could be " + either(slots)):
        token = search.tokens[texts[0]]
        required = [p for p in slots if p.required]
        if len(slots) == 1:
            search.fill(slots[0].name, token.text, "quoted", token.start, token.end)
        elif len(required) == 1:
            search.suggest(required[0].name, token.text, "quoted", token.start, token.end, "it is quoted")
        else:
            search.note(f"{token.text!r:.80} could be {either(slots)}; say {slots[0].name}=…")


def identifiers(search: Search) -> None:
    """Fills strings with a word shaped like an identifier beside the words of their name.

    Precision 1.00 on the developers' rows (6 of 6) and on ours (8 of 8). "case number CA123456", "column order_id",
    "the table named SALES". One that is alone with the one open required string is a suggestion.
    """
    slots = [p for p in search.of_type("string") if not p.choices]
    if not slots:
        return
    found = [at for at in search.free() if _is_identifier(search, at)]
    left = _cued(search, found, slots, "identifier")
    slots = [p for p in search.of_type("string") if p.required]
    strong = [at for at in left if _STRONG.fullmatch(search.tokens[at].text)]
    if len(slots) == 1 and len({search.tokens[at].text for at in strong}) == 1:
        token = search.tokens[strong[0]]
        search.suggest(slots[0].name, token.text, "identifier", token.start, token.end, "it is the only name")


def addresses(search: Search) -> None:
    """Fills a string that is named so with the one URL or e-mail address. Precision 1.00 on our rows (1 of 1)."""
    strings = search.of_type("string")
    for names, matches in ((_URL, is_uri), (_MAIL_NAMES, _is_mail)):
        slots = [
            p for p in strings if p.name in search.open and not names.isdisjoint(cues_of(p.name, p.description).name)
        ]
        found = [at for at in search.free() if matches(search.tokens[at].text)] if len(slots) == 1 else []
        if len({search.tokens[at].text for at in found}) == 1:
            token = search.tokens[found[0]]
            search.fill(slots[0].name, token.text, "address", token.start, token.end)


def exemplified(search: Search) -> None:
    """Fills a string that stands where the manifest's own examples have it, or is written as its example is.

    Precision 1.00 on our own rows (11 of 11). With `example: revenue` and the example query "Which columns feed revenue
    in report.sql?", the words around it tell where the value is: "feed … in". Both neighbours must be the same ones;
    for a value shaped like an identifier the one before it is enough. With `example: LOAD_CUSTOMERS` the only name in
    capitals with underscores is the value, when no other string has such an example.
    """
    slots = [p for p in search.of_type("string") if isinstance(p.example, str) and not p.choices]
    shapes = [next((shape for shape in _SHAPES if shape.fullmatch(p.example)), None) for p in slots]
    for parameter, shape in zip(slots, shapes, strict=True):
        shaped = _IDENTIFIER.fullmatch(parameter.example) is not None
        frames = _frames(parameter.example, search.manifest.example_queries)
        hits = [at for at in search.free() if frames and _framed(search, at, frames, shaped=shaped)]
        if not hits and shape is not None and shapes.count(shape) == 1:
            hits = [at for at in search.free() if shape.fullmatch(search.tokens[at].text)]
        joined = [
            at + 2 for at in hits if search.low[at + 1 : at + 2] in (["and"], ["or"]) and at + 2 < len(search.low)
        ]
        hits += [at for at in joined if _is_identifier(search, at)]
        if len({search.tokens[at].text for at in hits}) == 1:
            token = search.tokens[hits[0]]
            search.fill(parameter.name, token.text, "example", token.start, token.end)


@lru_cache(maxsize=512)
def _frames(example: str, queries: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    """Returns the words before and after an example value in the example queries."""
    found = set()
    for query in queries[:50]:
        words = [token.text for token in tokens(query)][:60]
        for at, word in enumerate(words):
            if word == example and at:
                found.add((stem(words[at - 1].lower()), _kind(words[at + 1] if at + 1 < len(words) else "")))
    return frozenset(found)


def _kind(word: str) -> str:
    return "<path>" if is_path(word) else stem(word.lower())


def _framed(search: Search, at: int, frames: frozenset[tuple[str, str]], *, shaped: bool) -> bool:
    word = search.low[at]
    if at == 0 or search.apart[at] or word in FUNCTION or is_path(word) or not re.fullmatch(r"[\w.\-$#]{1,128}", word):
        return False
    following = search.low[at + 1] if at + 1 < len(search.low) and not search.apart[at + 1] else ""
    before, after = stem(search.low[at - 1]), _kind(following)
    if _is_identifier(search, at):
        return any(before == lead for lead, _ in frames)
    return not shaped and (before, after) in frames


def _is_identifier(search: Search, at: int) -> bool:
    token = search.tokens[at]
    if token.quoted or not _IDENTIFIER.fullmatch(token.text) or is_path(token.text) or is_uri(token.text):
        return False
    return not (at in search.counted and (len(token.text) < 5 or not token.text.isdigit()))


def _is_mail(text: str) -> bool:
    return _MAIL.fullmatch(text) is not None


def _cued(search: Search, found: list[int], slots: list[Parameter], rule: str) -> list[int]:
    """Fills strings whose names stand beside a token, and returns the tokens that are left."""
    scores: Scores = {}
    stops = set(found)
    shared: list[str] = []
    for index, at in enumerate(found):
        before, after = sides(search, at, at, stops)
        if index and not before and shares(search, found[index - 1], at):
            before = shared
        shared = before
        for parameter in slots:
            score = max(named(before, parameter), 0.75 * named(after, parameter) if rule == "quoted" else 0.0)
            if score >= (SURE if parameter.required and rule == "identifier" else CERTAIN):
                scores[index, parameter.name] = score
    given = set()
    for index, parameter, _ in assigned(search, scores, [search.tokens[at].text for at in found]):
        token = search.tokens[found[index]]
        search.fill(parameter.name, token.text, rule, token.start, token.end)
        given.add(index)
    return [at for index, at in enumerate(found) if index not in given]
