"""What `dataops storage check` says of a server: what may be lost there, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from redis import exceptions as of_redis

from dataops_core.contracts.records import Finding
from dataops_core.errors import DataOpsError
from dataops_redis.addresses import Address
from dataops_redis.connection import Connection

_OLDEST: Final = (6, 2)
_HERE: Final = ("localhost", "127.0.0.1", "::1")


def examine(redis: Connection) -> list[Finding]:
    """Returns what is right and wrong with the server, or with each primary of a cluster, a line each."""
    try:
        return redis.ask(lambda client: _findings(client, redis.address))
    except DataOpsError as error:
        return [Finding("error", error.message, error.hint)]


def _findings(client: Any, address: Address) -> list[Finding]:
    return [*_whole(client, address), *(line for who, info in _servers(client, address) for line in _of(who, info))]


def _whole(client: Any, address: Address) -> Iterator[Finding]:
    client.ping()
    yield Finding("ok", f"{address} answers")
    if address.tls is None and any(host not in _HERE for host, _ in address.hosts):
        what = "the connection is not encrypted, and leaves this machine"
        yield Finding("warn", what, "use rediss:// where the network is not your own")
    if address.user is None and address.password is None:
        level: Any = "ok" if all(host in _HERE for host, _ in address.hosts) else "warn"
        yield Finding(level, "no password is set", "set requirepass or an ACL user, and REDIS_PASSWORD here")
    if address.kind == "cluster":
        state = client.cluster_info(target_nodes=client.get_primaries()[0])
        if state.get("cluster_state") != "ok":
            hint = "redis-cli --cluster check HOST:PORT says which slots nobody serves"
            yield Finding("error", f"the cluster is {state.get('cluster_state')}", hint)
        else:
            yield Finding("ok", f"the cluster serves all slots with {state.get('cluster_size')} primaries")


def _servers(client: Any, address: Address) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if address.kind != "cluster":
        yield str(address), client.info() | {"set": _settings(client)}
        return
    for node in client.get_primaries():
        yield str(node.name), client.info(target_nodes=node) | {"set": _settings(client, target_nodes=node)}


def _settings(client: Any, **of: Any) -> dict[str, str]:
    try:
        return dict(client.config_get("*", **of))
    except of_redis.ResponseError:  # managed servers do not say
        return {}


def _of(who: str, info: Mapping[str, Any]) -> Iterator[Finding]:
    said: Mapping[str, str] = info["set"]
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        yield Finding("error", f"{who} is Redis {version}", "Redis 6.2 or newer is needed")
    else:
        yield Finding("ok", f"{who} is Redis {version}")
    if info.get("role") == "slave":
        yield Finding("error", f"{who} is a read-only replica", "name the primary, or use redis+sentinel://")
    policy = str(info.get("maxmemory_policy") or said.get("maxmemory-policy") or "noeviction")
    if int(info.get("maxmemory") or 0) == 0:
        yield Finding("ok", f"{who} has no limit of memory ({info.get('used_memory_human', '?')} used)")
    elif policy == "noeviction":
        yield Finding("ok", f"{who} evicts nothing when its memory is full")
    else:
        lost = "expiring records" if policy.startswith("volatile") else "any record"
        yield Finding("error" if lost == "any record" else "warn", f"{who} throws {lost} away when its memory is full "
                      f"({policy})", "config set maxmemory-policy noeviction")  # fmt: skip
    yield from _persistence(who, info, said)
    replicas = int(info.get("connected_slaves") or 0)
    if replicas and int(said.get("min-replicas-to-write") or 0) == 0:
        what = f"{who} copies to {replicas} replicas after it has answered: a failover may lose the last commits"
        yield Finding("warn", what, "config set min-replicas-to-write 1 and min-replicas-max-lag 10 make that rarer")


def _persistence(who: str, info: Mapping[str, Any], said: Mapping[str, str]) -> Iterator[Finding]:
    if int(info.get("aof_enabled") or 0):
        how = said.get("appendfsync", "")
        if how == "always":
            yield Finding("ok", f"{who} syncs every commit to its disk")
        else:
            what = (
                f"{who} syncs to its disk {_OFTEN.get(how, 'by its own setting')}: a power cut may lose what came since"
            )
            yield Finding("warn", what, "config set appendfsync always")
        if info.get("aof_last_write_status", "ok") != "ok":
            yield Finding("error", f"{who} could not write its log", "look at its disk and its own log")
    elif said.get("save") or not said:
        what = f"{who} keeps a copy of its memory now and then: a crash loses all since the last one"
        yield Finding("warn", what, "config set appendonly yes, and appendfsync always")
    else:
        yield Finding("error", f"{who} keeps nothing on disk: a restart loses everything",
                      "config set appendonly yes, and appendfsync always")  # fmt: skip


_OFTEN: Final = {"everysec": "once a second", "no": "when the system likes"}
