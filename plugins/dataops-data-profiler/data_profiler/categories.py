"""Categories that are probably one: they differ by case, spaces, accents, punctuation or a slip of the finger."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from data_profiler.engine import Engine
from data_profiler.privacy import shown

#: A column with more distinct values than this is no list of categories.
MOST_CATEGORIES = 1000
_MOST_GROUPS = 20


def variants(engine: Engine, distinct: int, total: int) -> list[dict[str, Any]]:
    """Returns groups of near-duplicate categories of `counts(v, n, r)`, the commonest spelling first.

    Args:
        engine: with the table `counts`.
        distinct: how many values it holds.
        total: how many rows have one.
    """
    if not 2 <= distinct <= MOST_CATEGORIES or distinct > 0.8 * total:
        return []
    counts = dict(engine.rows("SELECT v, n FROM counts ORDER BY n DESC, v"))
    groups: dict[str, list[str]] = {}
    for value in counts:
        groups.setdefault(_folded(value), []).append(value)
    same = [members for folded, members in groups.items() if len(members) > 1 and folded]
    found = [_group(members, counts, _difference(members)) for members in same]
    taken = {member for members in same for member in members[1:]}
    found += [_group(pair, counts, "spelling") for pair in _slips(engine, taken)]
    return sorted(found, key=lambda g: -sum(v["count"] for v in g["values"][1:]))[:_MOST_GROUPS]


def _slips(engine: Engine, taken: set[str]) -> list[list[str]]:
    """Pairs that differ by one or two letters, one of them rare: (right, wrong)."""
    pairs = engine.rows(
        "SELECT a.v, b.v FROM counts a, counts b WHERE a.n >= 5 AND b.n * 5 <= a.n AND length(a.v) BETWEEN 5 AND 60"
        " AND abs(length(a.v) - length(b.v)) <= 2 AND lower(a.v) <> lower(b.v)"
        " AND damerau_levenshtein(lower(a.v), lower(b.v)) <= CASE WHEN length(a.v) >= 9 THEN 2 ELSE 1 END"
        " ORDER BY a.n DESC, a.v, b.v LIMIT 200"
    )
    out, seen = [], set(taken)
    for right, wrong in pairs:
        if wrong not in seen and _is_slip(right, wrong):
            out.append([right, wrong])
            seen.add(wrong)
    return out


def _is_slip(right: str, wrong: str) -> bool:
    # "Parking 1" and "Parking 2", or "Type A" and "Type B", are different on purpose.
    if re.sub(r"\D", "", right) != re.sub(r"\D", "", wrong):
        return False
    ours, theirs = right.casefold().split(), wrong.casefold().split()
    if len(ours) != len(theirs):
        return right.casefold().replace(" ", "") == wrong.casefold().replace(" ", "")
    different = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    return len(different) == 1 and min(map(len, different[0])) >= 4


def _folded(value: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", value) if not unicodedata.combining(c))
    words = re.sub(r"[^\w+#]|_", " ", plain.casefold()).split()
    return "".join(words) if any(c.isalpha() for c in plain) else value


def _difference(members: list[str]) -> str:
    if len({m.casefold() for m in members}) == 1:
        return "case"
    if len({"".join(m.casefold().split()) for m in members}) == 1:
        return "spaces"
    accents = {
        "".join(c for c in unicodedata.normalize("NFKD", m) if not unicodedata.combining(c)).casefold() for m in members
    }
    return "accents" if len(accents) == 1 else "punctuation"


def _group(members: list[str], counts: dict[str, int], reason: str) -> dict[str, Any]:
    return {"reason": reason, "values": [{"value": shown(m), "count": counts[m]} for m in members[:10]]}
