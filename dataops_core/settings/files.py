"""Files that people write: YAML and .env. Whatever they hold, the reader gets values or a ConfigError, never code."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any, Final

from dataops_core.errors import ConfigError
from dataops_core.settings.options import shown_url

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
_OURS: Final = "ours"  # the context of errors in what is valid YAML, and not taken


def read_yaml(path: Path) -> Any:
    """Returns what a YAML file holds, or None when it is empty.

    Raises:
        ConfigError: names the file and, where there is one, line and column.
    """
    text = _read(path)
    try:
        return parse_yaml(text)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}", hint="correct the file") from None


def parse_yaml(text: str) -> Any:
    """Returns what a YAML text holds, made of plain values.

    Raises:
        ValueError: it is not valid YAML, says a key twice, has aliases, or is nested too deeply; the line is named.
    """
    import yaml

    safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(safe):  # type: ignore[misc, valid-type]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    continue
                if key.value in seen:
                    told = f"the key {shown_url(key.value)!r:.80} is there twice"
                    raise yaml.constructor.ConstructorError(_OURS, None, told, key.start_mark)
                seen.add(key.value)
            return super().construct_mapping(node, deep=deep)

    try:
        # Events come without recursion. Composing deep nesting would overflow libyaml's C stack, and aliases can make
        # a few lines into gigabytes; files that people write need neither.
        depth = 0
        for event in yaml.parse(text, Loader=safe):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH or isinstance(event, yaml.AliasEvent):
                what = "aliases are not allowed" if depth <= MAX_DEPTH else f"nested deeper than {MAX_DEPTH}"
                raise yaml.MarkedYAMLError(_OURS, None, what, event.start_mark)  # type: ignore[arg-type]
        return yaml.load(text, Loader=Loader)  # noqa: S506 - it is a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        # A value that is not quoted may be taken for one of these.
        problem = re.sub(r"""\b(tag|handle|anchor|alias) (['"]).*\2""", r"\1 '****'", problem)
        if getattr(error, "context", None) == _OURS:
            raise ValueError(f"line {mark.line + 1 if mark else 1}: {problem}") from None
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{where}not valid YAML: {problem}") from None
    except (ValueError, RecursionError, OverflowError) as error:
        # What follows a semicolon is advice to Python's programmers.
        raise ValueError(f"a value cannot be read: {str(error).partition(';')[0]}") from None


def read_env_file(path: Path) -> dict[str, str]:
    """Returns the variables of a .env file: `KEY=VALUE` lines, quotes, comments and `export `; nothing is expanded.

    Raises:
        ConfigError: names the file and the line, never its value.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(_read(path).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", line)
        value = _env_value(found[2]) if found else None
        if found is None or value is None:
            raise ConfigError(f"{path}: line {number} is not KEY=VALUE", hint="quote the value, or begin with #")
        values[found[1]] = value
    return values


def _env_value(text: str) -> str | None:
    quoted = re.fullmatch(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:#.*)?""", text)
    if quoted:
        escapes = {"n": "\n", "r": "\r", "t": "\t"}
        plain = quoted[1]
        return plain if plain is not None else re.sub(r"\\(.)", lambda m: escapes.get(m[1], m[1]), quoted[2])
    if text[:1] in ("'", '"'):
        return None
    return re.sub(r"(?:^|\s+)#.*", "", text).rstrip()


def _read(path: Path) -> str:
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{path}: no plain file", hint="give it another name")  # a pipe would never end
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES // 1024} KiB")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})", hint="save the file as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
