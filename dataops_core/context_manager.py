"""ContextManager: what a session is about, kept as snapshots, brought back, and carried into other sessions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dataops_core import compression, history
from dataops_core.artifact_store import ArtifactStore
from dataops_core.context_summary import summarize
from dataops_core.contracts.records import Put, Record, Write
from dataops_core.errors import Conflict, InvalidValue, NotFound
from dataops_core.hidden import Ranges, hide, is_hidden, show
from dataops_core.history import Draft
from dataops_core.session import Session, announce, require_active
from dataops_core.session_manager import SessionManager
from dataops_core.snapshots import loading, reading, rows, writing
from dataops_core.snapshots.writing import FACTS, Snapshot
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import Listing, attempts, every_pointer, owned_id, pointers
from dataops_core.storage.tombstones import live

if TYPE_CHECKING:
    from dataops_core.bundles.loading import Loaded
    from dataops_core.bundles.writing import Dumped

__all__ = ["ContextManager", "Snapshot"]

#: What `inherit_context` carries over.
INHERITED: Final = (*FACTS, "runs", "artifacts")
_INHERITED_ARTIFACTS: Final = 50
_INHERITED_TOKENS: Final = 2_000
#: What a snapshot holds of a session's record.
_STATE: Final = (*FACTS, "hidden", "questions")
#: Changes the record that it is given, and returns what shall be hidden up to a revision.
Change = Callable[[Record, int], Ranges]


class ContextManager:
    """Snapshots and checkpoints of sessions.

    Args:
        session_manager: of the sessions; one on the stores of the settings by default.
        artifact_store: of their artifacts, on the same stores; by default one of its own.
    """

    def __init__(
        self, session_manager: SessionManager | None = None, artifact_store: ArtifactStore | None = None
    ) -> None:
        self.sessions = session_manager or SessionManager()
        self.artifacts = artifact_store or ArtifactStore(self.sessions.stores)

    @property
    def stores(self) -> Stores:
        """The stores in use, opened when they are first needed."""
        return self.sessions.stores

    def dump_context(self, session_id: str, include_artifacts: bool = True, compress: bool = True) -> str:
        """Keeps a session's context as a snapshot and returns its id.

        Args:
            session_id: which.
            include_artifacts: whether the contents of its artifacts are kept in it too, or only what is known of them.
            compress: whether the snapshot is compressed.

        Raises:
            NotFound: no such session.
            Conflict: the session is archived or being deleted.
            InvalidValue: the session is larger than a snapshot may be.
        """
        row = rows.keep(self.stores, session_id, contents=include_artifacts, compress=compress, label=None)
        return writing.snapshot_id_of(row)

    def create_checkpoint(self, session_id: str, label: str, *, include_artifacts: bool = False) -> str:
        """Keeps a session's context as a snapshot with a label and returns its id.

        Args:
            session_id: which.
            label: a name of 1 to 240 bytes, once in the session.
            include_artifacts: whether the contents of its artifacts are kept in it too; to restore it in this session
                they are not needed.

        Raises:
            NotFound: no such session.
            Conflict: the label is taken, or the session is archived or being deleted.
            InvalidValue: the label breaks its rules, or the session is larger than a snapshot may be.
        """
        label = rows.checked_label(label)
        self.sessions.get_session(session_id)
        rows.require_free(self.stores, session_id, label)
        row = rows.keep(self.stores, session_id, contents=include_artifacts, compress=True, label=label)
        return writing.snapshot_id_of(row)

    def load_context(
        self,
        snapshot_id: str,
        session_id: str | None = None,
        mode: str = "replace",
        include: Collection[str] = (),
    ) -> dict[str, Any]:
        """Returns the context of a snapshot; with a session it becomes part of that session, too.

        Loading the same snapshot into the same session again, after a crash or at the same time, doubles nothing.

        Args:
            snapshot_id: which.
            session_id: the session to load it into, of any user; None to load it into none.
            mode: `replace`: facts and messages become the snapshot's; what was there is labelled `before-load-…` and
                hidden. `merge`: messages are appended, facts are added where the session says nothing itself.
                `selective`: like merge, of the parts in `include` only.
            include: some of `messages`, `metadata`, `preferences`, `global_context`, `artifacts`.

        Returns:
            The facts (`session_id`, `user_id`, `revision`, `metadata`, `preferences`, `global_context`), `messages`,
            `runs` and `artifacts`; the contents of artifacts are copied into the session, and are not in here.

        Raises:
            NotFound: no such snapshot or session.
            Conflict: the session takes no messages, or with `replace` a run has its turn.
            InvalidValue: unknown mode or part.
            CorruptData: the snapshot is not what was written.
            NewerDatabase: a newer DataOps wrote it.
        """
        names = loading.wanted(mode, include)
        row = rows.find(self.stores, snapshot_id)
        if session_id is None:
            return reading.read(self.stores, row)
        self._require_ready(rows.session_record(self.stores, session_id)[0], idle=mode == "replace")
        context = reading.read(self.stores, row)
        copies = "artifacts" in names
        ids = loading.copy_artifacts(self.stores, row, snapshot_id, session_id) if copies else {}
        numbers = loading.append_messages(self.sessions, context, session_id, ids) if "messages" in names else []
        if mode == "replace":
            questions = row.get("questions", ()) if context["session_id"] == session_id else ()

            def change(record: Record, revision: int) -> Ranges:
                self._set_facts(record, context, questions)
                return show(hide((), 1, revision), numbers)

            self._switch(session_id, "load", change)
        else:
            loading.merge(self.sessions, context, session_id, numbers, names)
        announce("session.changed", session_id, change="loaded", snapshot_id=snapshot_id)
        return context

    def restore_checkpoint(self, session_id: str, label: str) -> Snapshot | None:
        """Brings a session back to a checkpoint: its facts, and its messages up to then.

        Nothing is lost: the present state gets a label first, `before-restore-…`, and restoring that brings all of it
        back. Messages that are appended at the very moment stay. Artifacts and runs are left as they are.

        Returns:
            The checkpoint of what was there before; None when nothing had changed since the checkpoint.

        Raises:
            NotFound: no such session or label.
            Conflict: a run has the session's turn, or the session takes no messages.
            CorruptData: the checkpoint is not what was written.
            NewerDatabase: a newer DataOps wrote it.
        """
        self._require_ready(rows.session_record(self.stores, session_id)[0])
        row = rows.find_labelled(self.stores, session_id, label)
        facts = reading.header(self.stores, row)

        def change(record: Record, revision: int) -> Ranges:
            self._set_facts(record, facts, row.get("questions", ()))
            return hide(row.get("hidden", ()), row["revision"] + 1, revision)

        before = self._switch(session_id, "restore", change)
        if before is not None:
            announce("session.changed", session_id, change="restored", snapshot_id=writing.snapshot_id_of(row))
        return before

    def inherit_context(self, source_session: str, target_session: str, *, include: Collection[str] = ()) -> Session:
        """Gives a session what another one knows: its facts, and one message of what its runs decided and made.

        What the target says itself stays. Artifacts are referred to, not copied. A target inherits from a source once:
        the next call changes nothing.

        Args:
            source_session: whose context.
            target_session: who gets it.
            include: some of `metadata`, `preferences`, `global_context`, `runs`, `artifacts`; all by default.

        Returns:
            The target.

        Raises:
            NotFound: no such session.
            Conflict: the target takes no messages.
            InvalidValue: unknown part, or both are one session.
        """
        names = loading.chosen(include, INHERITED) or frozenset(INHERITED)
        if source_session == target_session:
            raise InvalidValue(f"session {source_session!r} cannot inherit from itself")
        source = self.sessions.get_session(source_session)
        told = self._decisions(source) if "runs" in names else ""
        kept = self.artifacts.list_artifacts(source_session, limit=_INHERITED_ARTIFACTS) if "artifacts" in names else []
        ids = [artifact.artifact_id for artifact in reversed(kept)]
        content = f"Inherited from session {source_session}:\n{told}".rstrip(":\n") + ("" if told else ".")
        draft = Draft("system", content, artifacts=ids, message_id=f"inherited:{source_session}")
        facts = {name: getattr(source, name) for name in FACTS}

        def change(record: Record) -> list[Write]:
            now = self.stores.records.now()
            require_active(record, now)
            loading.merge_facts(record, facts, names)
            return history.append(record, [draft], blobs=self.stores.blobs, at=schema.iso(now))[0]

        def already() -> bool:
            return history.reserved(self.stores.records, target_session, draft.message_id or "") is not None

        self.sessions.get_session(target_session)
        if not already():
            self.sessions.change(target_session, change, settled=already)
            announce("session.changed", target_session, change="inherited", source=source_session)
        return self.sessions.get_session(target_session)

    def compress_context(self, context: Mapping[str, Any] | str, max_tokens: int = 2000) -> Any:
        """Returns a context, or a text, that has at most `max_tokens`, without a model; see `compression.compress`."""
        return compression.compress(context, max_tokens)

    def dump_bundle(self, session_id: str, path: str | Path, *, force: bool = False) -> Dumped:
        """Writes a session with everything that it owns into one file; see `bundles.writing.dump`.

        Raises:
            NotFound: no such session.
            Conflict: the session is archived or being deleted.
            InvalidValue: the file is there already, and not to be replaced with `force`, or the session is too large.
        """
        from dataops_core.bundles import writing as bundles

        return bundles.dump(self.stores, session_id, Path(path), force=force)

    def load_bundle(self, path: str | Path, user_id: str) -> Loaded:
        """Loads a bundle into a new session of a user; see `bundles.loading.load`.

        The session is there as a whole or not at all. Loading the file again makes another session.

        Raises:
            NotFound: no such file.
            InvalidValue: it is no bundle, or breaks a limit.
            CorruptData: it is damaged or forged.
            NewerDatabase: a newer DataOps wrote it.
        """
        from dataops_core.bundles import loading as bundles

        return bundles.load(self.stores, Path(path), user_id)

    def get_snapshot(self, snapshot_id: str) -> Snapshot:
        """Returns what is known of a snapshot; raises NotFound."""
        return Snapshot.from_row(rows.find(self.stores, snapshot_id))

    def list_snapshots(self, session_id: str, *, limit: int = 50, cursor: str | None = None) -> Listing[Snapshot]:
        """Lists the snapshots of a session, checkpoints too, newest first; raises NotFound."""
        self.sessions.get_session(session_id)
        found = pointers(self.stores, session_id, "snapshot", newest_first=True, limit=limit, before=cursor)
        following = found[-1].record["item"] if len(found) == limit else None
        return Listing([Snapshot.from_row(row.record) for row in found if live(row)], following)

    def list_checkpoints(self, session_id: str) -> list[Snapshot]:
        """Lists the snapshots of a session that have a label, newest first; raises NotFound."""
        self.sessions.get_session(session_id)
        found = every_pointer(self.stores, session_id, "snapshot")
        return [Snapshot.from_row(row.record) for row in found if live(row) and "label" in row.record]

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Deletes a snapshot, and frees its label. What was loaded from it stays. Raises NotFound."""
        rows.delete(self.stores, snapshot_id)

    def _switch(self, session_id: str, why: str, change: Change) -> Snapshot | None:
        """Changes what a session is about, in the commit that also labels what it was before.

        What is appended between the labelling and the commit stays visible, so nobody who appends is in the way.
        """
        row: Record | None = None
        labelled: Record = {}
        try:
            for _ in attempts():
                seen, token = rows.session_record(self.stores, session_id)
                self._require_ready(seen)
                new = dict(seen)
                revision = row["revision"] if row else seen["revision"]
                hidden = change(new, revision)
                for first, last in seen.get("hidden", ()):
                    hidden = hide(hidden, max(first, revision + 1), last)
                loading.set_hidden(self.stores, new, hidden)
                if _state(new) == _state(seen):
                    break
                if row is None or _state(labelled) != _state(seen):
                    if row is not None:
                        rows.discard(self.stores, row)
                    row, labelled = writing.write(self.stores, seen, contents=False, compress=True), seen
                    row["label"] = f"before-{why}-{row['item'].partition('#')[2]}"
                new["last_active"] = schema.iso(self.stores.records.now())
                if rows.commit(self.stores, row, [Put(schema.SESSIONS, new, token)]):
                    return Snapshot.from_row(row)
            else:
                raise Conflict(f"session {session_id!r} is too busy", hint="try again")
        except (Conflict, NotFound, InvalidValue):  # surely not committed; what else goes wrong is left to storage gc
            if row is not None:
                rows.discard(self.stores, row)
            raise
        if row is not None:
            rows.discard(self.stores, row)
        return None

    def _require_ready(self, record: Record, *, idle: bool = True) -> None:
        require_active(record, self.stores.records.now())
        if idle and record.get("turn"):
            raise Conflict(
                f"session {record['session_id']!r} is busy with run {record['turn']!r}",
                hint=f"wait until it ends; dataops runs show {record['turn']}",
            )

    def _set_facts(self, record: Record, facts: Mapping[str, Any], questions: Sequence[str]) -> None:
        """Gives a session's record the facts of a snapshot, and the questions of then that are open still."""
        record.update({name: facts[name] for name in FACTS})
        record.pop("choice", None)  # what it asks is hidden
        runs = self.stores.records.get_many(schema.RUNS, [(run_id, None) for run_id in questions])
        record["questions"] = [s.record["run_id"] for s in runs if s and s.record["status"] == "interrupted"]
        if not record["questions"]:
            del record["questions"]

    def _decisions(self, source: Session) -> str:
        """Returns what the latest runs of a session decided and made, a line each."""
        found = pointers(self.stores, source.session_id, "run", newest_first=True, limit=_INHERITED_ARTIFACTS)
        runs = self.stores.records.get_many(schema.RUNS, [(owned_id(row), None) for row in reversed(found)])
        told = [run.record for run in runs if run and not is_hidden(source.hidden, run.record.get("query_message"))]
        nothing_else = replace(source, preferences={}, global_context={})
        return summarize(nothing_else, told, [], max_tokens=2 * _INHERITED_TOKENS)


def _state(record: Record) -> list[Any]:
    return [record.get(name) for name in _STATE]
