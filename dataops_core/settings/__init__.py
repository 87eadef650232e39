"""Settings: flags > environment > ./.env > ./dataops.yaml > ~/.dataops/config.yaml > default, each with its source.

An empty value counts as not set. Standard library only; YAML is imported when a YAML file is there.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from dataops_core.errors import ConfigError, nearest
from dataops_core.settings.files import read_env_file, read_yaml
from dataops_core.settings.options import (
    HOME,
    PREFIX,
    SECTIONS,
    Row,
    Settings,
    key_of,
    options,
    shown_url,
    shown_wrong,
    variables_of,
)

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
        ConfigError: a file that cannot be read, an unknown or repeated key, or a value that breaks its rule; the
            message names the source, the key and the rule, and no value that may be a secret.
    """
    folder = _working_directory() if cwd is None else cwd
    environment = os.environ if env is None else env
    layers = [_from_flags(flags or {}), _from_environment(environment, "env")]
    unknown = _unknown_variables(environment, "env")
    # A folder of that name is most likely a virtual environment.
    if _mode(folder / ".env") != stat.S_IFDIR and _is_file(folder / ".env"):
        written = read_env_file(folder / ".env")
        layers.append(_from_environment(written, ".env"))
        unknown += _unknown_variables(written, ".env")
    project = config or folder / PROJECT_FILE
    if _is_file(project):
        layers.append(_from_yaml(project))
    elif config is not None:
        raise ConfigError(f"there is no configuration file {str(config)!r}", hint="check what --config names")
    home, home_source = next((layer["home"] for layer in layers if "home" in layer), (str(HOME), "default"))
    home = _checked("home", home, home_source)
    if _mode(home) not in (None, stat.S_IFDIR):
        raise ConfigError(f"{home_source}: home is {str(home)!r}, a file and not a folder", hint="name a folder")
    if _is_file(home / USER_FILE):
        layers.append(_from_yaml(home / USER_FILE, without=("home",)))
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for layer in reversed(layers):
        for name, (value, source) in layer.items():
            values[name], sources[name] = _checked(name, value, source), source
    values["home"] = home
    _derive_urls(values, sources)
    return Settings(**values, sources=MappingProxyType(sources), unknown=tuple(unknown))


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
        for variable in variables_of(option):
            if env.get(variable, "").strip() and option.name not in layer:
                layer[option.name] = (env[variable], f"{source} {variable}")
    return layer


def _unknown_variables(env: Mapping[str, str], source: str) -> list[str]:
    """Returns a line for each variable that is named like one of ours, and is none; others may have their own."""
    given = [variable for variable, value in env.items() if variable.startswith(PREFIX) and value.strip()]
    known = {v.removeprefix(PREFIX): v for option in options() for v in variables_of(option)} if given else {}
    told = []
    for variable in given:
        name = variable.removeprefix(PREFIX)
        if known.get(name) != variable and (near := get_close_matches(name, known, n=1, cutoff=0.8)):
            told.append(f"{source} {variable} is no setting and is ignored; did you mean {known[near[0]]}?")
    return told


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(
            f"the working directory cannot be read: {reason}", hint="cd to a folder that is there"
        ) from None


def _mode(path: Path) -> int | None:
    """Returns what kind of file there is, None for none; raises ConfigError when that cannot be known."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"{path}: cannot be read: {reason}", hint="check the path and who may read it") from None


def _is_file(path: Path) -> bool:
    """Says whether there is a file of settings; raises ConfigError when it is a folder, or cannot be known."""
    mode = _mode(path)
    if mode not in (None, stat.S_IFREG):
        kind = "a folder" if mode == stat.S_IFDIR else "no plain file"
        raise ConfigError(f"{path} is {kind}, and settings are a file", hint="give it another name")
    return mode is not None


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
            told = {f"{key}.{inner}": v for inner, v in (value or {}).items()}
        else:
            told = {str(key): value}
        if twice := flat.keys() & told:
            raise ConfigError(f"{path}: the key {shown_url(min(twice))!r:.80} is there twice", hint="keep one of them")
        flat |= told
    keys = {key_of(name): name for name in known}
    _refuse_unknown(str(path), flat, set(keys))
    return {keys[key]: (value, str(path)) for key, value in flat.items() if value not in (None, "")}


def _refuse_unknown(source: str, given: Mapping[str, Any], known: set[str]) -> None:
    for key in given:
        if key not in known:
            hint = nearest(key, known) or "dataops config show lists the keys"
            raise ConfigError(f"{source}: unknown key {shown_url(key)!r:.80}", hint=hint)


def _checked(name: str, value: Any, source: str) -> Any:
    option = Settings.__dataclass_fields__[name]
    try:
        return option.metadata["rule"](value)
    except ValueError as error:
        given = shown_wrong(value, option.metadata["secret"])
        hint = "correct it where it is set; it is not shown, for it may be a password" if given == "****" else ""
        raise ConfigError(f"{source}: {key_of(name)} is {error}, not {given!r}", hint=hint) from None


def _derive_urls(values: dict[str, Any], sources: dict[str, str]) -> None:
    home: Path = values["home"]
    if "records_url" not in values:
        values["records_url"] = "sqlite:///" + quote(str(home / "dataops.db"))
        if "aws_dynamodb_table" in values:
            sources["records_url"] = sources["aws_dynamodb_table"]
            values["records_url"] = _dynamodb_url(values, sources["aws_dynamodb_table"])
        elif "redis_host" in values:
            sources["records_url"] = sources["redis_host"]
            values["records_url"] = _redis_url(values)
    if "hot_url" not in values and "redis_host" in values and values["records_url"].startswith("dynamodb:"):
        sources["hot_url"] = sources["redis_host"]
        # Nobody waits long for what can be had elsewhere.
        values["hot_url"] = f"{_redis_url(values)}?timeout=1&retry=0"
    if "blobs_url" not in values:
        values["blobs_url"] = "file://" + quote(str(home / "blobs"))
        if "aws_s3_bucket" in values:
            sources["blobs_url"] = sources["aws_s3_bucket"]
            values["blobs_url"] = f"s3://{values['aws_s3_bucket']}"


def _redis_url(values: Mapping[str, Any]) -> str:
    host = f"[{values['redis_host']}]" if ":" in values["redis_host"] else values["redis_host"]
    return f"redis://{host}:{values.get('redis_port', 6379)}"


def _dynamodb_url(values: Mapping[str, Any], source: str) -> str:
    table, region = values["aws_dynamodb_table"], values.get("aws_region")
    prefix = table.removesuffix("sessions")
    if prefix == table or not re.fullmatch(r"[\w.-]*", prefix):
        raise ConfigError(f"{source}: the sessions table has a name of letters, digits, _.- that ends with 'sessions'")
    if region is None:
        raise ConfigError(f"{source} names a table, and no region is set", hint="set AWS_REGION")
    return f"dynamodb://{region}/{prefix}"
