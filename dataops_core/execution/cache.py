"""Expiring values by key, for nodes and models."""

from __future__ import annotations

from typing import Any

from dataops_core.contracts.records import ANY, Put, RecordStore
from dataops_core.errors import InvalidValue
from dataops_core.storage import schema


class Cache:
    """JSON values that disappear by themselves; a value that is too large is not kept."""

    def __init__(self, records: RecordStore) -> None:
        self._records = records

    def get(self, key: str) -> Any:
        """Returns the value, or None."""
        stored = self._records.get(schema.CACHE, key)
        return None if stored is None else stored.record["value"]

    def put(self, key: str, value: Any, seconds: float) -> None:
        """Keeps a JSON value for that many seconds."""
        record = {"cache_key": key, "value": value, "expires_at": self._records.now() + seconds}
        try:
            self._records.commit([Put(schema.CACHE, record, ANY)])
        except InvalidValue:
            return
