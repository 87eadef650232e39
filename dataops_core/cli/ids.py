"""Ids as people give them: whole, or the beginning or end of one that they used lately."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final

from dataops_core.cli.invocation import Invocation
from dataops_core.errors import NotFound, UsageError, nearest

if TYPE_CHECKING:
    from dataops_core.artifact import Artifact
    from dataops_core.artifact_store import ArtifactStore

_SHORTEST: Final = 4
_RECENT: Final = 200


def session_of(call: Invocation, given: str, *, whole: bool = False) -> str:
    """Returns a session's id; raises NotFound with the nearest of the user's recent ones.

    Args:
        call: the invocation.
        given: the id, or the beginning or end of a recent one, or both with … between them.
        whole: whether only a whole id will do.
    """
    from dataops_core.session_manager import SessionManager

    manager = SessionManager(call.stores)
    try:
        return manager.get_session(given).session_id
    except NotFound as error:
        recent = [s.session_id for s in manager.list_sessions(call.settings.user, limit=_RECENT)]
        return _one(given, recent, error, whole)


def newest_session(call: Invocation) -> str:
    """Returns the user's newest session that takes messages; raises NotFound."""
    from dataops_core.session_manager import SessionManager

    user = call.settings.user
    for session in SessionManager(call.stores).list_sessions(user, status="active", limit=1):
        return session.session_id
    raise NotFound(f"user {user!r} has no session to go on with", hint="ask without --continue starts one")


def run_of(call: Invocation, given: str) -> str:
    """Returns a run's id; raises NotFound with the nearest of those there are."""
    from dataops_core.execution.runs import Runs

    runs = Runs(call.stores)
    try:
        return str(runs.get(given)["run_id"])
    except NotFound as error:
        session = _session_part(given)
        return _one(given, [r["run_id"] for r in runs.list(session_id=session, limit=_RECENT)], error)


def artifact_of(call: Invocation, given: str) -> str:
    """Returns an artifact's id; raises NotFound with the nearest of its session, or of the user's recent ones.

    A name will do too: the newest of it is meant, in the newest of the user's sessions that has one.
    """
    from dataops_core.artifact_store import ArtifactStore
    from dataops_core.session_manager import SessionManager

    store = ArtifactStore(call.stores)
    try:
        return store.get_artifact(given).artifact_id
    except NotFound as error:
        recent = [s.session_id for s in SessionManager(call.stores).list_sessions(call.settings.user, limit=20)]
        for session_id in recent:
            for artifact in store.list_artifacts(session_id, name=given, limit=1):
                return artifact.artifact_id
        session = _session_part(given)
        found = list(islice(_artifacts(store, [session] if session else recent), _RECENT))
        names = [artifact.name for artifact in found if artifact.name]
        return _one(given, [artifact.artifact_id for artifact in found], error, names=names)


def snapshot_of(call: Invocation, given: str) -> str:
    """Returns a snapshot's id; raises NotFound with the nearest of its session, or of the user's recent ones."""
    from dataops_core.context_manager import ContextManager
    from dataops_core.session_manager import SessionManager

    sessions = SessionManager(call.stores)
    manager = ContextManager(sessions)
    try:
        return manager.get_snapshot(given).snapshot_id
    except NotFound as error:
        session = _session_part(given)
        recent = [session] if session else [s.session_id for s in sessions.list_sessions(call.settings.user, limit=20)]
        known: list[str] = []
        for session_id in recent:
            with suppress(NotFound):
                known += [s.snapshot_id for s in manager.list_snapshots(session_id)]
        return _one(given, known, error)


def _artifacts(store: ArtifactStore, sessions: Iterable[str]) -> Iterator[Artifact]:
    for session_id in sessions:
        try:
            yield from store.list_artifacts(session_id)
        except NotFound:
            return


def _session_part(given: str) -> str | None:
    """Returns what stands before the dot of an id, when it is a whole session id; a name may have a dot too."""
    from dataops_core.storage.schema import is_session_id

    session_id = given.partition(".")[0]
    return session_id if "." in given and is_session_id(session_id) else None


def _one(given: str, known: Iterable[str], error: NotFound, whole: bool = False, names: Iterable[str] = ()) -> str:
    ids = list(known)
    meant = [i for i in ids if _means(given, i)] if len(given) >= _SHORTEST else []
    if len(meant) > 1:
        raise UsageError(f"{given!r:.80} begins or ends {len(meant)} ids", hint="give more of it")
    if meant and whole:
        raise NotFound(f"{given!r:.80} is a part of an id, and this takes the whole one", hint=f"it is {meant[0]}")
    if meant:
        return meant[0]
    raise NotFound(error.message, hint=nearest(given, [*ids, *names]) or error.hint) from None


def _means(given: str, whole: str) -> bool:
    begin, shortened, end = given.partition("…")  # as a narrow terminal shows it
    if shortened:
        return whole.startswith(begin) and whole.endswith(end)
    return whole.startswith(given) or whole.endswith(given)
