"""Kills: an operation's store calls are numbered in a dry run, then one process is killed at each of them."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from campaign import numbered
from campaign.acknowledging import WAYS, acknowledged
from campaign.numbered import Strike
from campaign.operations import OPERATIONS, Operation
from campaign.processes import PATIENCE, Process, Said, Say, perform
from campaign.servers import served
from campaign.sweeping import sweep
from campaign.verdict import Verdict, judge

#: Seconds; short, because one in three kills waits until it is over.
LEASE = 1.0
#: Seconds for which gc takes a file that is written for that of a living process, without any grace.
UNFINISHED = 1.1


@dataclass(frozen=True)
class Site:
    """One place to kill at: a store call of an operation, before, in the middle of or after it."""

    operation: str
    phase: str
    position: int
    what: str
    when: str
    number: int

    @property
    def name(self) -> str:
        """Its name: phase, position within it, and what happens there."""
        return f"{self.phase}/{self.position} {self.what} {self.when} ({self.operation})"


@dataclass
class Outcome:
    """What one kill led to."""

    site: Site
    way: str
    hit: bool
    acknowledged: int = 0
    resumed: int = 0
    #: Why it was not possible to go on, in one line.
    failed: str = ""
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        """Whether the site was hit and every invariant holds."""
        return self.hit and not self.failed and not any(asdict(self.verdict).values())


@dataclass(frozen=True)
class Ground:
    """An operation made ready: a home to copy, what was said while it was prepared, and the sites."""

    operation: str
    home: Path
    said: tuple[Said, ...]
    sites: tuple[Site, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """What the preparation tells the operation."""
        return next(line for line in self.said if line["kind"] == "facts")


def prepare(operation: Operation, folder: Path) -> Ground:
    """Prepares a home for an operation and numbers its store calls in a dry run."""
    home = folder / operation.name.replace(" ", "-") / "prepared"
    home.mkdir(parents=True)
    if operation.dead:
        (home / "hold").touch()
    with served(home):
        said = _prepared(operation, home)
    (home / "hold").unlink(missing_ok=True)
    time.sleep(LEASE if operation.dead else 0)
    ground = Ground(operation.name, home, said, ())
    tried = _copied(ground, "dry")
    with served(tried):
        (traced,) = [
            line for line in perform(tried, _dry, operation.name, ground.facts, lease=LEASE) if "trace" in line
        ]
    shutil.rmtree(tried)
    return Ground(operation.name, home, said, tuple(_sites(operation, traced["trace"])))


def _prepared(operation: Operation, home: Path) -> tuple[Said, ...]:
    """Does what comes before an operation, and returns what was said."""
    process = Process(home, operation.prepare, lease=LEASE)
    if operation.dead:
        log = home / "nodes.log"
        deadline = time.monotonic() + PATIENCE
        while not (log.exists() and "hold second begins" in log.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.signal(signal.SIGKILL)
    process.wait()
    if failed := [line["error"] for line in process.said if line["kind"] in ("failed", "hung")]:
        raise RuntimeError(f"{operation.name} could not be prepared: {failed[0]}")
    if not process.told("facts"):
        raise RuntimeError(f"{operation.name} could not be prepared: its process ended with {process.status}, untold")
    return tuple(process.said)


def strike(ground: Ground, site: Site, way: str, serial: int) -> Outcome:
    """Kills one process at a site, lets others go on, and judges what is there then."""
    begin = time.monotonic()
    operation, home = OPERATIONS[ground.operation], _copied(ground, str(serial))
    outcome = Outcome(site, way, False)
    with served(home):
        _struck(ground, operation, home, outcome)
    outcome.seconds = time.monotonic() - begin
    if outcome.right:
        shutil.rmtree(home)
    return outcome


def _struck(ground: Ground, operation: Operation, home: Path, outcome: Outcome) -> None:
    """Kills, goes on, sweeps and judges; fills in the outcome."""
    site, way = outcome.site, outcome.way
    struck = Process(home, operation.act, ground.facts, lease=LEASE, strike=Strike(site.number, site.when))
    outcome.hit = struck.wait() == -signal.SIGKILL and not struck.told("hung")
    died = time.monotonic()
    said = [*ground.said, *struck.said]
    outcome.acknowledged = len(acknowledged(struck.said))
    try:
        went_on = perform(home, operation.go_on, ground.facts, way, lease=LEASE)
        said += went_on
        outcome.resumed = sum(line["kind"] == "resumed" for line in went_on)
        if site.when == "middle":
            time.sleep(max(0.0, died + UNFINISHED - time.monotonic()))
        perform(home, sweep, lease=LEASE)
        judged = perform(home, judge, acknowledged(said), lease=LEASE)
        facts = next(line for line in judged if line["kind"] == "verdict")
        outcome.verdict = Verdict(facts["lost"], facts["twice"], facts["stuck"], facts["orphans"])
    except RuntimeError as error:
        outcome.failed = f"cannot go on: {error}"


def campaign(
    folder: Path, only: Iterable[str], *, kills: int | None, seed: int, lanes: int, at_least: int, left_out: list[Site]
) -> Iterator[Outcome]:
    """Yields what every kill led to.

    Args:
        folder: an empty one for the homes.
        only: names of operations or phases; all when there are none.
        kills: this many sites, drawn evenly; all of them, and again until there are `at_least`, when it is None.
        seed: of the draw, and of who goes on how.
        lanes: how many kills at once.
        left_out: takes the sites that are not drawn.
    """
    wanted = set(only)
    chosen = [o for o in OPERATIONS.values() if not wanted or o.name in wanted or wanted & set(o.phases)]
    grounds: dict[str, Ground] = {}
    for operation in chosen:
        try:
            grounds[operation.name] = prepare(operation, folder)
        except RuntimeError as error:
            nowhere = Site(operation.name, operation.phases[0], 0, "preparation", "failed", 0)
            yield Outcome(nowhere, "nothing", hit=False, failed=str(error))
    sites = [s for g in grounds.values() for s in g.sites if not wanted or {s.operation, s.phase} & wanted]
    rng = random.Random(seed)  # noqa: S311
    if kills is None:
        jobs = list(sites)
        while sites and len(jobs) < at_least:
            jobs += rng.sample(sites, min(len(sites), at_least - len(jobs)))
    else:
        jobs = [sites[i * len(sites) // kills] for i in range(kills)] if sites else []
    left_out += [site for site in sites if site not in set(jobs)]
    offset = rng.randrange(len(WAYS))
    with ProcessPoolExecutor(lanes, mp_context=get_context("fork")) as pool:
        yield from pool.map(
            strike,
            [grounds[site.operation] for site in jobs],
            jobs,
            [WAYS[(number + number // len(WAYS) + offset) % len(WAYS)] for number in range(len(jobs))],
            range(len(jobs)),
        )


def names() -> set[str]:
    """Returns the names of all operations and phases."""
    return {name for operation in OPERATIONS.values() for name in (operation.name, *operation.phases)}


def _dry(say: Say, name: str, facts: dict[str, Any]) -> None:
    OPERATIONS[name].act(say, facts)
    say("trace", trace=numbered.calls.trace)


def _sites(operation: Operation, trace: list[dict[str, Any]]) -> Iterator[Site]:
    """Names the calls of a dry run: those up to a commit that is a phase of a run belong to that phase."""
    phases = [call["phase"] for call in trace]
    for i in range(len(trace) - 2, -1, -1):
        phases[i] = phases[i] or phases[i + 1]
    positions: dict[str, int] = {}
    phase = operation.name
    for call, told in zip(trace, phases, strict=True):
        phase = told or phase
        positions[phase] = positions.get(phase, 0) + 1
        for when in call["when"]:
            yield Site(operation.name, phase, positions[phase], call["what"], when, call["number"])


def _copied(ground: Ground, name: str) -> Path:
    home = ground.home.with_name(name)
    shutil.copytree(ground.home, home)
    return home
