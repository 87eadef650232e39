"""Every error that DataOps raises on purpose.

    DataOpsError                  internal
    ├── UsageError                usage            the call itself is wrong
    ├── InvalidValue              invalid_value    a value breaks a rule: a parameter, a file, a manifest, a limit
    ├── NotFound                  not_found        a workflow, session, artifact or run that does not exist
    │   └── NoMatch               no_match         no workflow fits the query
    ├── ConfigError               config           settings or an installation that cannot work
    │   ├── PluginFailed          plugin_failed    a plugin that does not load or keep its contract
    │   ├── NewerDatabase         newer_database   written by a newer DataOps
    │   └── CorruptData           corrupt_data     stored bytes that are not what was written
    ├── Unreachable               unreachable      a store or service that does not answer, or cannot take more
    ├── Conflict                  conflict         somebody else was first
    │   └── FenceLost             fence_lost       the run was taken over or cancelled; this worker must stop
    └── RunError
        ├── RunFailed             run_failed       the workflow ran and failed
        ├── RunTimeout            timeout          the workflow ran longer than it may
        └── RunCancelled          cancelled        somebody cancelled the run

Each error names the thing in its message and says what to do in its hint. Edges (command line, HTTP) map `code` to an
exit status or an HTTP problem; nothing else prints errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any


class DataOpsError(Exception):
    """The root of the tree.

    Args:
        message: one line that names the thing and what is wrong with it.
        hint: what to do about it, or "".
        details: further facts for machines (JSON-able), e.g. `{"parameter": "rows"}`.
    """

    code = "internal"

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments do not survive the default pickling, which process pools rely upon.
        return (_rebuild, (type(self), self.message, self.hint, self.details, self.__dict__))

    def as_dict(self) -> dict[str, Any]:
        """Returns `code`, `message`, `hint` and, when there are any, `details`."""
        out: dict[str, Any] = {"code": self.code, "message": self.message, "hint": self.hint}
        if self.details:
            out["details"] = self.details
        return out


def _rebuild(
    cls: type[DataOpsError], message: str, hint: str, details: dict[str, Any], state: dict[str, Any]
) -> DataOpsError:
    error = cls.__new__(cls)
    DataOpsError.__init__(error, message, hint=hint, details=details)
    error.__dict__.update(state)
    return error


class UsageError(DataOpsError):
    """The call itself is wrong: unknown option, missing argument."""

    code = "usage"


class InvalidValue(DataOpsError):
    """A value breaks a rule; the message names thing, value and rule."""

    code = "invalid_value"


class NotFound(DataOpsError):
    """A named thing does not exist."""

    code = "not_found"


class NoMatch(NotFound):
    """No installed workflow fits the query."""

    code = "no_match"


class ConfigError(DataOpsError):
    """The settings or the installation cannot work."""

    code = "config"


class PluginFailed(ConfigError):
    """A plugin does not load, or does not keep its contract."""

    code = "plugin_failed"


class NewerDatabase(ConfigError):
    """The stored data were written by a newer DataOps."""

    code = "newer_database"


class CorruptData(ConfigError):
    """Stored bytes are not what was written."""

    code = "corrupt_data"


class Unreachable(DataOpsError):
    """A store or service does not answer, or cannot take more (locked, full, read-only)."""

    code = "unreachable"


class Conflict(DataOpsError):
    """Somebody else was first.

    Args:
        index: the position of the refused write in the commit, where there is one.
    """

    code = "conflict"

    def __init__(
        self, message: str, *, index: int | None = None, hint: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.index = index


class FenceLost(Conflict):
    """The run was taken over or cancelled: nothing that this worker still does may be kept."""

    code = "fence_lost"


class RunError(DataOpsError):
    """A run ended without success. `run_id` is in the details."""

    code = "run_failed"


class RunFailed(RunError):
    """The workflow ran and failed."""


class RunTimeout(RunError):
    """The workflow ran longer than it may."""

    code = "timeout"


class RunCancelled(RunError):
    """Somebody cancelled the run."""

    code = "cancelled"


def nearest(name: str, known: Iterable[str], *, n: int = 1) -> str:
    """Returns a hint with the nearest known names ("did you mean 'x'?"), or "" when none is near."""
    found = get_close_matches(name, list(known), n=n, cutoff=0.6)
    return f"did you mean {' or '.join(repr(f) for f in found)}?" if found else ""
