"""DynamoDB keeps the record store's contract: what is quick. `backend/tests` has the rest, and more of the model."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from dataops_core.testing import RecordStoreSuite


@pytest.mark.usefixtures("aws")
class TestDynamoRecords(RecordStoreSuite):
    plugin = "dataops_aws.dynamodb"
    processes = 2
    machine = settings(
        max_examples=2, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )

    def url(self, place: Path) -> str:
        return f"dynamodb://eu-west-1/t{hashlib.sha256(str(place).encode()).hexdigest()[:20]}_"

    # Each takes minutes with a server written in Python.
    test_a_kill_at_every_step_leaves_all_or_nothing = None  # type: ignore[assignment]
    test_processes_lose_no_update = None  # type: ignore[assignment]
