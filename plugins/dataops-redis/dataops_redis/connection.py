"""The client for an address. Commands are tried again for a while when a connection is lost."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import redis
from redis import exceptions as of_redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from dataops_redis.addresses import Address

#: Seconds of the first pause and of the longest one.
_FIRST: Final = 0.05
_LONGEST: Final = 1.0
#: Seconds after which a connection is asked whether it is still there before it is used.
_HEALTHY: Final = 15
_LOST: Final = (
    of_redis.ConnectionError,
    of_redis.TimeoutError,
    of_redis.BusyLoadingError,
    ConnectionError,
    TimeoutError,
)


def connect(address: Address) -> Any:
    """Returns a client; it connects when it is first used."""
    options: dict[str, Any] = {
        "username": address.user,
        "password": address.password,
        "socket_timeout": address.timeout,
        "socket_connect_timeout": address.timeout,
        "socket_keepalive": True,
        "health_check_interval": _HEALTHY,
    }
    if address.tls is not None:
        options |= {"ssl": True, **address.tls}
    if address.kind == "cluster":
        from redis.cluster import ClusterNode, RedisCluster

        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return RedisCluster(startup_nodes=nodes, retry=_retry(address), **options)
    options |= {"db": address.db, "retry": _retry(address), "retry_on_error": list(_LOST)}
    if address.kind == "sentinel":
        from redis.sentinel import Sentinel

        of_sentinels = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout")}
        sentinels = Sentinel(list(address.hosts), sentinel_kwargs=of_sentinels, **options)
        return sentinels.master_for(address.service)
    ((host, port),) = address.hosts
    return redis.Redis(host=host, port=port, **options)


class _Denied(Exception):
    """Carries a refusal past what tries again."""


class _Patient(Retry):
    """Tries again what was lost, and not what was refused: redis-py calls a wrong password a lost connection."""

    def call_with_retry(self, do: Callable[..., Any], fail: Callable[..., Any], *others: Any, **more: Any) -> Any:
        def once(*given: Any) -> Any:
            try:
                return do(*given)
            except (of_redis.AuthenticationError, of_redis.MaxConnectionsError) as refused:
                raise _Denied from refused

        try:
            return super().call_with_retry(once, fail, *others, **more)
        except _Denied as denied:
            raise denied.__cause__ or denied from None


def _retry(address: Address) -> Retry:
    # The pauses are 0.05, 0.1, ... 1 s, each shortened at random.
    doubling = math.log2(_LONGEST / _FIRST)
    times = math.ceil(address.retry / _LONGEST + doubling) if address.retry else 0
    return _Patient(ExponentialWithJitterBackoff(base=_FIRST, cap=_LONGEST), times, supported_errors=_LOST)
