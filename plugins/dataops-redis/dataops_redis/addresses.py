"""What the URLs name: one server, a primary that Sentinel knows, or a cluster."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from dataops_core.errors import ConfigError, InvalidValue, nearest
from dataops_core.settings import shown_url

#: What stands before every key unless the URL says otherwise.
PREFIX: Final = "dataops"
#: Seconds to wait for an answer, and for a connection.
TIMEOUT: Final = 10.0
#: Seconds for which a lost connection is tried again.
RETRY: Final = 10.0
_PORTS: Final = {"": 6379, "sentinel": 26379, "cluster": 6379}
_TLS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
_OPTIONS: Final = ("prefix", "timeout", "retry", *_TLS)
_FORM: Final = "write redis://[user:password@]host:port/db, redis+sentinel://h1:port,h2:port/service or redis+cluster://h1:port,h2:port"


@dataclass(frozen=True, slots=True)
class Address:
    """Where records are.

    Args:
        kind: "" for one server, "sentinel" or "cluster".
        hosts: names and ports; of Sentinels, or of some nodes of the cluster.
        service: the name that the Sentinels know the primary by, or "".
        db: the number of the database.
        user, password: or None; by default what REDIS_USERNAME and REDIS_PASSWORD say.
        tls: None for none; else what redis-py is told about certificates.
        prefix: what stands before every key.
        timeout: seconds to wait for an answer, and for a connection.
        retry: seconds for which a lost connection is tried again; 0 for not at all.
    """

    kind: str
    hosts: tuple[tuple[str, int], ...]
    service: str = ""
    db: int = 0
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: dict[str, Any] | None = None
    prefix: str = PREFIX
    timeout: float = TIMEOUT
    retry: float = RETRY

    def __str__(self) -> str:
        scheme = ("redis" if self.tls is None else "rediss") + (f"+{self.kind}" if self.kind else "")
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return f"{scheme}://{hosts}" + (f"/{self.service}" if self.service else "")


def address(url: str) -> Address:
    """Returns what a URL names.

    Raises:
        InvalidValue: it names no server, or has an option that there is none of.
        ConfigError: a file of certificates is not there.
    """
    match = re.fullmatch(r"(rediss?)(?:\+(sentinel|cluster))?://(.*)", url, re.DOTALL)
    if match is None:
        raise InvalidValue(f"{shown_url(url)!r:.120} is not a Redis URL", hint=_FORM)
    kind = match[2] or ""
    try:
        parts = urlsplit(f"//{match[3]}", allow_fragments=False)
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise InvalidValue(f"{shown_url(url)!r:.120} is not a Redis URL", hint=_FORM) from None
    access, _, hosts = parts.netloc.rpartition("@")
    user, _, password = access.partition(":")
    service, db = _path(kind, parts.path.strip("/"), url)
    for name in options:
        if name not in _OPTIONS:
            raise InvalidValue(f"a Redis URL has no option {name!r:.40}", hint=nearest(name, _OPTIONS) or _FORM)
    prefix = options.get("prefix", PREFIX)
    if not re.fullmatch(r"[\w.-]{1,40}", prefix):
        raise InvalidValue(f"{prefix!r:.60} is no prefix", hint="up to 40 letters, digits and _ . -")
    return Address(
        kind=kind,
        hosts=tuple(_host(host, kind, url) for host in hosts.split(",")),
        service=service,
        db=db,
        user=unquote(user) or os.environ.get("REDIS_USERNAME") or None,
        password=unquote(password) or os.environ.get("REDIS_PASSWORD") or None,
        tls=_certificates(options) if match[1] == "rediss" else None,
        prefix=prefix,
        timeout=_seconds(options, "timeout", TIMEOUT),
        retry=_seconds(options, "retry", RETRY),
    )


def _path(kind: str, path: str, url: str) -> tuple[str, int]:
    service = ""
    if kind == "sentinel":
        service, _, path = path.partition("/")
        if not service:
            raise InvalidValue(f"{shown_url(url)!r:.120} names no service of the Sentinels", hint=_FORM)
    if not re.fullmatch(r"\d{0,5}", path) or (kind == "cluster" and path.strip("0")):
        raise InvalidValue(f"{path!r:.40} is no number of a database", hint="a cluster has database 0 alone; " + _FORM)
    return unquote(service), int(path or 0)


def _host(text: str, kind: str, url: str) -> tuple[str, int]:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([\w.-]+))(?::(\d{1,5}))?", text)
    if match is None or int(match[3] or 1) not in range(1, 65536):
        raise InvalidValue(f"{shown_url(url)!r:.120} names no host", hint=_FORM)
    return match[1] or match[2], int(match[3] or _PORTS[kind])


def _seconds(options: dict[str, str], name: str, default: float) -> float:
    text = options.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", text) or (name == "timeout" and not float(text)):
        raise InvalidValue(f"{name} is a number of seconds, not {text!r:.40}")
    return float(text)


def _certificates(options: dict[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = {name: options[name] for name in _TLS if name in options}
    for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
        if name in told and not os.path.isfile(told[name]):
            raise ConfigError(f"{name} names no file: {told[name]!r:.200}", hint="check the path")
    if told.get("ssl_cert_reqs", "required") not in ("required", "optional", "none"):
        raise InvalidValue("ssl_cert_reqs is required, optional or none")
    if "ssl_check_hostname" in told:
        told["ssl_check_hostname"] = told["ssl_check_hostname"].lower() in ("1", "true", "yes")
    return told
