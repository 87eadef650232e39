"""The manifest: what is known of a workflow without importing its code (`config.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import date
from typing import Any, Final

from dataops_core.errors import InvalidValue, nearest

API: Final = 1
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
PARAMETER_TYPES: Final = (
    "string",
    "integer",
    "number",
    "boolean",
    "file_path",
    "uri",
    "date",
    "enum",
    "list",
    "object",
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value that a workflow takes.

    Args:
        name: as in the workflow's state.
        type: one of `PARAMETER_TYPES`.
        description: one line.
        required: whether a run needs it.
        default: the value when it is not required and not given.
        example: a value that works, for people.
        prompt: the question that asks for it.
        choices: the values of an enum.
        items: the type of a list's items.
        min, max: bounds of a number, or of the length of a string or list.
        pattern: a regular expression that a whole string matches.
    """

    name: str
    type: str = "string"
    description: str = ""
    required: bool = False
    default: Any = None
    example: Any = None
    prompt: str = ""
    choices: tuple[Any, ...] = ()
    items: str | None = None
    min: float | None = None
    max: float | None = None
    pattern: str | None = None

    @property
    def question(self) -> str:
        """The question that asks for it: the author's prompt, or one made of its name."""
        return self.prompt or f"What is {self.name} ({self.description or self.type})?"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A workflow's manifest, checked and complete. Field by field as in `config.yaml`."""

    name: str
    version: str
    description: str
    api: int = API
    category: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    pattern: str = ""
    capabilities: tuple[str, ...] = ()
    example_queries: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    dependencies: tuple[str, ...] = ()
    timeout: float | None = None
    max_memory: int | None = None
    durability: str = "sync"
    isolation: str = "inline"
    confirm: bool = False
    on_worker_loss: str = "resume"
    max_attempts: int = 3

    def parameter(self, name: str) -> Parameter | None:
        """Returns the parameter of that name, or None."""
        return next((p for p in self.parameters if p.name == name), None)

    def missing(self, values: Mapping[str, Any]) -> list[Parameter]:
        """Returns the required parameters that have no value, in their order."""
        return [p for p in self.parameters if p.required and values.get(p.name) is None]

    def as_dict(self) -> dict[str, Any]:
        """Returns the manifest as a JSON-able dict."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Manifest:
        """Rebuilds a manifest from `as_dict()` without checking it again; what has its default may be left out."""
        values = dict(data)
        for name in ("tags", "capabilities", "example_queries", "dependencies"):
            if name in values:
                values[name] = tuple(values[name])
        if "parameters" in values:
            values["parameters"] = tuple(
                Parameter(**{**p, "choices": tuple(p["choices"])} if "choices" in p else p)
                for p in values["parameters"]
            )
        return cls(**values)


_TOP = {
    "api", "name", "version", "description", "metadata", "capabilities", "example_queries", "parameters",
    "dependencies", "resources", "durability", "isolation", "confirm", "on_worker_loss", "max_attempts",
}  # fmt: skip
_METADATA = {"category", "author", "tags", "pattern"}
_RESOURCES = {"timeout", "max_memory"}
_PARAMETER = {f.name for f in fields(Parameter)}
_ONE_OF = {"durability": ("sync", "exit"), "isolation": ("inline", "process"), "on_worker_loss": ("resume", "fail")}


def parse_manifest(data: Any, source: str = "config.yaml") -> Manifest:
    """Checks what a `config.yaml` holds.

    Args:
        data: the loaded YAML.
        source: named in errors.

    Raises:
        InvalidValue: an unknown key (with the nearest name), a missing one, or a value of the wrong type.
    """
    top = _mapping(data, source)
    _known(top, _TOP, source)
    metadata = _mapping(top.get("metadata") or {}, f"{source}: metadata")
    _known(metadata, _METADATA, f"{source}: metadata")
    resources = _mapping(top.get("resources") or {}, f"{source}: resources")
    _known(resources, _RESOURCES, f"{source}: resources")
    name = _text(top, "name", source, required=True)
    if not NAME.fullmatch(name):
        raise InvalidValue(f"{source}: name {name!r} does not match [a-z][a-z0-9_]{{0,63}}")
    api = top.get("api", API)
    if isinstance(api, bool) or not isinstance(api, int):
        raise InvalidValue(f"{source}: api is a whole number, not {api!r}")
    for key, allowed in _ONE_OF.items():
        if top.get(key, allowed[0]) not in allowed:
            raise InvalidValue(f"{source}: {key} is {' or '.join(allowed)}, not {top[key]!r}")
    attempts = top.get("max_attempts", 3)
    if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
        raise InvalidValue(f"{source}: max_attempts is a whole number from 1, not {attempts!r}")
    if not isinstance(top.get("confirm", False), bool):
        raise InvalidValue(f"{source}: confirm is true or false, not {top['confirm']!r}")
    parameters = tuple(
        _parameter(p, f"{source}: parameters[{i}]") for i, p in enumerate(_list(top, "parameters", source))
    )
    names = [p.name for p in parameters]
    for twice in {n for n in names if names.count(n) > 1}:
        raise InvalidValue(f"{source}: two parameters are called {twice!r}")
    max_memory = _positive(resources, "max_memory", source)
    return Manifest(
        name=name,
        version=_text(top, "version", source, required=True),
        description=_text(top, "description", source, required=True),
        api=api,
        category=_text(metadata, "category", source),
        author=_text(metadata, "author", source),
        tags=_texts(metadata, "tags", source),
        pattern=_text(metadata, "pattern", source),
        capabilities=_texts(top, "capabilities", source),
        example_queries=_texts(top, "example_queries", source),
        parameters=parameters,
        dependencies=_texts(top, "dependencies", source),
        timeout=_positive(resources, "timeout", source),
        max_memory=None if max_memory is None else int(max_memory),
        durability=top.get("durability", "sync"),
        isolation=top.get("isolation", "inline"),
        confirm=top.get("confirm", False),
        on_worker_loss=top.get("on_worker_loss", "resume"),
        max_attempts=attempts,
    )


def _parameter(data: Any, source: str) -> Parameter:
    given = _mapping(data, source)
    _known(given, _PARAMETER, source)
    given = {key: value for key, value in given.items() if value is not None}  # an empty key is a missing one
    name = _text(given, "name", source, required=True)
    if not NAME.fullmatch(name):
        raise InvalidValue(f"{source}: name {name!r} does not match [a-z][a-z0-9_]{{0,63}}")
    source = f"{source} ({name})"
    for key in ("type", "items"):
        kind = given.get(key)
        if kind is not None and kind not in PARAMETER_TYPES:
            hint = nearest(str(kind), PARAMETER_TYPES) or f"one of {', '.join(PARAMETER_TYPES)}"
            raise InvalidValue(f"{source}: unknown {key} {kind!r}", hint=hint)
    if not isinstance(given.get("required", False), bool):
        raise InvalidValue(f"{source}: required is true or false, not {given['required']!r}")
    choices = tuple(_plain(choice, f"{source}: choices") for choice in _list(given, "choices", source))
    if given.get("type") == "enum" and not choices:
        raise InvalidValue(f"{source}: an enum needs choices")
    for bound in ("min", "max"):
        value = given.get(bound)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise InvalidValue(f"{source}: {bound} is a number, not {value!r}")
    pattern = given.get("pattern")
    if pattern is not None:
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            raise InvalidValue(f"{source}: pattern {pattern!r} is not a regular expression: {error}") from None
    values: dict[str, Any] = {
        f.name: given.get(f.name, None if f.default is MISSING else f.default) for f in fields(Parameter)
    }
    values.update(
        name=name,
        choices=choices,
        default=_plain(given.get("default"), f"{source}: default"),
        example=_plain(given.get("example"), f"{source}: example"),
        description=_text(given, "description", source),
        prompt=_text(given, "prompt", source),
    )
    return Parameter(**values)


def _plain(value: Any, source: str) -> Any:
    """Returns a value as JSON holds it: YAML reads an unquoted 2026-01-31 as a date."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(item, source) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item, source) for key, item in value.items()}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise InvalidValue(f"{source}: {value!r:.60} is not a value that JSON has")


