"""What an operation under fire is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from campaign.processes import Say

Facts = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One operation under fire.

    Args:
        name: of the operation; of its store calls too, unless a commit says what it is in a run's life.
        phases: the names that its store calls get.
        prepare: `(say) -> None` in a fresh home; says `facts`.
        act: `(say, facts) -> None`, the calls that are killed.
        go_on: `(say, facts, way) -> None`, what people do next.
        dead: whether the process that prepares the home is killed in the second node of a run.
    """

    name: str
    phases: tuple[str, ...]
    prepare: Callable[[Say], None]
    act: Callable[[Say, Facts], None]
    go_on: Callable[[Say, Facts, str], None]
    dead: bool = False
