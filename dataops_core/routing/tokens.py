"""A query cut into tokens with their spans: bare words, quoted strings, `key=value`, paths and URIs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

READ: Final = 100_000
"""Characters of a query that are read. Callers say so when there were more."""

URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{0,20}://\S+")

# Every repetition is bounded or stops at its own opening character, so that a hostile query costs linear time.
_TOKEN = re.compile(
    r"""[(<,;]{0,4}
    (?:(?:--)?(?P<key>KEY)[ ]{0,4}=(?!=)(?:[ ]{1,4}(?!KEY=))?)?
    (?: "(?P<double>[^"]*)" | '(?P<single>[^'\n]*)'(?!\w) | `(?P<tick>[^`]*)` | “(?P<curly>[^“”]*)”
      | (?P<bare>(?:\\[ ](?=\S)|(?!,KEY=)\S)+) )""".replace("KEY", r"[A-Za-z_][A-Za-z0-9_-]{0,63}"),
    re.VERBOSE,
)
_QUOTED = ("double", "single", "tick", "curly")
_EXTENSION = re.compile(r"\.([a-z0-9]{1,8})(?:\.(?:gz|bz2|xz|zst|zip))?$")
_KNOWN = frozenset(
    "csv tsv psv txt dat json jsonl ndjson geojson parquet pq feather arrow avro orc xls xlsx ods xml html htm pdf md "
    "rst sql ddl jil yaml yml toml ini cfg conf env log py ipynb sh r gz bz2 xz zst zip tar tgz db sqlite sqlite3 "
    "duckdb png jpg jpeg svg proto xsd".split()
)
_ABSOLUTE = re.compile(r"(?:/|~[\w.-]{0,64}/|\.{1,2}/|\\\\|[A-Za-z]:[\\/])\S")
_NO_PATH = re.compile(r"[\x00-\x1f<>|\"*=;]")


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a query.

    Args:
        text: without quotes, and without punctuation around a bare word; "\\ " in it is a space.
        start, end: where it stands in the query, its key and quotes included.
        key: what stands before its equals sign, with "_" for "-", or "".
        quoted: whether quotes or backticks stand around it.
    """

    text: str
    start: int
    end: int
    key: str = ""
    quoted: bool = False


def tokens(query: str) -> Iterator[Token]:
    """Yields the tokens of a query in order, reading at most `READ` characters."""
    query = query[:READ]
    position = 0
    while match := _TOKEN.search(query, position):
        position = match.end()
        key = (match["key"] or "").replace("-", "_")
        kind = match.lastgroup or ""
        if kind in _QUOTED:
            yield Token(match[kind], match.start("key") if key else match.start(kind) - 1, position, key, True)
            continue
        text, start = match["bare"], match.start("bare")
        if key and text[0] in "[{" and (end := _json_end(query, start)):
            position = end
            yield Token(query[start:end], match.start("key"), end, key)
            continue
        text = text.rstrip(".,;:!?'\"")
        while text.endswith(")") and "(" not in text:
            text = text[:-1].rstrip(".,;:!?'\"")
        if text or key:
            yield Token(text.replace("\\ ", " "), match.start("key") if key else start, start + len(text), key)


def is_uri(text: str) -> bool:
    """Says whether the text is a URI with `scheme://`."""
    return "://" in text and URI.fullmatch(text) is not None


def extension(text: str) -> str:
    """Returns the known file extension that the text ends with ("csv" also for "a.csv.gz"), or ""."""
    match = _EXTENSION.search(text[-32:].lower())
    return match[1] if match and match[1] in _KNOWN else ""


def is_path(text: str) -> bool:
    """Says whether the text is written as a path: a known extension, a leading `/`, `~/`, `./`, or several parts.

    Nothing is looked up on disk. "and/or", "24/7" and "3/15/2020" are no paths.
    """
    if not text or len(text) > 4096 or _NO_PATH.search(text) or is_uri(text):
        return False
    if _ABSOLUTE.match(text):
        return True
    if extension(text):
        return not re.fullmatch(r"\.[A-Za-z0-9]+", text)
    parts = text.split("/")
    if len(parts) == 1 or any(character.isspace() for character in text):
        return False
    return (len(parts) > 2 or "_" in text or "." in text) and any(c.isalpha() for c in text) and all(parts)


def _json_end(text: str, start: int) -> int:
    try:
        return json.JSONDecoder().raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return 0
