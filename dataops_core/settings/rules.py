"""The rules that values keep: each takes what a flag, a variable or YAML gives and returns it typed.

A rule raises ValueError with the rule in words ("a whole number from 1").
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

Rule = Callable[[Any], Any]
_ON = ("1", "true", "yes", "on")
_OFF = ("0", "false", "no", "off")


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("a text")
    return value


def url(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9+.-]*:[^\s\x00-\x1f]*", value):
        raise ValueError("a URL such as sqlite:////home/me/dataops.db")
    return value


def host(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\w.-]+|[0-9a-fA-F:.]+", value):
        raise ValueError("a host name or address")
    return value


def port(value: Any) -> int:
    # Kubernetes sets REDIS_PORT=tcp://10.0.0.1:6379 in every pod beside a service that is called redis.
    digits = re.fullmatch(r"(?:tcp://.*:)?(\d{1,5})", str(value))
    if not digits or not 0 < int(digits[1]) < 65536:
        raise ValueError("a port from 1 to 65535")
    return int(digits[1])


def flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).strip().lower() not in _ON + _OFF:
        raise ValueError("true or false")
    return str(value).strip().lower() in _ON


def whole(lowest: int) -> Rule:
    def rule(value: Any) -> int:
        number = re.fullmatch(r"\s*(\d{1,9})\s*", str(value))
        if isinstance(value, bool) or not number or int(number[1]) < lowest:
            raise ValueError(f"a whole number from {lowest}")
        return int(number[1])

    return rule


def seconds(lowest: float) -> Rule:
    what = "a number of seconds above 0" if lowest else "a number from 0"

    def rule(value: Any) -> float:
        try:
            number = float("nan" if isinstance(value, bool) else value)
        except (TypeError, ValueError):
            raise ValueError(what) from None
        if not lowest <= number < float("inf"):
            raise ValueError(what)
        return number

    return rule


def one_of(*allowed: str) -> Rule:
    by_name = {a.lower(): a for a in allowed}

    def rule(value: Any) -> str:
        if str(value).lower() not in by_name:
            raise ValueError(f"one of {', '.join(allowed)}")
        return by_name[str(value).lower()]

    return rule


def names(value: Any, separator: str = ",") -> tuple[str, ...]:
    items = value.split(separator) if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(i, str) for i in items):
        raise ValueError("a list of texts")
    return tuple(i.strip() for i in items if i.strip())


def disabled(value: Any) -> tuple[str, ...]:
    if isinstance(value, bool | int):
        value = str(value)
    if isinstance(value, str) and value.strip().lower() in _ON + _OFF:
        return ("*",) if value.strip().lower() in _ON else ()
    return names(value)


def path(value: Any) -> Path:
    try:
        if "://" in text(value):  # it would be taken for a folder below this one
            raise ValueError
        return Path(os.path.abspath(Path(value).expanduser()))
    except (OSError, RuntimeError, ValueError):
        raise ValueError("a folder") from None


def paths(value: Any) -> tuple[Path, ...]:
    if isinstance(value, str) and re.search(r"(?:^|:)[A-Za-z][\w+.-]*://", value):
        raise ValueError("a list of folders")  # split at its colon, a URL would be two
    return tuple(path(p) for p in names(value, os.pathsep))


def choices(value: Any) -> Mapping[str, str]:
    pairs = dict(p.partition("=")[::2] for p in names(value)) if isinstance(value, str) else value
    if not isinstance(pairs, Mapping) or not all(isinstance(x, str) and x for kv in pairs.items() for x in kv):
        raise ValueError("`group:name` and the distribution to take it from")
    return MappingProxyType({k.strip(): v.strip() for k, v in pairs.items()})
