"""Lineage: what an artifact was made from, and what was made from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dataops_core.contracts.records import Record
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import owned_id, pointers
from dataops_core.storage.tombstones import live

Edge = dict[str, Any]


def ancestors(stores: Stores, artifact_id: str, depth: int = 1000) -> set[str]:
    """Returns the ids of everything that an artifact was made from, across sessions."""
    return {edge["parent"] for edge in _up(stores, artifact_id, depth)}


def trace(stores: Stores, artifact_id: str, depth: int) -> dict[str, list[dict[str, Any]]]:
    """Returns `nodes` and `edges` of everything within `depth` links, up across sessions and down within its own."""
    edges = list(_up(stores, artifact_id, depth))
    edges += [edge for edge in _down(stores, artifact_id, depth) if edge not in edges]
    ids = [artifact_id, *dict.fromkeys(i for e in edges for i in (e["parent"], e["child"]) if i != artifact_id)]
    found = map(live, stores.records.get_many(schema.ARTIFACTS, [(i, None) for i in ids]))
    nodes = [_node(i, stored.record if stored else None) for i, stored in zip(ids, found, strict=True)]
    return {"nodes": nodes, "edges": edges}


def _up(stores: Stores, artifact_id: str, depth: int) -> Iterator[Edge]:
    seen, frontier = {artifact_id}, [artifact_id]
    for _ in range(depth):
        found = stores.records.get_many(schema.ARTIFACTS, [(i, None) for i in frontier])
        frontier = []
        for record in [stored.record for stored in found if stored]:
            for link in record.get("parents", ()):
                yield {"child": record["artifact_id"], "parent": link["id"], "relation": link["relation"]}
                if link["id"] not in seen:
                    seen.add(link["id"])
                    frontier.append(link["id"])
        if not frontier:
            return


def _down(stores: Stores, artifact_id: str, depth: int) -> Iterator[Edge]:
    children: dict[str, list[Edge]] = {}
    for stored in pointers(stores, schema.session_of(artifact_id), "artifact"):
        for link in stored.record.get("parents", ()):
            edge = {"child": owned_id(stored), "parent": link["id"], "relation": link["relation"]}
            children.setdefault(link["id"], []).append(edge)
    seen, frontier = {artifact_id}, [artifact_id]
    for _ in range(depth):
        edges = [edge for i in frontier for edge in children.get(i, ())]
        yield from edges
        frontier = [e["child"] for e in edges if e["child"] not in seen]
        seen.update(frontier)
        if not frontier:
            return


def _node(artifact_id: str, record: Record | None) -> dict[str, Any]:
    if record is None:
        return {"id": artifact_id, "missing": True}
    return {
        "id": artifact_id,
        "name": record.get("name"),
        "type": record["artifact_type"],
        "workflow": record["workflow_name"],
        "session": record["session_id"],
    }
