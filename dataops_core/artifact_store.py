"""ArtifactStore: results, kept with their lineage.

The blob is written first, the record last: the record is the commit. Inside a node of a run the record is only staged,
and becomes visible with the step that made it; the run itself can read it at once.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO, Final

from dataops_core import lineage as lineage_
from dataops_core import values
from dataops_core.artifact import Artifact, ArtifactType, Encoded, decode, encode
from dataops_core.artifact_commits import artifact_pointer, commit_artifacts
from dataops_core.contracts.blobs import CHUNK
from dataops_core.contracts.middleware import NodeCall, current_call
from dataops_core.contracts.records import ANY, Delete, Put, Record
from dataops_core.errors import Conflict, InvalidValue, NotFound
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores, open_stores
from dataops_core.storage.ownership import Listing, attempts, owned_id, pointer_item, pointers
from dataops_core.storage.tombstones import live

_SPOOL_BYTES: Final = 8 * CHUNK


class ArtifactStore:
    """Artifacts of every session.

    Args:
        stores: where they are kept; the stores of the settings by default.
    """

    def __init__(self, stores: Stores | None = None) -> None:
        self._given = stores

    @property
    def stores(self) -> Stores:
        """The stores in use, opened when they are first needed."""
        return self._given or open_stores()

    def store_artifact(
        self,
        content: Any,
        session_id: str,
        workflow_name: str,
        artifact_type: ArtifactType | str = ArtifactType.RESULT,
        *,
        name: str | None = None,
        content_type: str | None = None,
        parents: Sequence[str] = (),
        ttl: float | None = None,
    ) -> str:
        """Keeps a result and returns its id.

        Args:
            content: JSON-able values, text, bytes, a DataFrame, or a binary stream.
            session_id: the session that owns it.
            workflow_name: the workflow that made it.
            artifact_type: what it is for.
            name: a name for people; artifacts of one name in a session are numbered versions.
            content_type: MIME type; by the content's Python type when it is not given.
            parents: ids of the artifacts that it was made from.
            ttl: seconds until it disappears; `Artifact.ttl` is then the moment when it does.

        Raises:
            NotFound: no such session, or no such parent.
            Conflict: the session is being deleted or archived.
            InvalidValue: the content cannot be kept, or a value is wrong.
        """
        kind = ArtifactType.of(artifact_type)
        if name is not None:
            values.text("an artifact's name", name, 240)
        made_from = values.ids("parents", parents)
        for parent in made_from:
            self._record(parent)
        encoded = encode(content, content_type)
        call = current_call.get()
        in_run = call is not None and call.run_id is not None and call.session_id == session_id
        now = self.stores.records.now()
        record: Record = {
            "artifact_id": f"{session_id}.{schema.new_session_id()}",
            "session_id": session_id,
            "workflow_name": workflow_name,
            "artifact_type": kind.value,
            "content_type": encoded.content_type,
            "encoding": encoded.encoding,
            "created_at": schema.iso(now),
        }
        if name is not None:
            record["name"] = name
        if made_from:
            record["parents"] = [{"id": parent, "relation": "derived_from"} for parent in made_from]
        if ttl is not None:
            record.update(_expiry(ttl, now))
        if in_run and call is not None:
            self._stage(call, record, encoded)
        else:
            self._require_session(session_id)
            self._put_blob(record, encoded.stream)
            commit_artifacts(self.stores, [record])
        return str(record["artifact_id"])

    def get_artifact(self, artifact_id: str) -> Artifact:
        """Returns what is known of an artifact; raises NotFound when there is none, or it has expired."""
        return Artifact.from_record(self._record(artifact_id))

    def get_artifact_content(self, artifact_id: str) -> Any:
        """Returns the content as it was stored: values, text, bytes or a DataFrame.

        Raises:
            NotFound: no such artifact.
            CorruptData: the stored bytes are not what was written.
        """
        record = self._record(artifact_id)
        with self.stores.blobs.open(record["s3_key"]) as stream:
            return decode(stream, record["encoding"])

    def open_artifact(self, artifact_id: str) -> BinaryIO:
        """Returns the content's bytes as a stream, verified at its end; raises NotFound."""
        return self.stores.blobs.open(self._record(artifact_id)["s3_key"])

    def list_artifacts(
        self,
        session_id: str,
        *,
        artifact_type: ArtifactType | str | None = None,
        workflow_name: str | None = None,
        name: str | None = None,
        run_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[Artifact]:
        """Lists a session's artifacts, newest first, from its own partition: nothing that was acknowledged is missing.

        Args:
            session_id: whose.
            artifact_type, workflow_name, name, run_id: keep only those that match.
            limit: at most this many.
            cursor: of the page before.

        Raises:
            NotFound: no such session.
        """
        values.whole("limit", limit)
        if cursor is not None and not (isinstance(cursor, str) and cursor.startswith("artifact#")):
            raise InvalidValue(f"{cursor!r:.60} is no cursor of a page of artifacts")
        self._require_session(session_id)
        wanted = {"workflow_name": workflow_name, "name": name, "run_id": run_id}
        if artifact_type is not None:
            wanted["artifact_type"] = ArtifactType.of(artifact_type).value
        wanted = {key: value for key, value in wanted.items() if value is not None}
        found: list[Artifact] = []
        batch = max(limit, 1) if not wanted else max(limit, 100)
        while True:
            page = pointers(self.stores, session_id, "artifact", newest_first=True, limit=batch, before=cursor)
            stored = self.stores.records.get_many(schema.ARTIFACTS, [(owned_id(p), None) for p in page])
            for row, item in zip(page, stored, strict=True):
                cursor = row.record["item"]
                if (kept := live(item)) and all(kept.record.get(key) == value for key, value in wanted.items()):
                    found.append(Artifact.from_record(kept.record))
                    if len(found) == limit:
                        return Listing(found, cursor)
            if len(page) < batch:
                return Listing(found)

    def share_artifact(self, artifact_id: str, target_session: str) -> str:
        """Copies an artifact into another session and returns the copy's id; the copy outlives its source.

        Raises:
            NotFound: no such artifact or session.
        """
        source = self._record(artifact_id)
        self._require_session(target_session)
        copy = {key: value for key, value in source.items() if key not in ("run_id", "node", "version", "parents")}
        now = schema.iso(self.stores.records.now())
        copy["artifact_id"] = f"{target_session}.{schema.new_session_id()}"
        copy["session_id"], copy["created_at"] = target_session, now
        copy["s3_key"] = schema.artifact_key(target_session, now, copy["artifact_id"])
        copy["parents"] = [{"id": artifact_id, "relation": "shared_from"}]
        self.stores.blobs.copy(source["s3_key"], copy["s3_key"])
        commit_artifacts(self.stores, [copy])
        return str(copy["artifact_id"])

    def link_artifacts(self, child: str, parents: Iterable[str], relation: str = "derived_from") -> None:
        """Notes that an artifact was made from others; linking twice is no error.

        Raises:
            NotFound: no such artifact.
            Conflict: the link would make an artifact its own ancestor.
        """
        new = [{"id": parent, "relation": relation} for parent in values.ids("parents", parents)]
        for link in new:
            self._record(link["id"])
            if child == link["id"] or child in lineage_.ancestors(self.stores, link["id"]):
                raise Conflict(f"artifact {link['id']!r} was itself made from {child!r}")
        for _ in attempts():
            stored = live(self.stores.records.get(schema.ARTIFACTS, child))
            if stored is None:
                raise _not_found(child)
            record = stored.record
            known = record.get("parents", [])
            record["parents"] = known + [link for link in new if link not in known]
            try:
                self.stores.records.commit(
                    [
                        Put(schema.ARTIFACTS, record, stored.token),
                        Put(schema.SESSION_ITEMS, artifact_pointer(record), ANY),
                    ]
                )
                return
            except Conflict:
                continue
        raise Conflict(f"artifact {child!r} is too busy", hint="try again")

    def lineage(self, artifact_id: str, depth: int = 10) -> dict[str, list[dict[str, Any]]]:
        """Returns what an artifact was made from and what was made from it.

        Args:
            artifact_id: which.
            depth: how many links to follow either way.

        Returns:
            `nodes` (id, name, type, workflow, session; `missing: true` where it is gone) and `edges` (child, parent,
            relation).
        """
        self._record(artifact_id)
        return lineage_.trace(self.stores, artifact_id, depth)

    def delete_artifact(self, artifact_id: str) -> None:
        """Deletes an artifact: its record first, then its content. Raises NotFound."""
        record = self._record(artifact_id)
        item = pointer_item("artifact", artifact_id, record["created_at"])
        self.stores.records.commit(
            [
                Delete(schema.ARTIFACTS, artifact_id, when=ANY),
                Delete(schema.SESSION_ITEMS, record["session_id"], item, ANY),
            ]
        )
        self.stores.blobs.delete(record["s3_key"])

    def _stage(self, call: NodeCall, record: Record, encoded: Encoded) -> None:
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            digest = hashlib.sha256()
            while chunk := encoded.stream.read(CHUNK):
                digest.update(chunk)
                spool.write(chunk)
            spool.seek(0)
            record["artifact_id"] = f"{record['session_id']}.{_content_id(call, record, digest.hexdigest())}"
            record["run_id"], record["node"] = call.run_id, call.node
            self._put_blob(record, spool)
        if call.staged is not None:
            call.staged.append(record)

    def _put_blob(self, record: Record, stream: Any) -> None:
        key = schema.artifact_key(record["session_id"], record["created_at"], record["artifact_id"])
        info = self.stores.blobs.put(key, stream, content_type=record["content_type"])
        record.update(s3_key=key, size_bytes=info.size, sha256=info.sha256)

    def _record(self, artifact_id: str) -> Record:
        call = current_call.get()
        if call is not None and call.services is not None:
            for staged in call.staged or ():
                if staged["artifact_id"] == artifact_id:
                    return dict(staged)
            if found := call.services.staged(artifact_id):
                return dict(found)
        try:
            stored = live(self.stores.records.get(schema.ARTIFACTS, artifact_id))
        except InvalidValue:
            stored = None
        if stored is None:
            raise _not_found(artifact_id)
        return stored.record

    def _require_session(self, session_id: str) -> None:
        try:
            stored = self.stores.records.get(schema.SESSIONS, session_id)
        except InvalidValue:
            stored = None
        if stored is None:
            raise NotFound(f"no session {session_id!r:.80}", hint="dataops sessions list shows the sessions there are")


def _content_id(call: NodeCall, record: Mapping[str, Any], digest: str) -> str:
    # The same node of the same run that stores the same content stores the same artifact, however often it runs.
    told = repr((call.run_id, call.path, call.node, record.get("name"), digest)).encode()
    return base64.b32encode(hashlib.sha256(told).digest()).decode().lower()[:26]


def _expiry(ttl: float, now: float) -> Record:
    values.seconds("an artifact's ttl", ttl)
    return {"expires_at": now + ttl, "ttl": int(now + ttl)}


def _not_found(artifact_id: str) -> NotFound:
    return NotFound(f"no artifact {artifact_id!r:.80}", hint="dataops artifacts list shows the artifacts of a session")
