"""Settings: what can be set, typed; how a value is shown.

The key of a setting is its field's name with a dot after the section: `aws_region` is `aws.region`, in YAML
`aws: {region: ...}`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from dataops_core.settings.rules import (
    Rule,
    choices,
    disabled,
    flag,
    host,
    names,
    one_of,
    path,
    paths,
    port,
    seconds,
    text,
    url,
    whole,
)

SECTIONS: Final = ("aws", "redis", "plugins", "defaults", "testing", "deployment", "jwt")
HOME: Final = Path("~/.dataops")
PREFIX: Final = "DATAOPS_"


class Row(NamedTuple):
    """One setting as `config show` prints it: secrets are `****`."""

    key: str
    value: Any
    source: str


def option(default: Any, rule: Rule, *variables: str, secret: bool = False) -> Any:
    """Declares a setting: its default, its rule, and the variables that set it (by default `DATAOPS_` and its name)."""
    metadata = {"rule": rule, "variables": variables, "secret": secret}
    if isinstance(default, dict):
        return field(default_factory=lambda: MappingProxyType(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, eq=False, repr=False)
class Settings:
    """Every setting, typed. Make them with `load`; times are in seconds where the name does not say otherwise."""

    home: Path = option(HOME, path)  # noqa: RUF009 - a field, as all of them
    records_url: str = option("", url)
    blobs_url: str = option("", url)
    #: A fast store in front of the records; None for none.
    hot_url: str | None = option(None, url)
    aws_region: str | None = option(None, text, "AWS_REGION", "AWS_DEFAULT_REGION")
    aws_s3_bucket: str | None = option(None, text, "ARTIFACT_BUCKET")
    aws_dynamodb_table: str | None = option(None, text, "AWS_DYNAMODB_TABLE")
    redis_host: str | None = option(None, host, "REDIS_HOST")
    redis_port: int = option(6379, port, "REDIS_PORT")
    #: None: the caller decides (the command line WARNING, a server INFO).
    log_level: str | None = option(None, one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "LOG_LEVEL")
    log_format: str = option("console", one_of("console", "json"), "LOG_FORMAT")
    workflow_timeout: float = option(300.0, seconds(1e-9), "WORKFLOW_TIMEOUT")
    max_concurrent_workflows: int = option(10, whole(1), "MAX_CONCURRENT_WORKFLOWS")
    enable_streaming: bool = option(True, flag, "ENABLE_STREAMING")
    enable_caching: bool = option(True, flag, "ENABLE_CACHING")
    #: Folders that workflows may read; None is anywhere for a local command line and nowhere over HTTP.
    allowed_paths: tuple[Path, ...] | None = option(None, paths)
    plugins_allow: tuple[str, ...] = option((), names)
    plugins_block: tuple[str, ...] = option((), names)
    plugins_require: tuple[str, ...] = option((), names)
    plugins_prefer: Mapping[str, str] = option({}, choices)
    #: `*` is every plugin that is not of dataops-core.
    plugins_disabled: tuple[str, ...] = option((), disabled, "DATAOPS_DISABLE_PLUGINS")
    strict_plugins: bool = option(False, flag)
    trace_hooks: bool = option(False, flag)
    defaults_template: str = option("simple", text)
    defaults_author: str = option("", text)
    testing_mock_llm: bool = option(False, flag)
    testing_timeout: float = option(300.0, seconds(1e-9))
    deployment_registry: str | None = option(None, text)
    deployment_default_env: str = option("dev", text)
    jwt_secret: str | None = option(None, text, "JWT_SECRET", secret=True)
    jwt_algorithm: str = option("HS256", text, "JWT_ALGORITHM")
    anthropic_api_key: str | None = option(None, text, "ANTHROPIC_API_KEY", secret=True)
    lease_seconds: float = option(30.0, seconds(1e-9))
    success_retention_seconds: float = option(0.0, seconds(0))
    failure_retention_days: float = option(7.0, seconds(0))
    turn_policy: str = option("wait", one_of("wait", "refuse"))
    #: The user of a local command line.
    user: str = option("local", text)
    #: Where each value came from, by field; a field that is not here has its default.
    sources: Mapping[str, str] = field(default_factory=dict)
    #: What is set and names no setting, a line each.
    unknown: tuple[str, ...] = ()

    def rows(self) -> list[Row]:
        """Returns every setting with the value to show (JSON-able, secrets as `****`) and its source."""
        return [
            Row(key_of(f.name), shown(getattr(self, f.name), f.metadata["secret"]), self.sources.get(f.name, "default"))
            for f in options()
        ]

    def environment(self) -> dict[str, str]:
        """Returns the variables that give another process these settings, whatever files it would read."""
        told = {f.name: getattr(self, f.name) for f in options() if f.name in self.sources}
        told |= {"home": self.home, "records_url": self.records_url, "blobs_url": self.blobs_url}
        return {variables_of(f)[0]: _written(told[f.name]) for f in options() if told.get(f.name) is not None}

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{r.key}={r.value!r}' for r in self.rows() if r.source != 'default')})"


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, tuple):
        return (os.pathsep if value and isinstance(value[0], Path) else ",").join(map(str, value))
    return str(value)


def shown_url(url: str) -> str:
    """Returns a URL without what may be secret in it: user, password, and query values that are named like secrets."""
    masked = re.sub(r"://.*@", "://****@", url) if "://" in url else re.sub(r"^\S+?:.*@", "****@", url)
    return re.sub(r"(?i)([?&;][^=&;]*(?:pass|pwd|secret|token|key|auth|sig|cred)[^=&;]*=)[^&;#]*", r"\1****", masked)


def shown_wrong(value: Any, secret: bool) -> str:
    """Returns a value that breaks its rule as it may be shown: numbers, yes and no.

    Anything else may be a password that was written at the wrong place.
    """
    harmless = not secret and re.fullmatch(r"(?i)[+-]?[\d.]{1,12}|nan|[+-]?inf|true|false|yes|no|on|off", str(value))
    return str(value) if harmless else "****"


def options() -> Iterator[Field[Any]]:
    """Yields the fields that can be set."""
    return (f for f in fields(Settings) if f.metadata)


def variables_of(option: Field[Any]) -> tuple[str, ...]:
    """Returns the variables that set a field, the first that is set counts."""
    named: tuple[str, ...] = option.metadata["variables"]
    return named or (f"{PREFIX}{option.name.upper()}",)


def key_of(name: str) -> str:
    """Returns the key of a field."""
    return name.replace("_", ".", 1) if name.partition("_")[0] in SECTIONS else name


def shown(value: Any, secret: bool = False) -> Any:
    """Returns a value as it may be shown: JSON-able and without secrets."""
    if secret:
        return None if value is None else "****"
    if isinstance(value, str):
        return shown_url(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [shown(item) for item in value]
    return {key: shown(item) for key, item in value.items()} if isinstance(value, Mapping) else value
