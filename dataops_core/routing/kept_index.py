"""The index of a catalogue, kept in a file by the catalogue's hash: a thousand workflows take seconds to index."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zlib
from array import array
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from dataops_core.routing.index import (
    COMMON,
    DESCRIPTION_WEIGHT,
    EXTENSION_WEIGHT,
    WORD_SHARE,
    Index,
    Postings,
    index_of,
)
from dataops_core.routing.terms import STOP, words

#: An index of other rules is made anew. Raise the number when words, stems or features are made in another way.
_RULES: Final = [
    "1",
    WORD_SHARE,
    DESCRIPTION_WEIGHT,
    EXTENSION_WEIGHT,
    COMMON,
    len(STOP),
    sys.byteorder,
    array("I").itemsize,
]
_ARRAYS: Final = (("counts", "I"), ("starts", "I"), ("texts", "I"), ("weights", "f"), ("ends", "I"), ("lengths", "d"))
_FEW: Final = 30  # texts that are indexed sooner than a file is read and written


def kept_index(catalogue: Sequence[Sequence[str]], file: Path | None) -> Index:
    """Returns the index of a catalogue: the one that the file keeps, if it is of this catalogue, or a new one.

    A file that is missing, corrupt, unreadable or unwritable costs time and nothing else.

    Args:
        catalogue: for each workflow its texts.
        file: where it is kept, or None.
    """
    if file is None or sum(map(len, catalogue)) < _FEW:
        return _made(catalogue)
    key = hashlib.sha256(json.dumps([_RULES, catalogue]).encode("utf-8", "surrogatepass")).hexdigest()
    index = _read(file, key)
    if index is None:
        index = _made(catalogue)
        _write(file, key, index.postings)
    return index


def _made(catalogue: Sequence[Sequence[str]]) -> Index:
    return index_of([list(map(words, texts)) for texts in catalogue])


def _read(file: Path, key: str) -> Index | None:
    with suppress(OSError, ValueError, KeyError, RecursionError):
        header, _, body = file.read_bytes().partition(b"\n")
        told = json.loads(header)
        if not isinstance(told, dict) or told["key"] != key or told["crc32"] != zlib.crc32(body):
            return None
        features = body[: told["features"]].decode().split("\n")
        position = told["features"]
        arrays: dict[str, array[Any]] = {}
        for name, code in _ARRAYS:
            arrays[name] = array(code)
            arrays[name].frombytes(body[position : position + told[name]])
            position += told[name]
        return Index(Postings(features, **arrays))
    return None


def _write(file: Path, key: str, postings: Postings) -> None:
    parts = ["\n".join(postings.features).encode(), *(getattr(postings, name).tobytes() for name, _ in _ARRAYS)]
    body = b"".join(parts)
    told = {"key": key, "crc32": zlib.crc32(body), "features": len(parts[0])}
    told |= {name: len(part) for (name, _), part in zip(_ARRAYS, parts[1:], strict=True)}
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    with suppress(OSError):
        file.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with open(descriptor, "wb") as opened:
                opened.write(json.dumps(told).encode() + b"\n" + body)
            os.replace(temporary, file)
        except OSError:
            temporary.unlink(missing_ok=True)
