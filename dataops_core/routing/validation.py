"""Values for a workflow's parameters, made of the manifest's types or refused with the rule that they break."""

from __future__ import annotations

import errno
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import PurePath
from reprlib import Repr
from typing import Any, Final

from dataops_core.contracts.manifest import Manifest, Parameter
from dataops_core.errors import InvalidValue, nearest
from dataops_core.routing.tokens import URI

PATTERN_LENGTH: Final = 1000
"""Characters at most of a value that is matched with a pattern: the pattern is the author's, the value is anybody's."""

VALUES_BYTES: Final = 300_000
"""Bytes of JSON that the values of a run have at most: they are a part of its record."""

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DIGITS: Final = 19  # of 64 bits
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/.*)?", re.DOTALL)
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class _Refused(ValueError):
    """A value that breaks a rule; its text is the rule, said so that it follows "must be"."""


def validate(
    values: Mapping[str, Any],
    manifest: Manifest,
    *,
    cwd: str | os.PathLike[str] | None = None,
    allowed_paths: Iterable[str | os.PathLike[str]] | None = None,
) -> dict[str, Any]:
    """Checks values and makes them of the manifest's types. Validating the result again changes nothing.

    Texts become what the type says ("100" an integer, "a,b" or "[1, 2]" a list, "{...}" an object); other values must
    be of the type already. None counts as not given. A parameter that is not required and not given gets its default;
    one that is required never does, and its absence is no error here: see `Manifest.missing`.

    Args:
        cwd: what relative paths start from; None is the working directory of the process.
        allowed_paths: folders and files that a `file_path` may lie in once symbolic links are followed; its value then
            is the path without links. None means anywhere. A path need not exist.

    Returns:
        JSON-able values by name, in the manifest's order: a date as YYYY-MM-DD, a path absolute.

    Raises:
        InvalidValue: an unknown name (with the nearest one), or a value that breaks a rule. `details` has `parameter`
            and `rule`.
    """
    known = {p.name for p in manifest.parameters}
    for name in values:
        if name not in known:
            hint = nearest(str(name)[:80], known) or f"it has {', '.join(sorted(known)) or 'none'}"
            message = f"{manifest.name} has no parameter {_shown(name)}"
            raise InvalidValue(message, hint=hint, details={"parameter": str(name)[:80]})
    paths = _Paths(cwd, allowed_paths)
    checked = {}
    for parameter in manifest.parameters:
        value = values.get(parameter.name)
        if value is None and not parameter.required:
            value = parameter.default
        if value is not None:
            checked[parameter.name] = _checked(value, parameter, paths)
    sizes = {name: len(json.dumps(value, ensure_ascii=False).encode()) for name, value in checked.items()}
    if sum(sizes.values()) > VALUES_BYTES:
        largest = max(sizes, key=lambda name: sizes[name])
        raise InvalidValue(
            f"{largest} has {sizes[largest]} bytes; the values of a run have at most {VALUES_BYTES} together",
            hint="put what is large into a file, and give its path to a workflow that takes one",
            details={"parameter": largest, "rule": f"at most {VALUES_BYTES} bytes with all others"},
        )
    return checked


def _checked(value: Any, parameter: Parameter, paths: _Paths) -> Any:
    try:
        return _coerced(value, parameter, paths)
    except _Refused as refused:
        rule = f"must be {refused}"
        example = f"for example {parameter.name}={parameter.example}" if parameter.example is not None else ""
        details = {"parameter": parameter.name, "rule": rule}
        raise InvalidValue(f"{parameter.name}: {_shown(value)} {rule}", hint=example, details=details) from None


def _coerced(value: Any, parameter: Parameter, paths: _Paths) -> Any:
    if parameter.type == "list":
        return _list(value, parameter, paths)
    if parameter.type == "enum":
        return _choice(value, parameter.choices)
    result = paths.absolute(value) if parameter.type == "file_path" else _COERCE[parameter.type](value)
    if parameter.choices and isinstance(result, str):
        result = _choice(result, parameter.choices)
    elif parameter.choices and result not in parameter.choices:
        raise _Refused(f"one of {', '.join(map(str, parameter.choices))[:200]}")
    if isinstance(result, str):
        if parameter.type in ("string", "uri"):
            _bounds(len(result), parameter, " characters long")
        if parameter.pattern is not None:
            if len(result) > PATTERN_LENGTH:
                raise _Refused(f"at most {PATTERN_LENGTH} characters long")
            if not re.fullmatch(parameter.pattern, result):
                raise _Refused(f"like the pattern {parameter.pattern}")
    elif not isinstance(result, bool) and isinstance(result, int | float):
        _bounds(result, parameter, "")
    return result


