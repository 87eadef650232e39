"""Tests of real files say so with `@pytest.mark.real_data`, or by asking for the folder itself.

They read the folder that DATAOPS_REAL_DATA names. Without it they are skipped with that reason; `.ci/run` counts in the
JUnit report those that ran.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

FOLDER = os.environ.get("DATAOPS_REAL_DATA")
# Whether a machine is busy is no matter of these tests; `make bench` measures.
settings.register_profile("dataops", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dataops")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files."""
    return Path(FOLDER or ".")  # without a folder, the tests that ask for it are skipped


def pytest_xdist_auto_num_workers() -> int:
    """Tests start processes and wait for disks, so half as many workers again as processors keep these busy."""
    return min(8, max(2, (os.cpu_count() or 1) * 3 // 2))


def pytest_configure() -> None:
    if FOLDER and not Path(FOLDER).is_dir():
        raise pytest.UsageError(f"DATAOPS_REAL_DATA names {FOLDER}, which is not a folder")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("real_data") or "real_data" in getattr(item, "fixturenames", ()):
            item.user_properties.append(("real_data", "yes"))
            if not FOLDER:
                item.add_marker(pytest.mark.skip(reason="DATAOPS_REAL_DATA names no folder"))
