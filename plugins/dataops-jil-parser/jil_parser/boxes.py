"""Which boxes a job lies in, resolved round by round: each round looks twice as far up as the one before."""

from __future__ import annotations

from typing import TypedDict

from jil_parser.definitions import Job


class Nesting(TypedDict):
    """How far the boxes are known.

    Args:
        up: by job, the box as many levels up as were looked at; jobs that have none are not there.
        depth: by job, how many boxes lie around it, as far as was looked.
        rounds: how many were needed.
        done: whether another round would change nothing.
        endless: the jobs whose boxes lie in one another, so that no outermost one is ever met.
    """

    up: dict[str, str]
    depth: dict[str, int]
    rounds: int
    done: bool
    endless: list[str]


def begin(jobs: dict[str, Job]) -> Nesting:
    """Returns what the jobs say of themselves: the next box."""
    up = {name: job["box"] for name, job in jobs.items() if job["box"] is not None}
    return {"up": up, "depth": dict.fromkeys(up, 1), "rounds": 0, "done": not up, "endless": []}


def resolve(nesting: Nesting) -> Nesting:
    """Looks once more as far up, and says whether that was the end."""
    up, depth = nesting["up"], nesting["depth"]
    further = {name: up[box] for name, box in up.items() if box in up}
    rounds = nesting["rounds"] + 1
    deeper = {**depth, **{name: depth[name] + depth[box] for name, box in up.items() if box in depth}}
    # Whoever still finds a box after more levels than there are jobs goes round in a loop.
    if further and 2**rounds > len(depth):
        known = {name: levels for name, levels in deeper.items() if name not in further}
        return {"up": {}, "depth": known, "rounds": rounds, "done": True, "endless": sorted(further)}
    return {"up": further, "depth": deeper, "rounds": rounds, "done": not further, "endless": []}
