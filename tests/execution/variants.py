"""What is put around the nodes of the zoo."""

from __future__ import annotations

from typing import Any

from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.middleware import NodeMiddleware
from dataops_core.decorators import (
    with_artifacts,
    with_caching,
    with_error_recovery,
    with_session_context,
    with_telemetry,
)

FIVE = [type(f"Pass{n}", (NodeMiddleware,), {"name": f"pass{n}"})() for n in range(5)]
MANIFEST = Manifest(name="zoo", version="1.0.0", description="The zoo.")


def decorate(function: Any) -> Any:
    """Puts the five decorators of the core on a function."""
    return with_telemetry(with_caching(with_error_recovery(with_session_context(with_artifacts(function)))))
