"""Manifests of installed workflows: found without importing a package, kept as JSON so that a thousand list at once."""

from __future__ import annotations

import importlib.util
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dataops_core.contracts.manifest import API, Manifest, Parameter, parse_manifest
from dataops_core.errors import ConfigError, InvalidValue
from dataops_core.settings.files import read_yaml

if TYPE_CHECKING:
    from dataops_core.plugin.discovery import Entry

FILE: Final = "config.yaml"
#: A cache that was written for other rules or fields is read as empty. Raise the number when `parse_manifest` changes.
_FORMAT: Final = ["1", *(f.name for f in fields(Manifest)), *(f.name for f in fields(Parameter))]
_DEFAULTS: Final = {kind: {f.name: f.default for f in fields(kind)} for kind in (Manifest, Parameter)}


class WrongApi(ConfigError):
    """The manifest was written for another plugin API."""


def read_manifest(path: Path) -> Manifest:
    """Reads and checks a `config.yaml`.

    Raises:
        WrongApi: it is for another plugin API than this DataOps has.
        ConfigError: the file cannot be read as YAML.
        InvalidValue: it breaks a rule of manifests.
    """
    data = read_yaml(path)
    api = data.get("api", API) if isinstance(data, Mapping) else API
    if type(api) is int and api != API:  # asked first: the keys of another API may be others
        raise WrongApi(f"{path}: written for plugin API {api}, this DataOps has {API}", hint=api_advice(api))
    return parse_manifest(data, str(path))


def api_advice(api: int) -> str:
    """Returns what to do about a plugin of another API."""
    return "update dataops-core" if api > API else "update the plugin"


class ManifestCache:
    """The manifests of workflow plugins, kept by path, time and size of their files.

    A cache that is corrupt, unreadable or unwritable costs time and nothing else.

    Args:
        file: where it is kept, or None to keep nothing.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known: dict[str, Any] | None = None
        self._changed = False

    def manifest(self, entry: Entry) -> Manifest:
        """Returns the manifest of a workflow plugin; raises as `read_manifest` does, and when there is none."""
        if self._known is None:
            self._known = self._load()
        path, status = _locate(entry)
        manifest = _revived(self._known.get(path), status)
        if manifest is None or manifest.name != entry.name:
            manifest = read_manifest(Path(path))
            if manifest.name != entry.name:
                raise InvalidValue(f"{path}: names {manifest.name!r}, the entry point names {entry.name!r}")
            self._known[path] = [status.st_mtime_ns, status.st_size, _compact(manifest)]
            self._changed = True
        return manifest

    def save(self) -> None:
        """Writes the cache when something changed; drops files that are gone."""
        if not self._changed or self._file is None or self._known is None:
            return
        self._changed = False
        kept = {path: value for path, value in self._known.items() if os.path.exists(path)}
        temporary = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        with suppress(OSError, ValueError, TypeError):
            self._file.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.parent.mkdir(mode=0o700, exist_ok=True)
            body = json.dumps({"format": _FORMAT, "manifests": kept}, separators=(",", ":"))
            try:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
                with open(descriptor, "w", encoding="utf-8") as file:
                    file.write(body)
                os.replace(temporary, self._file)
            except OSError:
                temporary.unlink(missing_ok=True)

    def _load(self) -> dict[str, Any]:
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            if self._file is not None:
                data = json.loads(self._file.read_bytes())
                if data["format"] == _FORMAT and isinstance(data["manifests"], dict):
                    return dict(data["manifests"])
        return {}


def _compact(manifest: Manifest) -> dict[str, Any]:
    """Returns `as_dict()` without the defaults: half as much to read at every start."""
    data = {key: value for key, value in manifest.as_dict().items() if value != _DEFAULTS[Manifest].get(key)}
    if "parameters" in data:
        defaults = _DEFAULTS[Parameter]
        data["parameters"] = [{k: v for k, v in p.items() if v != defaults.get(k)} for p in data["parameters"]]
    return data


def _revived(kept: Any, status: os.stat_result) -> Manifest | None:
    with suppress(TypeError, KeyError, ValueError, AttributeError):
        mtime_ns, size, data = kept
        if (mtime_ns, size) == (status.st_mtime_ns, status.st_size):
            return Manifest.from_dict(data)
    return None


def _locate(entry: Entry) -> tuple[str, os.stat_result]:
    for path in _candidates(entry):
        with suppress(OSError, ValueError):
            status = os.stat(path)
            if stat.S_ISREG(status.st_mode):
                return path, status
    raise InvalidValue(f"there is no {FILE} in the folder of {entry.module}", hint="the wheel must carry it")


def _candidates(entry: Entry) -> Iterator[str]:
    """Yields where the manifest may lie: the module's folder, whether the module is a package or a file in one."""
    parts = entry.module.split(".")
    places = [parts] if len(parts) == 1 else [parts, parts[:-1]]
    if entry.folder:
        for place in places:
            yield os.path.join(entry.folder, *place, FILE)
    # Editable installs lie elsewhere. Only the top package may be looked for: `find_spec` imports the parents.
    try:
        spec = importlib.util.find_spec(parts[0])
    except Exception:  # a half-imported module, or a stranger's finder
        return
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for place in places:
            yield os.path.join(folder, *place[1:], FILE)
