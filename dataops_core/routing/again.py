"""Messages that go back to what was run before in their session."""

from __future__ import annotations

import re
from typing import Final

_REPEATS: Final = re.compile(
    r"\s*(?:(?:no|ok|okay|so|please|now|and|then|actually|sorry|wait|hm+)\b[,.!]?\s*){0,4}"
    r"(?:(?:do|run|try|make) (?:it|that|this|the same)(?: thing)?(?: once)? (?:again|for|with|on)\b"
    r"|again\b|once (?:more|again)\b|re-?run\b|repeat\b|the same\b|same\b|another time\b"
    r"|(?:and |but |now |this time )?(?:with|for|on)\b|(?:what|how) about\b|i (?:meant|mean)\b|rather\b"
    r"|(?:use|try|take)\b.*\binstead\b|instead\b)",
    re.IGNORECASE,
)
_ADDS: Final = re.compile(r"\s*(?:and|also|but|now|then|plus|or)\b", re.IGNORECASE)
_REFERS: Final = re.compile(
    r"\b(?:again|same|before|previous|previously|last|earlier|instead|repeat|re-?run|once more|that (?:file|one)|it)\b",
    re.IGNORECASE,
)
_READ: Final = 2000  # characters


def repeats(text: str) -> bool:
    """Says whether a message, unless it clearly asks for something else, wants what was run last, done otherwise:
    "again with …", "the same for …", "what about …?", "no, I meant …".
    """
    return _REPEATS.match(text, 0, _READ) is not None


def adds(text: str) -> bool:
    """Says whether a message goes on from what was said before: "and the column month"."""
    return _ADDS.match(text) is not None


def refers_back(text: str) -> bool:
    """Says whether a message may speak of what was run before, so that it is worth looking up."""
    return _REFERS.search(text, 0, _READ) is not None or repeats(text) or adds(text)
