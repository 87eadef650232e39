"""What `dataops doctor` says of the settings: each file by itself, the variables, and what they make together."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from dataops_core import settings as settings_
from dataops_core.cli.invocation import Invocation
from dataops_core.contracts.records import Finding
from dataops_core.errors import ConfigError, nearest
from dataops_core.settings import PROJECT_FILE, USER_FILE, Settings, rules
from dataops_core.settings.files import read_env_file
from dataops_core.settings.options import HOME, PREFIX, options, variables_of

#: Nothing can be in it: settings that are read from here read no other file.
_NOWHERE: Final = Path(os.devnull) / "none"
ENV_FILE: Final = ".env"


def files(call: Invocation) -> Iterator[Finding]:
    """Yields what is to say of each file of settings, whatever the others hold."""
    for path in _places(call):
        if str(path) != call.config and not os.path.lexists(os.path.realpath(path)):
            if path.is_symlink():
                yield Finding("warn", f"{path} leads to nothing, and is ignored", "remove it, or make what it names")
            else:
                yield Finding("ok", f"no {path}")
            continue
        try:
            if path.name == ENV_FILE:
                settings_.load({"home": str(_NOWHERE)}, env=read_env_file(path), cwd=_NOWHERE)
            else:
                settings_.load({"home": str(_NOWHERE)}, env={}, cwd=_NOWHERE, config=path)
            yield Finding("ok", f"read {path}")
        except ConfigError as error:
            # Read by itself, the file counts as the environment.
            told = re.sub("^env ", ".env ", error.message) if path.name == ENV_FILE else error.message
            yield Finding("error", told, error.hint)


def _places(call: Invocation) -> Iterator[Path]:
    with suppress(OSError):  # a working directory that is gone is for `together` to say
        folder = Path.cwd()
        if not (folder / ENV_FILE).is_dir():  # that is most likely a virtual environment
            yield folder / ENV_FILE
        if call.config is None:
            yield folder / PROJECT_FILE
    if call.config is not None:
        yield Path(call.config)
    yield _home(call) / USER_FILE


def variables() -> Iterator[Finding]:
    """Yields what is to say of the environment: names only, a value may be secret."""
    known = {variable for option in options() for variable in variables_of(option)}
    given = sorted(v for v, value in os.environ.items() if v.startswith(PREFIX) and value.strip())
    if used := [variable for variable in given if variable in known]:
        yield Finding("ok", f"set by variables: {', '.join(used)}")
    for variable in given:
        if variable not in known:
            hint = nearest(variable, known) or "unset it, unless a plugin reads it"
            yield Finding("warn", f"variable {variable} is no setting of DataOps", hint)


def together(call: Invocation) -> tuple[Settings, list[Finding]]:
    """Returns the settings, or the default ones where they cannot be had, and what is to say of them."""
    try:
        settings = settings_.load({"home": call.home}, config=Path(call.config) if call.config else None)
    except ConfigError as error:
        default = _default(call)
        told = f"what follows is checked with default settings and the home {default.home}"
        return default, [Finding("error", error.message, error.hint), Finding("warn", told)]
    written = [text for text in settings.unknown if text.startswith(".env ")]
    return settings, [Finding("warn", text, "rename or remove it") for text in written]


def _default(call: Invocation) -> Settings:
    from dataops_core.storage.file_blobs import file_url
    from dataops_core.storage.sqlite_records import sqlite_url

    home = _home(call)
    plain = settings_.load({"home": str(_NOWHERE)}, env={}, cwd=_NOWHERE)
    return replace(plain, home=home, records_url=sqlite_url(home / "dataops.db"), blobs_url=file_url(home / "blobs"))


def _home(call: Invocation) -> Path:
    given = call.home or os.environ.get(f"{PREFIX}HOME", "").strip()
    with suppress(ValueError):
        return rules.path(given or str(HOME))
    return HOME.expanduser()
