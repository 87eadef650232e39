"""Opening the stores that the settings name, once a process."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from dataops_core import settings as settings_
from dataops_core.contracts.blobs import BlobStore
from dataops_core.contracts.records import RecordStore
from dataops_core.plugin.manager import plugins
from dataops_core.storage.schema import CACHE, TABLES


@dataclass(frozen=True, slots=True)
class Stores:
    """The two primitives that everything above is written upon."""

    records: RecordStore
    blobs: BlobStore

    def close(self) -> None:
        """Closes both."""
        self.records.close()
        self.blobs.close()


_lock = threading.Lock()
_opened: dict[tuple[str, str, str | None], Stores] = {}


def open_stores(settings: settings_.Settings | None = None) -> Stores:
    """Returns the stores of these settings (the current ones by default); opened once a process and URL.

    Raises:
        ConfigError: no installed plugin owns a URL's scheme; the hint says which package to install.
        Unreachable: a store does not answer.
    """
    chosen = settings or settings_.current()
    key = (chosen.records_url, chosen.blobs_url, chosen.hot_url)
    with _lock:
        if key not in _opened:
            _opened[key] = Stores(_records(chosen.records_url, chosen.hot_url), plugins().blob_store(chosen.blobs_url))
        return _opened[key]


def _records(url: str, hot_url: str | None) -> RecordStore:
    records = plugins().record_store(url, TABLES)
    if hot_url is None:
        return records
    from dataops_core.storage.hot_tier import HotTier

    return HotTier(records, lambda: plugins().record_store(hot_url, (CACHE,)))


def close_stores() -> None:
    """Closes every store that this process opened."""
    with _lock:
        for stores in _opened.values():
            stores.close()
        _opened.clear()
