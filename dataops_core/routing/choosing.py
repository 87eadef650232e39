"""What a message chooses among workflows that were offered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dataops_core.routing.answers import is_cancel, is_no, is_yes

_ORDINALS: Final = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3}
_NONE: Final = re.compile(r"\s*(?:none|neither)(?: of (?:these|those|them|the two|the three))?[.! ]*", re.IGNORECASE)
_NUMBER: Final = re.compile(
    r"\s*(?:the\s+)?(?:[1-9]|first|second|third|last)(?:\s+one)?(?:\s+please)?[.)! ]*", re.IGNORECASE
)
_PICK: Final = re.compile(
    r"\s*(?:(?:the|number|nr\.?|no\.|option|#|i mean|use|with|take)\s*){0,4}"
    r"(?P<what>[1-9](?![0-9])|[A-Za-z0-9][A-Za-z0-9_-]{0,63})(?: one)?(?: please)?[.)!]?"
    r"(?:\s*$|\s*[,;:]\s*(?P<after>.*)|\s+(?P<rest>(?:with|on|for|but|and)\b.*))",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Pick:
    """What was chosen.

    Args:
        workflow: its name, or None when none of those offered is meant.
        rest: what the message says beyond that.
    """

    workflow: str | None
    rest: str = ""


def is_reply(text: str) -> bool:
    """Says whether a message is nothing but a reply to something: yes, no, cancel, none, a number."""
    return is_yes(text) or is_no(text) or is_cancel(text) or any(p.fullmatch(text) for p in (_NONE, _NUMBER))


def pick(text: str, offered: Sequence[str]) -> Pick | None:
    """Returns what a message chooses: a number, an ordinal, a name, yes for the first one, none; or None.

    Args:
        text: the message.
        offered: the workflows, as they were numbered.
    """
    if _NONE.fullmatch(text) or is_no(text) or is_cancel(text):
        return Pick(None)
    if is_yes(text):
        return Pick(offered[0])
    match = _PICK.match(text)
    if match is None:
        return None
    what = match["what"].lower().replace("-", "_")
    number = int(what) if what.isdigit() else _ORDINALS.get(what, len(offered) if what == "last" else 0)
    rest = (match["after"] or match["rest"] or "").strip()
    if what in offered:
        return Pick(what, rest)
    return Pick(offered[number - 1], rest) if 0 < number <= len(offered) else None
