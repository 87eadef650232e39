"""Questions about DataOps itself, which no workflow answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

Meta = Literal["capabilities", "recall"]

_WORDS: Final = 15  # a longer query is no meta question
_POLITE: Final = r"(?:(?:hi|hello|hey|ok|okay|so|please|and|now|well) )*"
_CAPABILITIES: Final = re.compile(
    _POLITE + r"(?:"
    r"help(?: me)?(?: please)?|commands|capabilities|workflows|list"
    r"|what(?: all| else)? (?:can|could|do) (?:you|i|we|dataops|this|it) (?:do|ask|run|offer)"
    r"(?: you)?(?: for)?(?: (?:me|us|here))?"
    r"|what (?:are you able to do|is dataops|is this|are you|are your (?:capabilities|skills|workflows))"
    r"|(?:show|tell) me what (?:you|it|this|dataops) can do|who are you"
    r"|how (?:does (?:this|it|dataops) work|do i use (?:this|it|you|dataops)|can you help(?: me| us)?)"
    r"|(?:list|show|show me|give me|tell me|what|which)(?: (?:all|of|the|your|available|installed|are|me|a|list))*"
    r" (?:workflows|capabilities|commands|skills)"
    r"(?: (?:are|is|do|can|could|have|there|available|installed|you|i|we|run|use|ask|for|exist|known|offer|please))*"
    r")"
)
_LAST: Final = r"(?:last time|the last time|before|earlier|previously|so far|just now|in the last run|last|until now)"
_RECALL: Final = re.compile(
    _POLITE + r"(?:"
    r"what (?:did|have) (?:you|we|it|i) (?:just )?(?:find|found|do|done|say|said|run|tell me|conclude)(?: out)?"
    rf"(?: {_LAST})?"
    r"|what (?:was|were|is) (?:the|your|our|my) (?:last|latest|previous|earlier) (?:results?|answer|run|findings?)"
    r"|(?:show|tell|give)(?: me)?(?: again)? (?:the|your|our|my) (?:last|latest|previous)"
    r" (?:results?|answer|run|findings)(?: again)?"
    rf"|what happened(?: {_LAST})?|what (?:came|came out) of it|where (?:were|are) we|where did we (?:stop|leave off)"
    rf"|(?:remind me )?what we (?:did|found|were doing)(?: {_LAST})?"
    r")"
)


def meta(words: Sequence[str], *, mark: str = "") -> Meta | None:
    """Returns what a query asks about DataOps itself, or None.

    Args:
        words: of the query.
        mark: the query itself, where it may be nothing but a question mark.

    Returns:
        "capabilities" for what it can do, "recall" for what it found before.
    """
    if mark in ("?", "/?"):
        return "capabilities"
    if not words or len(words) >= _WORDS:
        return None
    said = " ".join(words)
    if _CAPABILITIES.fullmatch(said):
        return "capabilities"
    return "recall" if _RECALL.fullmatch(said) else None
