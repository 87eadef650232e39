"""What both suites share: where the store under test is, what can be done to it, and how far the suite looks.

A clause that cannot be tried on every store says what it `needs`. A suite offers it by giving what the clause uses;
what is not offered is reported as skipped, with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from dataops_core.testing.child import Place
from dataops_core.testing.fault_proxy import Fault, FaultProxy

_Clause = TypeVar("_Clause", bound=Callable[..., Any])

#: What a clause may need, and why a suite does not offer it.
CAPABILITIES = {
    "processes": "`processes` is 0: the store lives within one process",
    "network": "`proxied` is not given: the store is not reached over a network",
    "damage": "`corrupt` is not given: nobody can damage what the store keeps",
}


def needs(capability: str) -> Callable[[_Clause], _Clause]:
    """Marks a clause that can only be tried where the suite offers a capability; see `CAPABILITIES`."""
    assert capability in CAPABILITIES, f"there is no capability {capability!r}"

    def mark(clause: _Clause) -> _Clause:
        clause.__dict__["needs"] = capability
        return clause

    return mark


class Suite:
    """What a subclass in a test module says of its store.

    Attributes:
        plugin: the module with the hook that opens the store.
        processes: how many processes work at once, two to eight; 0 where no other process can open the store.
        kills: at how many lines of the backend's code a process is killed at most, spread evenly; what is left out
            is said by no report, so let it be large where a line costs little. `DATAOPS_SUITE_KILLS` sets it.
        examples: how often the state machine runs; `DATAOPS_SUITE_EXAMPLES` sets it.
        steps: how many steps each of these runs has.
        machine: settings of the state machine altogether, in place of `examples` and `steps`.
        patience: seconds after which a store that gets no answer has to raise Unreachable.
        faults: what happens to exchanges.
    """

    plugin: str
    processes = 4
    kills = int(os.environ.get("DATAOPS_SUITE_KILLS", "60"))
    examples = int(os.environ.get("DATAOPS_SUITE_EXAMPLES", "20"))
    steps = 20
    machine: settings | None = None
    patience = 20.0
    faults: tuple[Fault, ...] = ("reset", "lost", "torn", "cut", "twice")

    def url(self, place: Path) -> str:
        """Returns the URL of a store that is empty and nobody else's.

        Args:
            place: an empty folder, another one for each test; its name is unique.
        """
        raise NotImplementedError

    def upstream(self, place: Path) -> tuple[str, int]:
        """Returns host and port of the server that keeps the store of `url(place)`; needed beside `proxied`."""
        raise NotImplementedError

    def proxied(self, place: Path, port: int) -> Any:
        """Opens the store of `url(place)`, which is prepared, through a proxy; offers the capability `network`.

        Let it wait briefly for answers: a second or so, and try again for a second or so.

        Args:
            place: the folder that `url` was given.
            port: where the proxy listens on 127.0.0.1; it forwards to `upstream(place)`.
        """
        raise NotImplementedError

    @classmethod
    def offers(cls, capability: str) -> bool:
        """Says whether clauses that need a capability can be tried."""
        if capability == "processes":
            return cls.processes > 0
        given = getattr(cls, {"network": "proxied", "damage": "corrupt"}[capability], None)
        return given is not None and not given.__module__.startswith(__name__.rpartition(".")[0])

    @classmethod
    def lacks(cls, clause: Any) -> str | None:
        """Returns why a clause cannot be tried by this suite, or None when it can."""
        needed = getattr(clause, "needs", None)
        return None if needed is None or cls.offers(needed) else CAPABILITIES[needed]

    def looks(self) -> settings:
        """Returns the settings of the state machine."""
        if self.machine is not None:
            return self.machine
        return settings(
            max_examples=self.examples,
            stateful_step_count=self.steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )

    @pytest.fixture(autouse=True)
    def _offered(self, request: pytest.FixtureRequest) -> None:
        reason = self.lacks(request.function)
        if reason is not None:
            pytest.skip(f"{type(self).__name__}: {reason}")

    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        """Where the store of this test is."""
        return Place(self.plugin, self.url(tmp_path))

    @pytest.fixture
    def proxy(self, tmp_path: Path, store: Any) -> Iterator[FaultProxy]:
        """A proxy before the store's server."""
        with FaultProxy(*self.upstream(tmp_path)).running() as proxy:
            yield proxy

    @pytest.fixture
    def through(self, tmp_path: Path, proxy: FaultProxy) -> Iterator[Any]:
        """The store, through the proxy."""
        through = self.proxied(tmp_path, proxy.port)
        yield through
        through.close()
