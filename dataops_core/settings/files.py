"""Files that people write: YAML and .env. Whatever they hold, the reader gets values or a ConfigError, never code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from dataops_core.errors import ConfigError

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32


def read_yaml(path: Path) -> Any:
    """Returns what a YAML file holds, or None when it is empty.

    Raises:
        ConfigError: names the file and, where there is one, line and column.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = _read(path)
    try:
        # Events come without recursion. Composing deep nesting would overflow libyaml's C stack, and aliases can make
        # a few lines into gigabytes; files that people write need neither.
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH or isinstance(event, yaml.AliasEvent):
                what = "aliases are not allowed" if depth <= MAX_DEPTH else f"nested deeper than {MAX_DEPTH}"
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise ConfigError(f"{path}: line {line}: {what}")
        return yaml.load(text, Loader=loader)  # noqa: S506 - it is a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{path}:{where} not valid YAML: {problem}", hint="correct the file") from None
    except (ValueError, RecursionError, OverflowError) as error:
        raise ConfigError(f"{path}: a value cannot be read: {error}", hint="write it in quotes") from None


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
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES // 1024} KiB")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})", hint="save the file as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
