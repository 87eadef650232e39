"""Settings: flags > environment > ./.env > ./dataops.yaml > ~/.dataops/config.yaml > default, each with its source.

An empty value counts as not set. Standard library only; YAML is imported when a YAML file is there.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from dataops_core.errors import ConfigError, nearest
from dataops_core.settings.files import read_env_file, read_yaml
from dataops_core.settings.options import HOME, SECTIONS, Row, Settings, key_of, options, shown, shown_url

__all__ = ["Row", "Settings", "current", "load", "shown_url", "use"]

PROJECT_FILE: Final = "dataops.yaml"
USER_FILE: Final = "config.yaml"


def load(
    flags: Mapping[str, Any] | None = None,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    config: Path | None = None,
) -> Settings:
    """Reads the settings.

    Args:
        flags: by field or key; None counts as not given.
        env: the environment; the process's by default.
        cwd: the folder that holds `.env` and `dataops.yaml`; the working directory by default.
        config: a file to read in place of `dataops.yaml`; it must exist.

    Raises:
        ConfigError: a file that cannot be read, an unknown key, or a value that breaks its rule; the message names
            the source, the value and the rule.
    """
    folder = Path.cwd() if cwd is None else cwd
    layers = [_from_flags(flags or {}), _from_environment(os.environ if env is None else env, "env")]
    if (folder / ".env").is_file():
        layers.append(_from_environment(read_env_file(folder / ".env"), ".env"))
    project = config or folder / PROJECT_FILE
    if config is not None and not config.is_file():
        raise ConfigError(f"there is no configuration file {str(config)!r}", hint="check what --config names")
    if project.is_file():
        layers.append(_from_yaml(project))
    home, home_source = next((layer["home"] for layer in layers if "home" in layer), (str(HOME), "default"))
    home = _checked("home", home, home_source)
    if (home / USER_FILE).is_file():
        layers.append(_from_yaml(home / USER_FILE, without=("home",)))
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for layer in reversed(layers):
        for name, (value, source) in layer.items():
            values[name], sources[name] = _checked(name, value, source), source
    values["home"] = home
    _derive_urls(values, sources)
    return Settings(**values, sources=MappingProxyType(sources))


_lock = threading.Lock()
_current: Settings | None = None


def current() -> Settings:
    """Returns the settings of this process, which are loaded when they are first asked for."""
    global _current
    with _lock:
        if _current is None:
            _current = load()
        return _current


def use(settings: Settings | None) -> None:
    """Makes these the settings of this process; None has them loaded again when they are next asked for."""
    global _current
    with _lock:
        _current = settings


Layer = dict[str, tuple[Any, str]]


def _from_flags(flags: Mapping[str, Any]) -> Layer:
    given = {k.replace(".", "_"): (v, f"flag --{k.replace('_', '-')}") for k, v in flags.items() if v is not None}
    _refuse_unknown("flags", given, {f.name for f in options()})
    return given


def _from_environment(env: Mapping[str, str], source: str) -> Layer:
    layer: Layer = {}
    for option in options():
        for variable in option.metadata["variables"] or (f"DATAOPS_{option.name.upper()}",):
            if env.get(variable, "").strip() and option.name not in layer:
                layer[option.name] = (env[variable], f"{source} {variable}")
    return layer


def _from_yaml(path: Path, without: tuple[str, ...] = ()) -> Layer:
    data = read_yaml(path) or {}
    if not isinstance(data, Mapping):
        raise ConfigError(f"{path}: expected keys and values, found {type(data).__name__}")
    known = {f.name for f in options()} - set(without)
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if key in SECTIONS:
            if not isinstance(value or {}, Mapping):
                raise ConfigError(f"{path}: {key} holds keys and values, not {type(value).__name__}")
            flat.update({f"{key}.{inner}": v for inner, v in (value or {}).items()})
        else:
            flat[str(key)] = value
    keys = {key_of(name): name for name in known}
    _refuse_unknown(str(path), flat, set(keys))
    return {keys[key]: (value, str(path)) for key, value in flat.items() if value not in (None, "")}


def _refuse_unknown(source: str, given: Mapping[str, Any], known: set[str]) -> None:
    for key in given:
        if key not in known:
            hint = nearest(key, known) or "dataops config show lists the keys"
            raise ConfigError(f"{source}: unknown key {key!r:.80}", hint=hint)


def _checked(name: str, value: Any, source: str) -> Any:
    option = Settings.__dataclass_fields__[name]
    try:
        return option.metadata["rule"](value)
    except ValueError as error:
        given = shown(value if isinstance(value, str) else str(value), option.metadata["secret"])
        raise ConfigError(f"{source}: {key_of(name)} is {error}, not {given!r:.120}") from None


def _derive_urls(values: dict[str, Any], sources: dict[str, str]) -> None:
    home: Path = values["home"]
    if "records_url" not in values:
        values["records_url"] = "sqlite:///" + quote(str(home / "dataops.db"))
        if "aws_dynamodb_table" in values:
            sources["records_url"] = sources["aws_dynamodb_table"]
            values["records_url"] = _dynamodb_url(values, sources["aws_dynamodb_table"])
        elif "redis_host" in values:
            sources["records_url"] = sources["redis_host"]
            host = f"[{values['redis_host']}]" if ":" in values["redis_host"] else values["redis_host"]
            values["records_url"] = f"redis://{host}:{values.get('redis_port', 6379)}"
    if "blobs_url" not in values:
        values["blobs_url"] = "file://" + quote(str(home / "blobs"))
        if "aws_s3_bucket" in values:
            sources["blobs_url"] = sources["aws_s3_bucket"]
            values["blobs_url"] = f"s3://{values['aws_s3_bucket']}"


def _dynamodb_url(values: Mapping[str, Any], source: str) -> str:
    table, region = values["aws_dynamodb_table"], values.get("aws_region")
    prefix = table.removesuffix("sessions")
    if prefix == table or not re.fullmatch(r"[\w.-]*", prefix):
        raise ConfigError(f"{source}: the sessions table ends with 'sessions', not {table!r:.80}")
    if region is None:
        raise ConfigError(f"{source} names a table, and no region is set", hint="set AWS_REGION")
    return f"dynamodb://{region}/{prefix}"
