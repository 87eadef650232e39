"""Loading a bundle: a new session, its user's, with new ids, that is there as a whole or not at all.

Everything that belongs to a session has an id that begins with the session's; so all ids are new when that is, and what
named each other does so still. What is named and belongs to another session is left out: nothing of a bundle refers to
anything that was here before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dataops_core import history
from dataops_core.artifact_commits import artifact_pointer
from dataops_core.bundles import layout, shapes
from dataops_core.bundles.layout import Listener
from dataops_core.bundles.reading import Bundle, open_bundle
from dataops_core.bundles.staging import Staging
from dataops_core.contracts.records import ABSENT, Put, Record
from dataops_core.errors import InvalidValue
from dataops_core.hidden import hide
from dataops_core.history import Draft
from dataops_core.session import announce
from dataops_core.snapshots import rows
from dataops_core.snapshots.moving import Renaming, move
from dataops_core.snapshots.writing import FACTS
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import pointer

_OVER: Final = ("success", "error", "timeout", "cancelled")


@dataclass(slots=True)
class Loaded:
    """What was loaded.

    Args:
        session_id: the new session.
        loaded_from: the id of the session that was dumped.
        user_id: whose the new session is.
        ids: what the session and its runs, artifacts and snapshots were called, and what they are called here.
        messages, runs, artifacts, snapshots: how many there are.
        cancelled: runs that were not over: what they would need to go on is not in a bundle.
        expired: artifacts whose time was over.
        left_out: how often something of another session was referred to.
    """

    session_id: str
    loaded_from: str
    user_id: str
    ids: dict[str, str] = field(default_factory=dict)
    messages: int = 0
    runs: int = 0
    artifacts: int = 0
    snapshots: int = 0
    cancelled: int = 0
    expired: int = 0
    left_out: int = 0


def load(stores: Stores, path: Path, user_id: str, heard: Listener | None = None) -> Loaded:
    """Loads a bundle into a new session. Loading it again makes another one.

    Args:
        stores: where the session will be kept.
        path: of the bundle.
        user_id: whose the session will be.
        heard: told what is loaded.

    Raises:
        NotFound: no such file.
        InvalidValue: it is no bundle, or breaks a limit.
        CorruptData: it is damaged or forged.
        NewerDatabase: a newer DataOps wrote it.
        Conflict: the session was deleted while it was loaded.
    """
    with open_bundle(path) as bundle:
        bundle.verify(heard)
        with Staging(stores, user_id) as staging:
            bundle.beat = staging.alive
            loading = _Loading(stores, bundle, staging, heard)
            try:
                loading.everything()
                staging.finish()
            except InvalidValue as error:  # it says what no session may hold
                raise bundle.wrong(error.message) from None
    announce("session.changed", loading.told.session_id, change="loaded", loaded_from=bundle.session_id)
    return loading.told


class _Loading:
    """The loading of one bundle into one session."""

    def __init__(self, stores: Stores, bundle: Bundle, staging: Staging, heard: Listener | None) -> None:
        self._stores, self._bundle, self._staging, self._heard = stores, bundle, staging, heard
        self._names = Renaming(bundle.session_id, staging.session_id)
        self.told = Loaded(staging.session_id, bundle.session_id, staging.record["user_id"])
        self.told.ids[bundle.session_id] = staging.session_id

    def everything(self) -> None:
        """Adds all there is, and completes the session's record. Runs come last, since all runs can be listed."""
        with self._bundle.lines(layout.SESSION) as lines:
            facts = lines.checked("session", shapes.SessionLine, lines.line())
            lines.end()
        if facts["session_id"] != self._bundle.session_id:
            raise self._bundle.wrong("the manifest is of another session")
        self._artifacts()
        self._messages(facts["revision"])
        self._snapshots(facts["revision"])
        self._staging.flush()
        self._runs()
        record = self._staging.record
        record |= {name: facts[name] for name in (*FACTS, "revision")}
        record["loaded_from"] = self._bundle.session_id
        if facts.get("idle_seconds"):
            record["idle_seconds"] = facts["idle_seconds"]
        if hidden := self._ranges(facts, facts["revision"]):
            record["hidden"] = hidden
        record["conversation_history"] = history.tail(
            self._stores.records, self._staging.session_id, revision=facts["revision"], hidden=hidden
        )
        self.told.left_out = self._names.left_out

    def _messages(self, revision: int) -> None:
        session_id, last = self._staging.session_id, 0
        for value in self._lines(layout.MESSAGES, "message", shapes.MessageLine):
            number = value["number"]
            if not last < number <= revision:
                raise self._bundle.wrong(f"message {number} follows message {last}")
            last = number
            draft = Draft(
                value["role"], value["content"], value.get("workflow"), self._names.ids(value.get("artifacts", ())),
                value.get("message_id"), self._names.id(value.get("run_id")),
            )  # fmt: skip
            counted: Record = {"session_id": session_id, "revision": number - 1, "conversation_history": []}
            writes, _ = history.append(counted, [draft], blobs=self._stores.blobs, at=value["created_at"])
            self._staging.add(writes)
            self.told.messages += 1

    def _runs(self) -> None:
        now, last = schema.iso(self._stores.records.now()), ""
        for value in self._lines(layout.RUNS, "run", shapes.RunLine):
            run_id = self._own("run", value["run_id"])
            if run_id <= last or schema.made_at(run_id) is None:
                raise self._bundle.wrong(f"run {value['run_id']!r:.80} is out of order")
            last = run_id
            run: Record = {"version": "", **value, "run_id": run_id, "session_id": self._staging.session_id}
            if "artifacts" in run:
                run["artifacts"] = self._names.ids(run["artifacts"])
            if run["status"] not in _OVER:
                run |= {"status": "cancelled", "finished_at": now}
                self.told.cancelled += 1
            self._staging.add(
                [Put(schema.RUNS, run, ABSENT), Put(schema.SESSION_ITEMS, pointer("run", run_id), ABSENT)]
            )
            self.told.runs += 1

    def _artifacts(self) -> None:
        seen: set[str] = set()
        versions: dict[str, int] = {}
        for number, value in enumerate(self._lines(layout.ARTIFACTS, "artifact", shapes.ArtifactLine), 1):
            artifact_id = self._own("artifact", value["artifact_id"])
            if artifact_id in seen:
                raise self._bundle.wrong(f"artifact {value['artifact_id']!r:.80} is in it twice")
            seen.add(artifact_id)
            if value.get("expires_at", float("inf")) <= self._stores.records.now():
                self.told.expired += 1
                continue
            record = self._artifact(value, artifact_id, layout.content_member(number))
            if "name" in record:
                versions[record["name"]] = max(record.get("version", 1), versions.get(record["name"], 0))
            self._staging.add(
                [Put(schema.ARTIFACTS, record, ABSENT), Put(schema.SESSION_ITEMS, artifact_pointer(record), ABSENT)]
            )
            self.told.artifacts += 1
        for name, version in versions.items():
            self._staging.add([Put(schema.SESSION_ITEMS, _counter(self._staging.session_id, name, version), ABSENT)])

    def _artifact(self, value: Record, artifact_id: str, member: str) -> Record:
        session_id = self._staging.session_id
        key = schema.artifact_key(session_id, value["created_at"], artifact_id)
        record: Record = {**value, "artifact_id": artifact_id, "session_id": session_id, "s3_key": key}
        for name, new in (
            ("run_id", self._names.id(record.pop("run_id", None))),
            ("parents", [{**p, "id": i} for p in record.pop("parents", ()) if (i := self._names.id(p["id"]))]),
        ):
            if new:
                record[name] = new
        with self._bundle.open(member) as stream:
            info = self._stores.blobs.put(key, stream, content_type=value["content_type"])
        if (info.size, info.sha256) != (value["size_bytes"], value["sha256"]):
            raise self._bundle.wrong(f"{member} is not the content of artifact {value['artifact_id']!r:.80}")
        return record

    def _snapshots(self, revision: int) -> None:
        seen: set[str] = set()
        for number, value in enumerate(self._lines(layout.SNAPSHOTS, "snapshot", shapes.SnapshotLine), 1):
            snapshot_id = self._own("snapshot", value["snapshot_id"])
            if "label" in value:
                value["label"] = rows.checked_label(value["label"])
            own = {snapshot_id, value.get("label", snapshot_id)}
            if seen & own:
                raise self._bundle.wrong(f"snapshot {value['snapshot_id']!r:.80} or its label is in it twice")
            seen |= own
            value["hidden"] = self._ranges(value, revision)
            with self._bundle.lines(layout.snapshot_member(number)) as lines:
                row = move(self._stores, value, lines, self._names, self._staging.record["user_id"])
            self._staging.add(rows.row_writes(row))
            self.told.snapshots += 1

    def _lines(self, name: str, kind: str, shape: type) -> Iterator[Record]:
        with self._bundle.lines(name) as lines:
            while lines.more:
                yield lines.checked(kind, shape, lines.line())
                if self._heard is not None:
                    self._heard(name.partition(".")[0], lines.count)
            lines.end()

    def _own(self, kind: str, given: str) -> str:
        """Returns the new id of something that the session must own."""
        renamed = self._names.id(given)
        if renamed is None:
            raise self._bundle.wrong(f"{kind} {given!r:.80} is none of its session")
        self.told.ids[given] = renamed
        return renamed

    def _ranges(self, value: Record, revision: int) -> list[list[int]]:
        hidden = value.get("hidden", ())
        if not all(0 < first <= last <= revision for first, last in hidden):
            raise self._bundle.wrong("what is hidden in it is not there")
        return hide(hidden, 1, 0)


def _counter(session_id: str, name: str, version: int) -> Record:
    """Returns the row that counts the artifacts of a name."""
    item = "artifact_name#" + hashlib.sha256(name.encode()).hexdigest()
    return {"session_id": session_id, "item": item, "name": name, "version": version}
