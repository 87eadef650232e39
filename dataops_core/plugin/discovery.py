"""What is installed: the entry points of every distribution, read once a process, importing nobody's code.

Each distribution is guarded by itself: one malformed line makes `entry_points()` raise for everyone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from dataops_core.errors import nearest
from dataops_core.plugin.distributions import Distribution, canonical, distributions
from dataops_core.plugin.failures import PluginFailure, one_line, printable
from dataops_core.plugin.manifests import read_manifest

__all__ = ["CORE", "GROUPS", "Entry", "Index", "read_manifest", "scan"]

CORE: Final = "dataops-core"
WORKFLOWS: Final = "dataops.workflows"
RECORDS: Final = "dataops.records"
BLOBS: Final = "dataops.blobs"
MODELS: Final = "dataops.models"
EXECUTORS: Final = "dataops.executors"
MIDDLEWARE: Final = "dataops.middleware"
COMMANDS: Final = "dataops.commands"

_MARK: Final = "dataops."  # begins the name of every group
_WORD: Final = r"[a-z][a-z0-9_.-]{0,63}"
_SCHEME: Final = r"[a-z][a-z0-9+.-]{0,63}"
#: The groups, and what a name in each looks like.
GROUPS: Final = {
    WORKFLOWS: r"[a-z][a-z0-9_]{0,63}",
    RECORDS: _SCHEME,
    BLOBS: _SCHEME,
    MODELS: _WORD,
    EXECUTORS: _WORD,
    MIDDLEWARE: _WORD,
    COMMANDS: _WORD,
}
#: A line of an `entry_points.txt` that is no group, no comment and no `name = value`.
_STRAY: Final = re.compile(r"^[ \t]*+(?!#|\[.*\]\s*$|\s*$)[^=\n]++$", re.MULTILINE)
_VALUE: Final = r"[^\W\d]\w*(\.[^\W\d]\w*)*(\s*:\s*[^\W\d]\w*(\.[^\W\d]\w*)*)?\s*(\[.*\])?"


class Entry(NamedTuple):
    """One announced plugin, not imported.

    Args:
        group: the entry-point group.
        name: the plugin's name.
        value: where its code is: `package.module`, or `package.module:attribute`.
        distribution: the package that announces it, with dashes.
        folder: where the distribution is installed, or "".
    """

    group: str
    name: str
    value: str
    distribution: str
    folder: str = ""

    @property
    def key(self) -> str:
        """`group:name`."""
        return f"{self.group}:{self.name}"

    @property
    def module(self) -> str:
        """The dotted name of its module."""
        return self.value.partition(":")[0].partition("[")[0].strip()

    def load(self) -> Any:
        """Imports it and returns the module or attribute; raises whatever its code raises."""
        import importlib_metadata

        return importlib_metadata.EntryPoint(self.name, self.value, self.group).load()

    def named_by(self, item: str) -> bool:
        """Says whether a setting means this plugin: by name, `group:name` or distribution."""
        return item in (self.name, self.key) or canonical(item) == self.distribution


class Installed(NamedTuple):
    """What distributions announce.

    Args:
        entries: the plugins.
        failures: distributions that may announce plugins, and cannot be read.
        strangers: others that cannot be read; they are no trouble of ours, but libraries may stumble over them.
    """

    entries: tuple[Entry, ...]
    failures: tuple[PluginFailure, ...]
    strangers: tuple[PluginFailure, ...]


@cache
def scan() -> Installed:
    """Returns what is announced on `sys.path`."""
    return read_distributions(distributions(sys.path))


def read_distributions(installed: Iterable[Distribution]) -> Installed:
    """Returns what these distributions announce. One that is seen twice on the path counts once, as for imports."""
    entries: list[Entry] = []
    failures: list[PluginFailure] = []
    strangers: list[PluginFailure] = []
    seen: set[str] = set()
    rest = iter(installed)
    while True:
        name, distribution = "", None
        try:
            distribution = next(rest)
            name = distribution.name
            if name in seen or name.startswith("~"):  # pip renames what it is about to remove
                continue
            seen.add(name)
            text = distribution.entry_points()
            if _MARK in text:
                entries += [Entry(*point, name, distribution.folder) for point in parse(text) if point[0] in GROUPS]
            if stray := _STRAY.search(text):
                raise ValueError(f"no 'name = value': {stray[0].strip()}")
        except StopIteration:
            return Installed(tuple(entries), tuple(failures), tuple(strangers))
        except Exception as error:
            cause = f"its entry points cannot be read ({one_line(error)})"
            failure = PluginFailure("", "", printable(name) or "an import hook", "discovery", cause)
            (failures if distribution is None or _is_ours(distribution) else strangers).append(failure)


def parse(text: str) -> Iterator[tuple[str, str, str]]:
    """Yields group, name and value of every entry point in the text of an `entry_points.txt`.

    Raises:
        ValueError: a line in a group is no `name = value`.
    """
    group = None
    for line in map(str.strip, text.splitlines()):
        if not line or line[0] == "#":
            continue
        if line[0] == "[" and line[-1] == "]":
            group = line.strip("[]")
        elif group is not None:
            name, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"no 'name = value': {line}")
            yield group, name.strip(), value.strip()


class Index:
    """The announced plugins by group and name, with every dispute settled by settings or kept as a failure.

    Args:
        entries: what is announced.
        prefer: `group:name` to the distribution that shall have it.
    """

    def __init__(self, entries: Iterable[Entry], prefer: Mapping[str, str] | None = None) -> None:
        self.failures: list[PluginFailure] = []
        self._groups: dict[str, dict[str, Entry]] = {group: {} for group in GROUPS}
        claims: dict[str, list[Entry]] = {}
        for entry in entries:
            claimants = claims.setdefault(entry.key, [])
            if entry not in claimants:
                claimants.append(entry)
        for key, claimants in sorted(claims.items()):
            wanted = (prefer or {}).get(key, "")
            for entry in self._settled(claimants, canonical(wanted)):
                self._groups[entry.group][entry.name] = entry

    def names(self, group: str) -> list[str]:
        """Returns the names of a group, sorted."""
        return list(self._groups[group])

    def entries(self, group: str | None = None) -> list[Entry]:
        """Returns the plugins of one group, or of all, sorted by group and name."""
        groups = self._groups.values() if group is None else [self._groups[group]]
        return [entry for names in groups for entry in names.values()]

    def get(self, group: str, name: str) -> Entry | None:
        """Returns the plugin of that name, or None."""
        return self._groups[group].get(name)

    def _settled(self, claimants: list[Entry], wanted: str) -> Iterator[Entry]:
        group, name = claimants[0].group, claimants[0].name
        sound = [entry for entry in claimants if self._well_formed(entry)]
        owners = {entry.distribution for entry in sound}
        if CORE in owners and len(owners) > 1:
            for entry in sound:
                if entry.distribution != CORE:
                    self._refuse(entry, "conflict", f"the name belongs to {CORE}", f"remove {entry.distribution}")
            sound = [entry for entry in sound if entry.distribution == CORE]
        elif len(owners) > 1 and wanted in owners:
            sound = [entry for entry in sound if entry.distribution == wanted]
        if len(sound) == 1:
            yield sound[0]
        elif sound:
            both = " and ".join(sorted(f"{e.distribution} ({printable(e.value)})" for e in sound))
            choose = f"set plugins.prefer to {{'{group}:{name}': DISTRIBUTION}}, or remove one of them"
            hint = f"{sound[0].distribution} must name it once" if len({e.distribution for e in sound}) == 1 else choose
            owner = ", ".join(sorted({e.distribution for e in sound}))
            self.failures.append(PluginFailure(name, group, owner, "conflict", f"announced by {both}", hint))

    def _well_formed(self, entry: Entry) -> bool:
        if not re.fullmatch(GROUPS[entry.group], entry.name):
            self._refuse(entry, "discovery", f"the name does not match {GROUPS[entry.group]}")
            return False
        if not re.fullmatch(_VALUE, entry.value):
            self._refuse(entry, "discovery", f"{printable(entry.value)!r} is not a module")
            return False
        return True

    def _refuse(self, entry: Entry, phase: str, cause: str, hint: str = "") -> None:
        self.failures.append(PluginFailure(printable(entry.name), entry.group, entry.distribution, phase, cause, hint))

    def nearest(self, group: str, name: str) -> str:
        """Returns a hint with the nearest name of a group, or ""."""
        return nearest(name, self._groups[group])


def _is_ours(distribution: Distribution) -> bool:
    """Says whether a distribution that cannot be read may announce plugins."""
    try:
        return _MARK in distribution.entry_points()
    except Exception:
        return True
