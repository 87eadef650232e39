"""What must hold after every kill: everything acknowledged is there, once; nothing is stuck; nothing is left over.

An acknowledgement is a line that a process said right after a public call returned; its kind is a key of `_KINDS`. Of a
session that is `deleted`, or `doomed` to be, nothing else counts.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from campaign.leftovers import leftovers, scanned
from campaign.processes import Said, Say
from dataops_core import ArtifactStore, SessionManager, history
from dataops_core.context_manager import ContextManager
from dataops_core.errors import DataOpsError
from dataops_core.execution.runs import FINAL
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores, open_stores
from dataops_core.storage.ownership import pointers

#: Statuses that a session passes through; nobody may find it there when everything has gone on.
PASSING = ("archiving", "deleting")


@dataclass
class Verdict:
    """What is wrong in a home, a line each; all empty is right."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)


def judge(say: Say, acknowledged: list[Said]) -> None:
    """Judges the home of this process and says the verdict."""
    stores = open_stores()
    verdict = Verdict()
    home = _Home(stores)
    gone = {line["session"] for line in acknowledged if line["kind"] in ("deleted", "doomed")}
    for line in acknowledged:
        told = _KINDS.get(line["kind"])
        if told is None or (line["session"] in gone and line["kind"] != "deleted"):
            continue
        try:
            count = told(home, line)
        except DataOpsError as error:
            verdict.lost.append(f"{_named(line)}: {error.message}")
            continue
        if count != 1:
            (verdict.twice if count > 1 else verdict.lost).append(f"{_named(line)}: found {count} times")
    _runs(home, verdict)
    _sessions(home, verdict)
    verdict.orphans = list(leftovers(stores))
    say("verdict", **asdict(verdict))


class _Home:
    """What is in the stores, read by session and kept; an archived session is read from its file."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.sessions = {s["session_id"]: s for s in scanned(stores, schema.SESSIONS)}
        self.runs = {r["run_id"]: r for r in scanned(stores, schema.RUNS)}
        self._archives: dict[str, dict[str, Any]] = {}
        self._messages: dict[str, list[dict[str, Any]]] = {}

    def archive(self, session_id: str) -> dict[str, Any]:
        """Returns what the file of an archived session holds."""
        if session_id not in self._archives:
            key = schema.archive_key(session_id, self.sessions[session_id]["created_at"])
            with self.stores.blobs.open(key) as stream:
                self._archives[session_id] = json.loads(gzip.decompress(stream.read()))
        return self._archives[session_id]

    def messages(self, session_id: str) -> list[dict[str, Any]]:
        """Returns role, content, run and number of every message of a session, wherever it lies, hidden or not."""
        if session_id not in self._messages:
            if self._is_filed(session_id):
                found = self.archive(session_id)["messages"]
            else:
                found = [
                    {"role": m.role, "content": m.content, "run_id": m.run_id, "number": m.number}
                    for m in history.walk(self.stores.records, self.stores.blobs, session_id)
                ]
            self._messages[session_id] = found
        return self._messages[session_id]

    def run(self, run_id: str) -> dict[str, Any] | None:
        """Returns a run's record, also from an archive."""
        session_id = schema.session_of(run_id)
        if self._is_filed(session_id):
            return next((r for r in self.archive(session_id)["runs"] if r["run_id"] == run_id), None)
        return self.runs.get(run_id)

    def _is_filed(self, session_id: str) -> bool:
        session = self.sessions.get(session_id, {"status": "gone"})
        if session["status"] != "archiving":
            return bool(session["status"] == "archived")
        return self.stores.blobs.head(schema.archive_key(session_id, session["created_at"])) is not None


def _message(home: _Home, line: Said) -> int:
    return sum(m["content"] == line["content"] for m in home.messages(line["session"]))


def _artifact(home: _Home, line: Said) -> int:
    store = ArtifactStore(home.stores)
    with store.open_artifact(line["artifact"]) as stream:
        if hashlib.sha256(stream.read()).hexdigest() != line["sha256"]:
            return 0
    listed = pointers(home.stores, line["session"], "artifact")
    return sum(row.record["item"].endswith(line["artifact"].partition(".")[2]) for row in listed)


def _run(home: _Home, line: Said) -> int:
    run = home.run(line["run"])
    if run is None or run["status"] != line["status"] or sorted(run.get("artifacts", ())) != sorted(line["artifacts"]):
        return 0
    for artifact in line["artifacts"]:
        ArtifactStore(home.stores).open_artifact(artifact).close()
    said = [m for m in home.messages(line["session"]) if m["run_id"] == line["run"] and m["role"] == "assistant"]
    return sum(m["content"] == line["answer"] for m in said)


