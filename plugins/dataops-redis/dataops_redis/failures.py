"""What redis-py raises, as errors of DataOps: each names the server and says what to do."""

from __future__ import annotations

from redis import exceptions as of_redis

from dataops_core.errors import ConfigError, DataOpsError, Unreachable

_AGAIN = "a commit that is sent again is recognised"


def explained(error: Exception, place: str) -> DataOpsError:
    """Returns what to raise for what redis-py raised at a place."""
    said = " ".join(str(error).split())[:200]
    if isinstance(error, of_redis.AuthenticationError) or said.startswith(("NOAUTH", "WRONGPASS")):
        hint = "set REDIS_USERNAME and REDIS_PASSWORD, or put user:password@ into the URL"
        return ConfigError(f"{place} refuses the password, or wants one", hint=hint)
    if isinstance(error, of_redis.NoPermissionError) or "NOPERM " in said or "has no permissions" in said:
        hint = "the README of dataops-redis has the rule that the user needs (ACL SETUSER)"
        return ConfigError(f"the user may not do this at {place}: {said}", hint=hint)
    if isinstance(error, of_redis.ReadOnlyError) or "READONLY " in said:
        return Unreachable(f"{place} is a read-only replica", hint="name the primary, or use redis+sentinel://")
    if isinstance(error, of_redis.OutOfMemoryError) or "OOM " in said:
        return Unreachable(f"{place} is out of memory", hint="raise maxmemory; nothing was written")
    if "MISCONF " in said:
        return Unreachable(f"{place} cannot write to its disk, and refuses writes", hint="look at the server's log")
    if isinstance(error, of_redis.BusyLoadingError):
        return Unreachable(f"{place} is still reading its data from disk", hint="try again in a while")
    if isinstance(error, of_redis.MaxConnectionsError) or "max number of clients" in said:
        return Unreachable(f"{place} takes no more connections", hint="raise maxclients, or run fewer processes")
    if isinstance(error, of_redis.ClusterDownError | of_redis.ClusterError | of_redis.SlotNotCoveredError):
        return Unreachable(f"the cluster {place} is not whole: {said}", hint="redis-cli --cluster check HOST:PORT")
    if isinstance(error, of_redis.MasterDownError) or type(error).__name__ == "MasterNotFoundError":
        return Unreachable(f"the Sentinels at {place} know no primary: {said}", hint="check the service's name")
    if isinstance(error, of_redis.TimeoutError):
        return Unreachable(f"{place} does not answer in time", hint=f"check it, then try again; {_AGAIN}")
    if isinstance(error, of_redis.ConnectionError | OSError):
        return Unreachable(
            f"{place} does not answer: {said}", hint=f"is it running, and is the address right? {_AGAIN}"
        )
    return ConfigError(f"{place} refuses a command: {said}", hint="dataops-redis needs Redis 6.2 or newer")
