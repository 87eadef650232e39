"""Logs: structlog and the standard library's logging in one stream on stderr, as lines for people or as JSON.

Called by whatever executes workflows. Each line carries the run it belongs to (`session_id`, `run_id`, `workflow`, and
`node` inside one); secrets and control characters never get out.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, TextIO

import structlog

from dataops_core.contracts.middleware import current_call
from dataops_core.settings import Settings, shown_url

_SECRET_NAME: Final = re.compile(r"(?i)pass(word|wd)?$|secret|token$|api_?key|authorization|credential|cookie")
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_HIDDEN: Final = "****"


class _ToStderr(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at that moment, so that a progress display can stand below the lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line, if there is a stderr."""
        if sys.stderr is not None:
            self.stream = sys.stderr
            super().emit(record)


def configure(settings: Settings, default_level: str = "INFO", *, tracebacks: bool = True) -> None:
    """Sends every log line of this process to stderr.

    Args:
        settings: `log_format` (console or json), `log_level`, and the secrets to keep out.
        default_level: the level when the settings name none.
        tracebacks: whether an exception is shown with where it came from, or in one line.
    """
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _inside_node,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info if tracebacks else _one_line,
        _Cleaned(secrets_of(settings), lines=settings.log_format == "console"),
    ]
    json_lines = structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
    people = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    renderer: Any = json_lines if settings.log_format == "json" else people
    handler = _ToStderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level or default_level)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def bind(session_id: str | None, run_id: str | None, workflow: str | None) -> None:
    """Has every later line of this context name a run."""
    structlog.contextvars.bind_contextvars(session_id=session_id, run_id=run_id, workflow=workflow)


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Returns the values of the settings that no line may show."""
    names = [name for name, option in type(settings).__dataclass_fields__.items() if option.metadata.get("secret")]
    return tuple(value for name in names if (value := getattr(settings, name)))


def _inside_node(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if (call := current_call.get()) is not None:
        for name, value in (
            ("session_id", call.session_id),
            ("run_id", call.run_id),
            ("workflow", call.workflow),
            ("node", call.node),
        ):
            if value is not None:
                event.setdefault(name, value)
    return event


def _one_line(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["error"] = f"{type(error).__name__}: {error}"
    return event


class _Cleaned:
    """Takes secrets and control characters out of everything that a line says."""

    def __init__(self, secrets: tuple[str, ...], *, lines: bool) -> None:
        self._secrets, self._lines = secrets, lines

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if not key.startswith("_"):  # structlog's own
                event[key] = self._clean(value, key)
        return event

    def _clean(self, value: Any, key: str = "") -> Any:
        if _SECRET_NAME.search(key) and value is not None and not isinstance(value, bool | int | float):
            return _HIDDEN
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {str(k): self._clean(v, str(k)) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(item) for item in value]
        text = value if isinstance(value, str) else str(value)
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        text = _URL.sub(lambda found: shown_url(found[0]), text)
        text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.encode("utf-8", "replace").decode())
        # A traceback has lines; anything else that has them could forge further entries.
        return text if key == "exception" or not self._lines else text.replace("\n", " ")