def _mapping(data: Any, source: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise InvalidValue(f"{source}: expected keys and values, found {type(data).__name__}")
    return data


def _known(data: Mapping[str, Any], known: set[str], source: str) -> None:
    for key in data:
        if key not in known:
            raise InvalidValue(f"{source}: unknown key {key!r}", hint=nearest(str(key), known))


def _text(data: Mapping[str, Any], key: str, source: str, *, required: bool = False) -> str:
    value = data.get(key)
    if value is None and not required:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool) and key == "version":
        raise InvalidValue(f"{source}: version {value!r} is read as a number; write it in quotes")
    if not isinstance(value, str) or (required and not value.strip()):
        raise InvalidValue(
            f"{source}: {key} is missing" if value is None else f"{source}: {key} is a text, not {value!r}"
        )
    return value


def _list(data: Mapping[str, Any], key: str, source: str) -> Sequence[Any]:
    value = data.get(key)
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise InvalidValue(f"{source}: {key} is a list, not {value!r:.60}")
    return value


def _texts(data: Mapping[str, Any], key: str, source: str) -> tuple[str, ...]:
    values = _list(data, key, source)
    for value in values:
        if not isinstance(value, str):
            raise InvalidValue(f"{source}: {key} is a list of texts; {value!r:.60} is none")
    return tuple(values)


def _positive(data: Mapping[str, Any], key: str, source: str) -> float | None:
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise InvalidValue(f"{source}: resources.{key} is a number above 0, not {value!r}")
    return value
