"""The operations that are killed: how a home is prepared for each, what it does, and how people go on after a kill."""

from __future__ import annotations

from campaign.operations import contexts, runs, sessions, upkeep
from campaign.operations.operation import Operation

OPERATIONS: dict[str, Operation] = {
    operation.name: operation for part in (sessions, contexts, runs, upkeep) for operation in part.OPERATIONS
}

__all__ = ["OPERATIONS", "Operation"]
