"""The rules that the values of calls keep; each breach is an InvalidValue that names the thing and the rule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from dataops_core.errors import InvalidValue

#: No time lies further ahead than this, about three thousand years.
MOST_SECONDS: Final = 1e11


def text(what: str, value: Any, most: int) -> str:
    """Returns a text of 1 to `most` bytes of UTF-8."""
    try:
        if isinstance(value, str) and 0 < len(value.encode()) <= most:
            return value
    except UnicodeEncodeError:
        raise InvalidValue(f"{what} is not valid Unicode") from None
    told = type(value).__name__ if not isinstance(value, str) else repr(value[:60])
    raise InvalidValue(f"{what} is a text of 1 to {most} bytes, not {told}")


def seconds(what: str, value: Any) -> float:
    """Returns a number of seconds above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST_SECONDS:
        raise InvalidValue(f"{what} is a number of seconds above 0, not {value!r:.40}")
    return value


def whole(what: str, value: Any, least: int = 1) -> int:
    """Returns a whole number from `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidValue(f"{what} is a whole number from {least}, not {value!r:.40}")
    return value


def ids(what: str, value: Any) -> tuple[str, ...]:
    """Returns several ids; a single text is none."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise InvalidValue(f"{what} is a list of ids, not {value!r:.60}")
    return tuple(text(f"an id of {what}", item, 1_000) for item in value)
