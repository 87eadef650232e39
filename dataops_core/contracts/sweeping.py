"""Sweeping: what a store may offer to remove what nobody can see any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Swept:
    """What a store removed, or would remove: how many of a kind, and how many bytes they had."""

    kind: str
    count: int
    bytes: int


@runtime_checkable
class Sweeper(Protocol):
    """A store that keeps what nobody can see any more, and can remove it. Optional, of record and blob stores."""

    def sweep(self, grace: float, *, dry_run: bool = False) -> list[Swept]:
        """Removes what is left over and older than `grace` seconds; with `dry_run` only says what there is."""
