"""Opening the stores that the settings name, once a process."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from dataops_core import settings as settings_
from dataops_core.contracts.blobs import BlobStore
from dataops_core.contracts.records import RecordStore
from dataops_core.plugin.manager import plugins
from dataops_core.storage.schema import TABLES


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
_opened: dict[tuple[str, str], Stores] = {}


def open_stores(settings: settings_.Settings | None = None) -> Stores:
    """Returns the stores of these settings (the current ones by default); opened once a process and URL.

    Raises:
        ConfigError: no installed plugin owns a URL's scheme; the hint says which package to install.
        Unreachable: a store does not answer.
    """
    chosen = settings or settings_.current()
    key = (chosen.records_url, chosen.blobs_url)
    with _lock:
        if key not in _opened:
            _opened[key] = Stores(plugins().record_store(key[0], TABLES), plugins().blob_store(key[1]))
        return _opened[key]


def close_stores() -> None:
    """Closes every store that this process opened."""
    with _lock:
        for stores in _opened.values():
            stores.close()
        _opened.clear()
