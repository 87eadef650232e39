"""What the file does not say of the jobs that an answer is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypedDict

from jil_parser.network import Network
from jil_parser.vocabulary import shown


class Unknown(TypedDict):
    """Something that is not known of a job, so that it may wait for more than is told; `line` is where."""

    job: str
    line: int
    why: str


def unknown(network: Network, jobs: Iterable[str]) -> list[Unknown]:
    """Returns what is not known of jobs and of the boxes around them, each thing once.

    Args:
        network: of the file.
        jobs: the asked job and what runs before it.
    """
    holders: dict[str, None] = {}
    for job in jobs:
        holder: str | None = job
        while holder is not None and holder not in holders:  # what lies further around is known then
            holders[holder] = None
            holder = network.jobs[holder]["box"] if holder in network.jobs else None
    return [{"job": holder, "line": line, "why": why} for holder in holders for line, why in _of(network, holder)]


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
