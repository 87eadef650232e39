"""What serves the records of a home: nothing for the embedded store, a Redis of its own where the campaign says so."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: The variable that names the backend: "" or "redis".
BACKEND: Final = "CAMPAIGN_RECORDS"
#: The file in a home that says where its records are, when they are not embedded.
ADDRESS: Final = "records.url"
_REDIS: Final = Path(__file__).parents[1] / "plugins" / "dataops-redis"


@contextmanager
def served(home: Path) -> Iterator[None]:
    """Serves the records of a home within the block; what is kept lies in the home, and can be copied with it."""
    if os.environ.get(BACKEND) != "redis":
        yield
        return
    sys.path.insert(0, str(_REDIS))
    from redis_servers import server

    folder = home / "redis"
    folder.mkdir(exist_ok=True)
    with server(folder) as running:
        (home / ADDRESS).write_text(running.url)
        yield
