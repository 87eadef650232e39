"""What is wrong with a plugin, remembered, shown in its row, and raised to whoever asks for it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from dataops_core.errors import DataOpsError, PluginFailed

_PRINTABLE_LENGTH: Final = 300


class PluginFailure(NamedTuple):
    """One plugin that does not work.

    Args:
        name: the plugin's name; "" when a whole distribution cannot be read.
        group: its entry-point group, or "".
        distribution: which package announces it.
        phase: `discovery`, `conflict`, `blocked`, `manifest`, `api`, `import`, `register`, `verify`, `missing`, or
            the hook that failed.
        cause: the error, or what is wrong in words.
        hint: what to do about it.
    """

    name: str
    group: str
    distribution: str
    phase: str
    cause: BaseException | str
    hint: str = ""

    @property
    def reason(self) -> str:
        """The cause in one printable line."""
        return self.cause if isinstance(self.cause, str) else one_line(self.cause)

    def as_dict(self) -> dict[str, Any]:
        """Returns the failure as a JSON-able dict."""
        return {
            "name": self.name,
            "group": self.group,
            "distribution": self.distribution,
            "phase": self.phase,
            "reason": self.reason,
            "hint": self.hint or self._advice(),
        }

    def error(self) -> PluginFailed:
        """Returns the error to raise; the original one is its cause."""
        what = f"plugin {self.name!r} ({self.group}, of {self.distribution})" if self.name else self.distribution
        error = PluginFailed(
            f"{what}: {self.phase} failed: {self.reason}",
            hint=self.hint or self._advice(),
            details={key: value for key, value in self.as_dict().items() if key != "hint"},
        )
        if isinstance(self.cause, BaseException):
            error.__cause__ = self.cause
        return error

    def _advice(self) -> str:
        if isinstance(self.cause, DataOpsError) and self.cause.hint:
            return self.cause.hint
        if isinstance(self.cause, ModuleNotFoundError) and self.cause.name:
            return f"install what it needs ({self.cause.name}), or install {self.distribution} anew"
        return (
            f"update or remove {self.distribution}; DATAOPS_DISABLE_PLUGINS={self.name or self.distribution} ignores it"
        )


def one_line(error: BaseException) -> str:
    """Returns type and message of an error in one printable line, whatever the error does."""
    if isinstance(error, DataOpsError):
        text = error.message
    else:
        try:
            text = f"{type(error).__name__}: {error}"
        except BaseException:  # the message of a stranger's error is a stranger's code
            text = type(error).__name__
    return printable(text)


def printable(text: str) -> str:
    """Returns a text in one line, without control characters and not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * _PRINTABLE_LENGTH]).split())
    return line if len(line) <= _PRINTABLE_LENGTH else line[: _PRINTABLE_LENGTH - 3] + "..."
