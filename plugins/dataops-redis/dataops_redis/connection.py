"""Asking one Redis: a client made when it is first needed, and what is lost is done again for a while."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import redis
from redis import exceptions as of_redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry

from dataops_redis.addresses import Address
from dataops_redis.failures import explained

_T = TypeVar("_T")
#: Seconds of the first pause and of the longest one; each is shortened at random.
_FIRST: Final = 0.05
_LONGEST: Final = 1.0
#: Seconds after which a connection is asked whether it is still there before it is used.
_HEALTHY: Final = 15
#: How redis-py says that a connection was lost, or a server is not ready.
LOST: Final = (
    of_redis.ConnectionError,
    of_redis.TimeoutError,
    of_redis.BusyLoadingError,
    of_redis.ClusterDownError,
    of_redis.SlotNotCoveredError,
    ConnectionError,
    TimeoutError,
)
#: What redis-py takes for a lost connection, and is none.
_REFUSED: Final = (of_redis.AuthenticationError, of_redis.MaxConnectionsError)
#: For as long as it takes: `Connection.ask` looks at the time.
_AGAIN: Final = Retry(ExponentialWithJitterBackoff(base=_FIRST, cap=_LONGEST), -1, supported_errors=LOST)


class _Over(Exception):
    """Carries what is not tried again past what tries again."""


class Connection:
    """One Redis, alone, behind Sentinels, or a cluster. Safe to use from many threads, and again after a fork.

    Args:
        address: where.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.place = str(address)
        self._lock = threading.Lock()
        self._client: Any = None
        self._process = 0

    @property
    def client(self) -> Any:
        """redis-py's client; it tries nothing again by itself."""
        with self._lock:
            if self._client is None or self._process != os.getpid():
                self._client, self._process = _connect(self.address), os.getpid()
            return self._client

    def ask(self, act: Callable[[Any], _T]) -> _T:
        """Returns what an act returns. When the connection is lost it is done again, for as long as the URL says.

        Args:
            act: is handed the client; harmless when it is done twice.

        Raises:
            DataOpsError: what redis-py raises, with what to do; after `retry` seconds and, at most, one attempt more.
        """
        until = time.monotonic() + self.address.retry

        def once() -> _T:
            try:
                return _act(act, self)
            except _REFUSED as refused:
                raise _Over from refused
            except LOST as lost:
                if time.monotonic() >= until:
                    raise _Over from lost
                raise

        try:
            return _AGAIN.call_with_retry(once, lambda _: None)
        except _Over as over:
            error: Any = over.__cause__
            raise explained(error, self.place) from error
        except (of_redis.RedisError, of_redis.RedisClusterException, OSError) as error:
            raise explained(error, self.place) from error

    def close(self) -> None:
        """Releases connections; safe to call twice."""
        with self._lock:
            if self._client is not None and self._process == os.getpid():
                self._client.close()
            self._client = None


def _act(act: Callable[[Any], _T], connection: Connection) -> _T:
    try:
        return act(connection.client)
    except of_redis.RedisClusterException as error:
        raise error.__cause__ or error from None  # what it met at the last node, when it could ask none


def _connect(address: Address) -> Any:
    options: dict[str, Any] = {
        "username": address.user,
        "password": address.password,
        "socket_timeout": address.timeout,
        "socket_connect_timeout": address.timeout,
        "socket_keepalive": True,
        "health_check_interval": _HEALTHY,
        "retry": Retry(NoBackoff(), 0),
    }
    if address.tls is not None:
        options |= {"ssl": True, **address.tls}
    if address.kind == "cluster":
        from redis.cluster import ClusterNode, RedisCluster

        return RedisCluster(startup_nodes=[ClusterNode(host, port) for host, port in address.hosts], **options)
    options["db"] = address.db
    if address.kind == "sentinel":
        from redis.sentinel import Sentinel

        of_sentinels = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout", "retry")}
        sentinels = Sentinel(list(address.hosts), sentinel_kwargs=of_sentinels, **options)
        return sentinels.master_for(address.service)
    ((host, port),) = address.hosts
    return redis.Redis(host=host, port=port, **options)
