"""What URLs name, and what they must not show."""

from __future__ import annotations

import pytest
from dataops_redis.addresses import Address, address

from dataops_core.errors import ConfigError, InvalidValue


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_USERNAME", raising=False)
    monkeypatch.delenv("REDIS_PASSWORD", raising=False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost", Address("", (("localhost", 6379),))),
        ("redis://h:6380/3", Address("", (("h", 6380),), db=3)),
        ("redis://u:p%40w@[::1]:1/", Address("", (("::1", 1),), user="u", password="p@w")),
        ("redis://:pw@h?prefix=a.b-c&timeout=0.5&retry=0",
         Address("", (("h", 6379),), password="pw", prefix="a.b-c", timeout=0.5, retry=0)),
        ("rediss://h?ssl_cert_reqs=none&ssl_check_hostname=no",
         Address("", (("h", 6379),), tls={"ssl_cert_reqs": "none", "ssl_check_hostname": False})),
        ("redis+sentinel://a:1,b/main/2", Address("sentinel", (("a", 1), ("b", 26379)), "main", 2)),
        ("rediss+cluster://u:p@a:1,b:2/0", Address("cluster", (("a", 1), ("b", 2)), user="u", password="p", tls={})),
    ],
)  # fmt: skip
def test_what_urls_name(url: str, expected: Address) -> None:
    assert address(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "redis://", "redis://h:0", "redis://h:99999", "redis://h/x", "redis://h/123456", "redis+sentinel://h",
        "redis+cluster://h/1", "redis://h?colour=red", "redis://h?prefix={a}", "redis://h?timeout=0", "redis://a b",
        "redis://h?timeout=soon", "redis://h?prefix", "redis:/h", "rediss://h?ssl_cert_reqs=perhaps", "redis://[::1",
    ],
)  # fmt: skip
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(InvalidValue):
        address(url.replace("redis://", "redis://u:topsecret@") if "[" not in url else url)


def test_an_error_shows_no_password() -> None:
    for url in ("redis://u:topsecret@h:0", "redis://u:topsecret@h/x", "redis+sentinel://u:topsecret@h"):
        with pytest.raises(InvalidValue) as raised:
            address(url)
        assert "topsecret" not in f"{raised.value.message} {raised.value.hint}"
    assert "topsecret" not in f"{address('redis://u:topsecret@h')!r} {address('redis://u:topsecret@h')}"


def test_a_certificate_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="ssl_ca_certs names no file: '/nope'"):
        address("rediss://h?ssl_ca_certs=/nope")


def test_the_environment_gives_what_the_url_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_USERNAME", "ann")
    monkeypatch.setenv("REDIS_PASSWORD", "topsecret")
    assert (address("redis://h").user, address("redis://h").password) == ("ann", "topsecret")
    assert (address("redis://bob:x@h").user, address("redis://bob:x@h").password) == ("bob", "x")
