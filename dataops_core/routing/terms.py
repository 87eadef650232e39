"""What the router compares: words, their stems, and the features made of them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

from dataops_core.routing.tokens import READ, extension, is_path, is_uri, tokens

WORDS: Final = 2000
"""Words of a text that are read."""

STOP: Final = frozenset(
    """a about all also am an and any are as at be been but by can could did do does doing done dont each for from get
    gets give go got had has have having hello help here hey hi how i id if ill im in into is it its ive just kind know
    let lets like look make many may me might more most much must my need no not now of off ok on one only or other our
    out over own per please put really run same see shall she he should show so some such take tell than thank thanks
    that thats the their them then there these they thing things this those to too try up us use using very want was
    we well were what whats when where which while who whom whose why will wish with would yes yet you your""".split()
)
"""Words that say nothing about what is wanted."""

ORDERS: Final = frozenset(
    """abort add alter append archive assign buy cancel change clear commit compile convert copy create delete deploy
    drop edit email erase execute export fix format grant import insert install kill load mail merge migrate modify move
    optimize order patch pay post print publish push remove rename repair replace reset restart restore save schedule
    send stop submit sync train transfer translate truncate uninstall update upgrade upload write""".split()
)
"""Verbs that order a change, where they begin a query."""

_POLITE: Final = frozenset(
    """please kindly can could would will you i we id want need like to now then and so just ok hey hi let lets
    us""".split()
)

_WORD = re.compile(r"[^\W_]+")
_SPECIAL = re.compile(r"[/\\=]|\.\w")  # without these there is no path, URI or key
_LETTERS = 64  # of a word; longer ones are noise, and their character grams would be many
_GRAMS = (3, 4)
_ENDINGS = (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", "e"), ("s", ""))


def words(text: str) -> list[str]:
    """Returns the words of a text in lower case, at most `WORDS`.

    A path or URI becomes its extension (`orders.csv` is ".csv") or nothing: file names must not route.
    """
    if not _SPECIAL.search(text, 0, READ):
        return [word[:_LETTERS] for word in _WORD.findall(_plain(text[:READ]))[:WORDS]]
    found: list[str] = []
    for token in tokens(text):
        if token.key:
            found += _WORD.findall(token.key.lower())
        if is_uri(token.text) or is_path(token.text):
            ending = extension(token.text)
            found += ["." + ending] if ending else []
        elif token.text[:1] == "." and extension(token.text):
            found.append(token.text.lower())
        else:
            found += [word[:_LETTERS] for word in _WORD.findall(_plain(token.text))]
        if len(found) >= WORDS:
            break
    return found[:WORDS]


@lru_cache(maxsize=10_000)
def stem(word: str) -> str:
    """Returns an English word without its commonest endings; other words as they are."""
    if len(word) < 4 or not word.isascii():
        return word
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            if ending == "s" and word[-2] in "su":
                break
            word = word[: -len(ending)] + instead
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def is_content(word: str) -> bool:
    """Says whether a word of `words()` may decide: no stop word, number, single letter or extension."""
    return len(word) > 1 and word not in STOP and word[0] != "." and not word.isdigit()


def telling(text: Sequence[str]) -> list[tuple[str, str]]:
    """Returns the words that say what is wanted, each once, with their stems: content words and extensions."""
    return [(word, stem(word)) for word in dict.fromkeys(text) if is_content(word) or word[0] == "."]


def order_of(text: Sequence[str]) -> str | None:
    """Returns the verb of `ORDERS` that the words of a query begin with, politeness aside, or None."""
    first = next((word for word in text[:8] if word not in _POLITE), None)
    return first if first in ORDERS else None


def word_features(text: Sequence[str]) -> Counter[str]:
    """Counts the stems of the words, and their pairs."""
    stems = [stem(word) for word in text]
    counts = Counter(stems)
    counts.update(f"{a} {b}" for a, b in pairwise(stems))
    return counts


def character_features(text: Sequence[str]) -> Counter[str]:
    """Counts the runs of 3 and 4 characters within words, borders included."""
    return Counter([gram for word in text for gram in _grams(word)])


@lru_cache(maxsize=10_000)
def _grams(word: str) -> tuple[str, ...]:
    if word[0] == ".":
        return ()
    padded = f" {word} "
    return tuple("#" + padded[i : i + size] for size in _GRAMS for i in range(len(padded) - size + 1))


def _plain(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("’", "")
    return text.replace("'", "").lower()
