"""The entry point: opens a record store by its URL."""

from __future__ import annotations

from collections.abc import Sequence

from dataops_core.contracts.hookspecs import hookimpl
from dataops_core.contracts.records import RecordStore, Table

DATAOPS_API = 1


@hookimpl
def dataops_record_store(url: str, tables: Sequence[Table]) -> RecordStore:
    """Opens `redis://host:port/db`, or another form that `dataops_redis.addresses` knows."""
    from dataops_redis.addresses import address
    from dataops_redis.records import RedisRecords

    return RedisRecords(address(url), tables)