def _bounds(size: float, parameter: Parameter, unit: str) -> None:
    if parameter.min is not None and size < parameter.min:
        raise _Refused(f"at least {parameter.min}{unit}")
    if parameter.max is not None and size > parameter.max:
        raise _Refused(f"at most {parameter.max}{unit}")


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise _Refused("a text")
    if "\0" in value:
        raise _Refused("without NUL characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _Refused("valid Unicode (these bytes are not UTF-8; rename the file, if it is one)")
    return str(value)


def _integer(value: Any) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value) if len(value.strip().lstrip("+-")) <= _DIGITS else 2**63  # Python reads no endless number
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Refused("a whole number")
    if not -(2**63) <= value < 2**63:
        raise _Refused("a whole number of at most 64 bits")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Refused("a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _Refused("a finite number")
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        value = _BOOLEANS.get(value.strip().lower())
    if not isinstance(value, bool):
        raise _Refused("true or false")
    return value


def _date(value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    text = value.strip() if isinstance(value, str) else ""
    try:
        return date.fromisoformat(text if _DATE.fullmatch(text) else "").isoformat()
    except ValueError:
        raise _Refused("a date as YYYY-MM-DD") from None


def _uri(value: Any) -> str:
    text = _string(value).strip()
    if not URI.fullmatch(text) or not text.isprintable():
        raise _Refused("a URI such as https://host/path or s3://bucket/key")
    if text.lower().startswith("file:"):
        raise _Refused("a URI of something remote; a local file is a path")
    if text.lower().startswith("s3:") and not _BUCKET.fullmatch(text):
        raise _Refused("s3://bucket/key with a valid bucket name")
    return text


def _choice(value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        # True is not 1, and 1.0 is not 1.
        if type(value) is type(choice) and value == choice:
            return choice
    if isinstance(value, str):
        alike = [choice for choice in choices if str(choice).lower() == value.strip().lower()]
        if len(alike) == 1:
            return alike[0]
    names = [str(choice) for choice in choices]
    near = nearest(str(value)[:100], names)
    raise _Refused(f"one of {', '.join(names)[:200]}" + (f" ({near})" if near else ""))


def _list(value: Any, parameter: Parameter, paths: _Paths) -> list[Any]:
    if isinstance(value, str):
        text = value.strip()
        value = _json(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        raise _Refused("a list")
    _bounds(len(value), parameter, " items long")
    if parameter.items is None:
        plain: list[Any] = _plain(list(value))
        return plain
    item = replace(parameter, type=parameter.items, items=None, min=None, max=None)
    try:
        return [_coerced(each, item, paths) for each in value]
    except _Refused as refused:
        raise _Refused(f"a list where each item is {refused}") from None


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = _json(value)
    if not isinstance(value, Mapping):
        raise _Refused("an object: names and values")
    plain: dict[str, Any] = _plain(dict(value))
    return plain


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _Refused("valid JSON") from None


def _plain(value: Any) -> Any:
    """Returns a value as JSON knows it: nothing but JSON's types, no NaN, no NUL, no half of a surrogate pair."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError):
        raise _Refused("made of JSON values") from None
    if re.search(r"(?<!\\)(?:\\\\)*\\u0000", text):
        raise _Refused("without NUL characters")
    return json.loads(text)


class _Paths:
    """Makes paths absolute, and keeps them where they may be."""

    def __init__(self, cwd: Any, allowed: Iterable[Any] | None) -> None:
        self._cwd = cwd
        self._allowed = None if allowed is None else [os.fspath(path) for path in allowed]

    def absolute(self, value: Any) -> str:
        text = _string(os.fspath(value) if isinstance(value, os.PathLike) else value)
        if not text.strip():
            raise _Refused("the path of a file")
        if URI.match(text.lstrip()) or text.lstrip().lower().startswith("file:/"):
            raise _Refused("the path of a file, and no URI")
        path = self._joined(text)
        if self._allowed is not None:
            # The real path is what is returned, so that a link changed later cannot lead elsewhere.
            path = os.path.realpath(path)
            folders = [os.path.realpath(self._joined(folder)) for folder in self._allowed if folder]
            if not any(PurePath(path).is_relative_to(folder) for folder in folders):
                raise _Refused("inside the paths that are allowed (DATAOPS_ALLOWED_PATHS)")
        if _is_loop(path):
            raise _Refused("a path that leads to a file; its symbolic links are a loop")
        return path

    def _joined(self, path: str) -> str:
        try:
            return os.path.abspath(os.path.join(self._cwd or "", os.path.expanduser(path)))
        except FileNotFoundError:
            raise _Refused("absolute: the working directory is gone") from None


def _is_loop(path: str) -> bool:
    try:
        os.stat(path)
    except OSError as error:  # what else is wrong with a file, the run says when it opens it
        return error.errno == errno.ELOOP
    return False


_COERCE: dict[str, Callable[[Any], Any]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "uri": _uri,
    "object": _object,
}


_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 78


def _shown(value: Any) -> str:
    try:
        text = _SHORT.repr(value)
    except ValueError:  # a number of more digits than Python writes
        text = "a number of thousands of digits"
    return text if len(text) <= 80 else text[:77] + "..."
