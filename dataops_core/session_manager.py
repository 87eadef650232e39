"""SessionManager: one person's conversations, kept."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from dataops_core import history, values
from dataops_core.archives import reading as archived
from dataops_core.archives.writing import archive
from dataops_core.context_summary import summarize
from dataops_core.contracts.records import ABSENT, Put, Record, Stored, Write
from dataops_core.deletion import delete
from dataops_core.errors import Conflict, CorruptData, InvalidValue, NotFound
from dataops_core.hidden import is_hidden
from dataops_core.history import Draft, Message, count_tokens
from dataops_core.session import STATUSES, Session, announce, new_record, require_active, set_ttl
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores, open_stores
from dataops_core.storage.ownership import Listing, attempts, every_pointer, owned_id, pointers

log = logging.getLogger(__name__)
__all__ = ["Listing", "Message", "Session", "SessionManager", "count_tokens"]


class SessionManager:
    """Sessions, their messages and what they know.

    Args:
        stores: where they are kept; the stores of the settings by default.
    """

    def __init__(self, stores: Stores | None = None) -> None:
        self._given = stores
        self._locks: dict[str, tuple[threading.Lock, int]] = {}
        self._locks_lock = threading.Lock()

    @property
    def stores(self) -> Stores:
        """The stores in use, opened when they are first needed."""
        return self._given or open_stores()

    def create_session(
        self,
        user_id: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        preferences: Mapping[str, Any] | None = None,
        ttl: float | None = None,
    ) -> Session:
        """Starts a session.

        Args:
            user_id: whose it is.
            metadata, preferences: JSON-able facts to keep with it.
            ttl: idle limit in seconds; past it the session is expired and takes no messages.

        Raises:
            InvalidValue: a value is not JSON-able, or `ttl` is not above 0.
        """
        records = self.stores.records
        now = records.now()
        record = new_record(user_id, at=schema.iso(now))
        record["metadata"], record["preferences"] = dict(metadata or {}), dict(preferences or {})
        set_ttl(record, ttl)
        records.commit([Put(schema.SESSIONS, record, ABSENT)])
        announce("session.changed", record["session_id"], change="created")
        return Session.from_record(record, now)

    def get_session(self, session_id: str) -> Session:
        """Returns a session; raises NotFound."""
        return Session.from_record(self._stored(session_id).record, self.stores.records.now())

    def list_sessions(
        self, user_id: str | None = None, *, status: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Listing[Session]:
        """Lists sessions, a user's newest first; without a user all of them in no promised order.

        Args:
            user_id: whose; None for everybody's.
            status: one of `STATUSES` to keep only those.
            limit: at most this many per page.
            cursor: of the page before.
        """
        values.whole("limit", limit)
        if status is not None and status not in STATUSES:
            raise InvalidValue(f"a session's status is one of {', '.join(STATUSES)}, not {status!r:.40}")
        records = self.stores.records
        found: list[Session] = []
        while True:
            room = limit - len(found)
            page = (
                records.scan(schema.SESSIONS, limit=room, cursor=cursor)
                if user_id is None
                else records.query(
                    schema.SESSIONS, "user_id-created_at", user_id, newest_first=True, limit=room, cursor=cursor
                )
            )
            sessions = (Session.from_record(item.record, records.now()) for item in page.items)
            found += [s for s in sessions if status is None or s.status == status]
            cursor = page.cursor
            if cursor is None or len(found) >= limit:
                return Listing(found, cursor)

    def update_session(
        self,
        session_id: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        preferences: Mapping[str, Any] | None = None,
        global_context: Mapping[str, Any] | None = None,
        ttl: float | None = None,
    ) -> Session:
        """Merges values into a session; a value of None removes its key.

        Args:
            session_id: which.
            metadata, preferences, global_context: keys to set or remove.
            ttl: a new idle limit in seconds.
        """

        def change(record: Record) -> list[Write]:
            require_active(record, self.stores.records.now())
            for name, given in (
                ("metadata", metadata),
                ("preferences", preferences),
                ("global_context", global_context),
            ):
                merged = {**record[name], **(given or {})}
                record[name] = {k: v for k, v in merged.items() if v is not None}
            set_ttl(record, ttl)
            return []

        record = self.change(session_id, change)
        announce("session.changed", session_id, change="updated")
        return Session.from_record(record, self.stores.records.now())

    def add_message(
        self,
        session_id: str,
        role: str,
        content: str,
        *,
        workflow: str | None = None,
        artifacts: Sequence[str] = (),
        message_id: str | None = None,
    ) -> Message:
        """Appends a message. When it returns, the message is kept.

        Args:
            session_id: where.
            role: `user`, `assistant`, `system` or `tool`.
            content: the text.
            workflow: who said it, when a workflow did.
            artifacts: ids of artifacts that belong to it.
            message_id: the caller's own id: the same id again, from any process, returns the first message.

        Raises:
            NotFound: no such session.
            Conflict: the session is expired, archived or being deleted.
            InvalidValue: the role or content is wrong.
        """
        draft = Draft(role, content, workflow, artifacts, message_id)
        stores = self.stores
        appended: list[Message] = []

        def change(record: Record) -> list[Write]:
            now = stores.records.now()
            require_active(record, now)
            writes, messages = history.append(record, [draft], blobs=stores.blobs, at=schema.iso(now))
            appended[:] = messages
            return writes

        def already() -> bool:
            number = message_id and history.reserved(stores.records, session_id, message_id)
            if number:
                appended[:] = [history.read(stores.records, stores.blobs, session_id, number)]
            return bool(number)

        with self._turn(session_id):
            if message_id is None or not already():
                self.change(session_id, change, settled=already)
        message = appended[0]
        announce("message.added", session_id, number=message.number, role=message.role)
        return message

    def get_messages(self, session_id: str, *, limit: int = 50, before: int | None = None) -> list[Message]:
        """Returns the newest messages, oldest first, without those that a restored checkpoint hides.

        Args:
            session_id: of which session.
            limit: at most this many.
            before: only messages before this number, to page backwards.
        """
        values.whole("limit", limit, 0)
        if before is not None:
            values.whole("before", before)
        session, stores = self._stored(session_id).record, self.stores

        def rows() -> list[Message]:
            hidden = session.get("hidden", ())
            return history.newest(stores.records, stores.blobs, session_id, limit=limit, before=before, hidden=hidden)

        return archived.either(stores, session, rows, limit=limit, before=before)

    def iter_messages(self, session_id: str) -> Iterator[Message]:
        """Yields every message that is not hidden, oldest first, in bounded memory."""
        session = self._stored(session_id).record
        if archived.filed(self.stores, session):
            return archived.messages(self.stores, session)
        hidden = session.get("hidden", ())
        rows = history.walk(self.stores.records, self.stores.blobs, session_id, hidden=hidden)
        return archived.rest(self.stores, session_id, rows)

    def get_context_summary(self, session_id: str, *, max_tokens: int = 2000) -> str:
        """Returns what the session is about, as text of at most `max_tokens`.

        What was decided (preferences, global context, the latest runs with their values and artifacts) comes first,
        then the newest messages that fit; a message that does not fit is cut, never reordered.
        """
        stores, session = self.stores, self.get_session(session_id)
        found = pointers(stores, session_id, "run", newest_first=True, limit=50 if session.hidden else 5)
        read = stores.records.get_many(schema.RUNS, [(owned_id(p), None) for p in reversed(found)])
        every = [run.record for run in read if run] or archived.latest_runs(stores, session_id, 50)
        runs = [run for run in every if not is_hidden(session.hidden, run.get("query_message"))]
        return summarize(session, runs[-5:], self.get_messages(session_id, limit=50), max_tokens=max_tokens)

    def archive_session(self, session_id: str) -> str:
        """Ends a session: its messages and runs move into one compressed file, its artifacts stay.

        Messages and runs can be read as before. A run that waits for an answer is recorded as cancelled.

        Returns:
            The blob key of the file, `archives/{date}/{session_id}.json.gz`.

        Raises:
            NotFound: no such session.
            Conflict: a run has the session's turn, or the session is being deleted.
        """
        key = archive(self.stores, session_id)
        announce("session.changed", session_id, change="archived")
        return key

    def cleanup_expired_sessions(self, *, limit: int = 1000) -> list[str]:
        """Archives sessions that have been idle for longer than they may; returns the ids of at most `limit`.

        One that somebody else is at, or whose run is not over, is left for the next time.
        """
        done: list[str] = []
        cursor: str | None = None
        while len(done) < limit:
            page = self.list_sessions(status="expired", limit=min(limit - len(done), 50), cursor=cursor)
            for session in page:
                try:
                    archive(self.stores, session.session_id, if_expired=True)
                except (Conflict, NotFound, CorruptData) as error:
                    log.warning("session %s was not archived: %s", session.session_id, error)
                    continue
                announce("session.changed", session.session_id, change="archived")
                done.append(session.session_id)
            if (cursor := page.cursor) is None:
                break
        return done

    def delete_session(self, session_id: str) -> None:
        """Deletes a session and everything that it owns. Its id is never used again.

        A run of it that is at work ends there: nothing of it is kept. A deletion that a crash cuts short is completed
        by calling it again, or by `dataops storage gc`.

        Raises:
            NotFound: no such session.
        """
        delete(self.stores, session_id)
        announce("session.changed", session_id, change="deleted")

    def owned(self, session_id: str, kind: str) -> Iterator[str]:
        """Yields the ids of the artifacts (`artifact`) or runs (`run`) that a session owns, newest first."""
        for stored in every_pointer(self.stores, session_id, kind):
            yield owned_id(stored)

    def change(
        self,
        session_id: str,
        change: Callable[[Record], list[Write]],
        *,
        settled: Callable[[], bool] | None = None,
    ) -> Record:
        """Applies a change to a session's record until no other writer is in the way.

        Args:
            session_id: which.
            change: gets the record, changes it in place and returns further writes of the same commit.
            settled: called after a conflict; says whether the change is there already.

        Returns:
            The record as committed (or as read, when the change was there already).
        """
        for _ in attempts():
            stored = self._stored(session_id)
            record = stored.record
            writes = change(record)
            try:
                self.stores.records.commit([Put(schema.SESSIONS, record, stored.token), *writes])
            except Conflict:
                if settled is not None and settled():
                    return record
                continue
            return record
        raise Conflict(f"session {session_id!r} is too busy", hint="try again")

    def _stored(self, session_id: str) -> Stored:
        try:
            stored = self.stores.records.get(schema.SESSIONS, session_id)
        except InvalidValue:
            stored = None
        if stored is None:
            raise NotFound(f"no session {session_id!r:.80}", hint="dataops sessions list shows the sessions there are")
        return stored

    @contextmanager
    def _turn(self, session_id: str) -> Iterator[None]:
        # Threads of one process wait here in order instead of conflicting in the store.
        with self._locks_lock:
            lock, users = self._locks.get(session_id, (threading.Lock(), 0))
            self._locks[session_id] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._locks_lock:
                lock, users = self._locks.pop(session_id)
                if users > 1:
                    self._locks[session_id] = (lock, users - 1)