def _archived(home: _Home, line: Said) -> int:
    session = home.sessions[line["session"]]
    return int(session["status"] == "archived" and bool(home.archive(line["session"])["messages"]))


def _deleted(home: _Home, line: Said) -> int:
    session_id = line["session"]
    tables = (schema.SESSIONS, schema.ARTIFACTS, schema.RUNS, schema.RUN_ITEMS)
    left = [t.name for t in tables for r in scanned(home.stores, t) if r[t.partition].partition(".")[0] == session_id]
    return int(not left)


def _asked(home: _Home, line: Said) -> int:
    run = home.run(line["run"])
    if run is None or not (run["status"] == "interrupted" or run["status"] in FINAL):
        return 0
    return sum(m["content"] == line["answer"] for m in home.messages(line["session"]))


def _snapshot(home: _Home, line: Said) -> int:
    context = ContextManager().load_context(line["snapshot"])
    return int([message["content"] for message in context["messages"]] == line["holds"])


def _checkpoint(home: _Home, line: Said) -> int:
    return sum(found.label == line["label"] for found in ContextManager().list_checkpoints(line["session"]))


def _restored(home: _Home, line: Said) -> int:
    shown = [message.content for message in SessionManager(home.stores).iter_messages(line["session"])]
    if shown != line["shows"] or home.sessions[line["session"]]["global_context"] != {"decided": line["decided"]}:
        return 0
    labels = [found.label or "" for found in ContextManager().list_checkpoints(line["session"])]
    return sum(label.startswith("before-restore-") for label in labels)


def _owns(home: _Home, line: Said) -> int:
    listed = ArtifactStore(home.stores).list_artifacts(line["session"], limit=100)
    for artifact in listed:
        ArtifactStore(home.stores).get_artifact_content(artifact.artifact_id)
    return 1 + len(listed) - int(line["artifacts"])


_KINDS: dict[str, Callable[[_Home, Said], int]] = {
    "message": _message,
    "artifact": _artifact,
    "run": _run,
    "asked": _asked,
    "archived": _archived,
    "deleted": _deleted,
    "snapshot": _snapshot,
    "checkpoint": _checkpoint,
    "restored": _restored,
    "owns": _owns,
}


def _runs(home: _Home, verdict: Verdict) -> None:
    """Every run is over or waits for an answer, was asked for and answered once, and stored nothing twice."""
    for run_id, run in home.runs.items():
        if run["status"] not in (*FINAL, "interrupted"):
            verdict.stuck.append(f"run {run_id} is {run['status']}")
            continue
        session_id = run["session_id"]
        if session_id not in home.sessions:
            continue  # told as a leftover
        said = Counter(m["role"] for m in home.messages(session_id) if m["run_id"] == run_id)
        questions = len(run.get("answers", ())) + (run["status"] == "interrupted")
        final = run["status"] in FINAL
        _once(verdict, f"the query of run {run_id}", said["user"] - len(run.get("answers", ())), 1)
        if final and run["status"] != "cancelled":
            _once(verdict, f"the answer of run {run_id}", said["assistant"] - questions, 1)
        listed = ArtifactStore(home.stores).list_artifacts(session_id, run_id=run_id, limit=1000)
        names = Counter((a.name, a.sha256) for a in listed)
        verdict.twice += [f"artifact {name} of run {run_id}" for (name, _), count in names.items() if count > 1]
        if run["status"] == "success":
            kept = {name for name, _ in names}
            verdict.lost += [
                f"{n} of run {run_id}" for n in ("one.json", "two.txt") if n not in kept and not run.get("answers")
            ]


def _once(verdict: Verdict, what: str, count: int, expected: int) -> None:
    if count != expected:
        (verdict.twice if count > expected else verdict.lost).append(f"{what}: found {count} times")


def _sessions(home: _Home, verdict: Verdict) -> None:
    """No session is held by a run that is over, or half-way to another status; its messages have no gap."""
    for session_id, session in home.sessions.items():
        if session.get("turn") or session.get("queue"):
            verdict.stuck.append(f"session {session_id}: turn {session.get('turn')}, queue {session.get('queue')}")
        if session["status"] in PASSING:
            verdict.stuck.append(f"session {session_id} is {session['status']}")
        numbers = [m["number"] for m in home.messages(session_id)] if session["status"] == "active" else []
        if numbers != list(range(1, len(numbers) + 1)) or (numbers and numbers[-1] != session["revision"]):
            verdict.lost.append(f"session {session_id} has messages {numbers} at revision {session['revision']}")


def _named(line: Said) -> str:
    return " ".join(str(line[key])[:80] for key in ("kind", "session", "run", "artifact", "content") if key in line)
