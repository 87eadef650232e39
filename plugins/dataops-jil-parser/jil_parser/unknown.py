"""What the file does not say of the jobs that an answer is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypedDict

from jil_parser.network import Network
from jil_parser.vocabulary import shown


class Unknown(TypedDict):
    """Something that is not known of a job, so that it may wait for more than is told.

    `line` is where, or None for a job that the file does not define.
    """

    job: str
    line: int | None
    why: str


def unknown_before(network: Network, asked: str, related: Iterable[str]) -> list[Unknown]:
    """Returns what is not known of a job, of what runs before it and of the boxes around them, each thing once.

    Args:
        network: of the file.
        asked: the job.
        related: what is known to run before it.
    """
    holders: dict[str, None] = {}
    for job in (asked, *related):
        holder: str | None = job
        while holder is not None and holder not in holders:  # what lies further around is known then
            holders[holder] = None
            holder = network.jobs[holder]["box"] if holder in network.jobs else None
    found: list[Unknown] = []
    if asked not in network.jobs:
        found.append({"job": asked, "line": None, "why": "this file does not define it"})
    return found + _gaps(network, holders)


def unknown_after(network: Network, asked: str, related: Iterable[str]) -> list[Unknown]:
    """Returns what is not known of all jobs that are not known to wait for one: each of them may.

    Args:
        network: of the file.
        asked: the job.
        related: what is known to run after it.
    """
    known = {asked, *related}
    return _gaps(network, (name for name in network.jobs if name not in known))


def _gaps(network: Network, jobs: Iterable[str]) -> list[Unknown]:
    return [{"job": job, "line": line, "why": why} for job in jobs for line, why in _of(network, job)]


def _of(network: Network, name: str) -> Iterator[tuple[int, str]]:
    job = network.jobs.get(name)
    if job is None:
        return
    if job["partial"]:
        yield job["line"], "not all of its definition is here: the file only updates it, or its statement was cut"
    for attribute, condition in job["conditions"].items():
        if condition["tree"] is None:
            yield condition["line"], f"its {attribute} cannot be read"
    box = job["box"]
    if box is not None and box not in network.jobs:
        yield job["line"], f"its box {shown(box)} is not defined in this file"
    elif box is not None and network.jobs[box]["type"] != "BOX":
        yield job["line"], f"its box {shown(box)} is no box but a {shown(network.jobs[box]['type'])} job"
