"""`storage gc` with no grace and no retention, as the campaign calls it after every kill."""

from __future__ import annotations

from dataclasses import replace

from campaign.processes import Say
from dataops_core import settings
from dataops_core.storage.opening import open_stores
from dataops_core.upkeep.gc import gc


def sweep(say: Say) -> None:
    """Sweeps the home of this process; says what could not be completed."""
    chosen = replace(settings.current(), failure_retention_days=0.0)
    report = gc(open_stores(), grace=0, settings=chosen)
    say("swept", count=report.count, problems=report.problems)
