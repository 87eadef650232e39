"""Moving a snapshot into another session, with the ids that everything has there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from dataops_core import history
from dataops_core.contracts.records import Record
from dataops_core.snapshots.lines import Lines
from dataops_core.snapshots.reading import Part, unpacked_parts
from dataops_core.snapshots.writing import Writer, keep_blob
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import pointer

_OWN: Final = re.compile("[0-9a-z]{1,64}")


@dataclass(slots=True)
class Renaming:
    """The ids of a session as they are in another one: what stands before the first dot is exchanged.

    Args:
        old, new: the sessions' ids.
        left_out: how many ids that belong to neither were left out.
    """

    old: str
    new: str
    left_out: int = 0

    def id(self, given: str | None) -> str | None:
        """Returns the new id; None for one that does not belong to the session, or is not made like ours."""
        if given is None:
            return None
        session_id, _, own = given.partition(".")
        if session_id == self.old and _OWN.fullmatch(own):
            return f"{self.new}.{own}"
        self.left_out += 1
        return None

    def ids(self, given: Iterable[str]) -> list[str]:
        """Returns the new ids of those that belong to the session."""
        return [renamed for old in given if (renamed := self.id(old)) is not None]

    def message_id(self, given: str, number: int) -> str:
        """Returns the new id of a message; one that its caller gave stays."""
        return history.made_id(self.new, number) if given == history.made_id(self.old, number) else given


def move(stores: Stores, snapshot: Record, lines: Lines, names: Renaming, user_id: str) -> Record:
    """Writes the blob of a snapshot anew, for another session, and returns its row there.

    Args:
        stores: where the other session is kept.
        snapshot: its `snapshot_id`, `with_contents` and `compressed`, and `label` and `hidden` where it has them.
        lines: of the snapshot, unpacked.
        names: from its session to the other one.
        user_id: whose the other session is.

    Raises:
        CorruptData: it is no snapshot, or no longer one.
        NewerDatabase: a newer DataOps wrote it.
    """
    snapshot_id = names.id(snapshot["snapshot_id"])
    if snapshot_id is None or schema.made_at(snapshot_id) is None:
        raise lines.wrong("its id is none")
    facts: Record = {}

    def fill(writer: Writer) -> None:
        for part in unpacked_parts(snapshot["snapshot_id"], lines):
            if part.kind == "header":
                facts.update(created_at=part.value["created_at"], revision=part.value["revision"])
                own = {"snapshot_id": snapshot_id, "session_id": names.new, "user_id": user_id}
                writer.line({**part.value, **own})
                continue
            writer.line({part.kind: _renamed(part, names, lines)})
            if part.content is not None:
                writer.content(part.content)

    row = pointer("snapshot", snapshot_id, with_contents=snapshot["with_contents"])
    row = keep_blob(stores, row, fill, compress=snapshot["compressed"])
    return row | facts | {name: snapshot[name] for name in ("label", "hidden") if snapshot.get(name)}


def _renamed(part: Part, names: Renaming, lines: Lines) -> dict[str, Any]:
    value = dict(part.value)
    if part.kind == "message":
        value["message_id"] = names.message_id(value["message_id"], value["number"])
    for name in ("run_id", "artifact_id"):
        if name in value and (renamed := names.id(value.pop(name))) is not None:
            value[name] = renamed
    if part.kind != "message" and f"{part.kind}_id" not in value:
        raise lines.wrong(f"line {lines.count} is no {part.kind} of its session")
    if "artifacts" in value:
        value["artifacts"] = names.ids(value["artifacts"])
    return value
