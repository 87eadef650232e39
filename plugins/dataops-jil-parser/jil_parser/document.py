"""The document that a run leaves behind: everything that was found, as JSON."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from jil_parser.boxes import Nesting
from jil_parser.definitions import Condition, Definitions
from jil_parser.network import Network
from jil_parser.order import Chain, Cycle, Order
from jil_parser.related import Reason, Related, after, before, exclusions
from jil_parser.unknown import Unknown, unknown_after, unknown_before

SCHEMA_VERSION = 1
Direction = Literal["upstream", "downstream", "both"]


class JobEntry(TypedDict):
    """A job, and where it stands in the batch."""

    name: str
    type: str
    line: int
    box: str | None
    depth: int
    level: int
    cycle: int | None
    partial: bool
    attributes: dict[str, str]
    conditions: dict[str, Condition]


class Asked(TypedDict):
    """The answer for one job."""

    job: str
    named_by: Literal["parameter", "query"]
    direction: Direction
    defined: bool
    boxes: list[str]
    before: list[Related] | None
    after: list[Related] | None
    not_while: list[Reason]
    keeps_out: list[Reason]
    never_starts: bool
    unknown: list[Unknown]
    unknown_after: list[Unknown]


class Missing(TypedDict):
    """A job that is named and not defined."""

    job: str
    named_by: list[str]


class Unexpressed(TypedDict):
    """Something that the Airflow DAG does not do as AutoSys does."""

    job: str
    line: int
    what: str
    detail: str


class Airflow(TypedDict):
    """What the Airflow DAG holds: how many jobs, and what it does not do as AutoSys does."""

    jobs: int
    not_expressed: list[Unexpressed]


class Document(TypedDict):
    """All of it; the README describes every field."""

    schema_version: int
    source: dict[str, Any]
    jobs: list[JobEntry]
    objects: dict[str, dict[str, dict[str, Any]]]
    overrides: list[dict[str, Any]]
    asked: Asked | None
    cycles: list[Cycle]
    box_loops: list[str]
    missing: list[Missing]
    critical_chain: Chain
    levels: int
    rounds: int
    airflow: Airflow
    problems: list[dict[str, Any]]
    problems_left_out: int
    notes: list[str]


def document(definitions: Definitions, nesting: Nesting, network: Network, order: Order) -> Document:
    """Returns the document of a file, without an answer for one job."""
    entries: list[JobEntry] = []
    for name, job in definitions["jobs"].items():
        entries.append(
            {
                "name": name, "type": job["type"], "line": job["line"], "box": job["box"],
                "depth": nesting["depth"].get(name, 0), "level": order.levels[name],
                "cycle": order.circle.get(network.entry(name)), "partial": job["partial"],
                "attributes": job["attributes"], "conditions": job["conditions"],
            }
        )  # fmt: skip
    return {
        "schema_version": SCHEMA_VERSION,
        "source": {
            "file": definitions["file"],
            "size_bytes": definitions["size"],
            "statements": definitions["statements"],
        },
        "jobs": entries,
        "objects": definitions["objects"],
        "overrides": definitions["overrides"],
        "asked": None,
        "cycles": order.cycles,
        "box_loops": nesting["endless"],
        "missing": [{"job": job, "named_by": by} for job, by in network.missing.items()],
        "critical_chain": order.chain,
        "levels": max(order.levels.values(), default=0),
        "rounds": nesting["rounds"],
        "airflow": {"jobs": 0, "not_expressed": []},
        "problems": definitions["problems"],
        "problems_left_out": definitions["problems_left_out"],
        "notes": [],
    }


def ask(
    network: Network, order: Order, job: str, direction: Direction, named_by: Literal["parameter", "query"]
) -> Asked:
    """Returns what runs before and after a job."""
    not_while, keeps_out = exclusions(network, job)
    earlier = None if direction == "downstream" else before(network, order, job)
    later = None if direction == "upstream" else after(network, order, job)
    return {
        "job": job,
        "named_by": named_by,
        "direction": direction,
        "defined": job in network.jobs,
        "boxes": network.around(job),
        "before": earlier,
        "after": later,
        "not_while": not_while,
        "keeps_out": keeps_out,
        "never_starts": network.entry(job) in order.dead,
        "unknown": unknown_before(network, job, (item["job"] for item in earlier or ())),
        "unknown_after": [] if later is None else unknown_after(network, job, (item["job"] for item in later)),
    }
