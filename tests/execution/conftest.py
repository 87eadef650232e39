"""A run that a test's context executes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dataops_core import SessionManager
from dataops_core.execution.runner import Runner
from dataops_core.execution.scope import RunScope, current_run
from tests.execution.variants import MANIFEST


@pytest.fixture
def scope(stores: Any) -> Iterator[RunScope]:
    """A run that this context executes; its events are in `scope.heard`."""
    sid = SessionManager(stores).create_session("ann").session_id
    run = {"run_id": f"{sid}.r", "session_id": sid, "attempt": 1, "input": {}}
    heard: list[Any] = []
    scope = Runner(stores, listener=heard.append).scope(run, "fence", MANIFEST)
    scope.heard = heard  # type: ignore[attr-defined]
    token = current_run.set(scope)
    yield scope
    current_run.reset(token)


@pytest.fixture(params=["outside", "inside"])
def maybe_run(request: pytest.FixtureRequest) -> RunScope | None:
    """Outside of a run, and inside."""
    return request.getfixturevalue("scope") if request.param == "inside" else None
