"""From a query to an answer: a LangGraph graph of two nodes, route and run, with a tiny state.

The graph has no checkpointer: the run's record is its state. Its node `route` picks the workflow and reads its values
without a model, or finds that the message answers a question that is open in the session; `run` executes the workflow
on its own thread. A message that asks for no run is answered at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from dataops_core import history, settings
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.records import ABSENT, Put, Record
from dataops_core.errors import Conflict, DataOpsError, InvalidValue, NoMatch
from dataops_core.execution.acceptance import said_before
from dataops_core.execution.questions import check
from dataops_core.execution.runner import Runner, RunResult
from dataops_core.execution.runs import Runs
from dataops_core.execution.scope import Listener
from dataops_core.history import Draft
from dataops_core.plugin.manager import plugins
from dataops_core.routing.answers import is_cancel, understand
from dataops_core.routing.parameters import extract, validate
from dataops_core.routing.router import Candidate, Decision, Router
from dataops_core.session import new_record, require_active
from dataops_core.session_manager import SessionManager
from dataops_core.storage import schema
from dataops_core.storage.opening import open_stores
from dataops_core.workflow_registry import WORKFLOW_REGISTRY


class OrchestratorState(TypedDict, total=False):
    """What goes in: `user_query`, and perhaps `session_id`, `user_id`, `message_id`, and `answer_to`: `run_id` and `id`
    of the question that somebody saw as they wrote. What comes out: the rest.

    `status` is the run's (`interrupted`: it asks `question`, which names its `run_id`), or `answered` (a question about
    DataOps itself), `no_match`, or `needs_input` (a value that was given is wrong). A question of an earlier run that
    is still open comes with the answer of a later one.
    """

    user_query: str
    session_id: str
    user_id: str
    message_id: str
    answer_to: dict[str, str]
    workflow: str
    task: dict[str, Any]
    final_response: str
    run_id: str | None
    status: str
    question: dict[str, Any] | None
    artifacts: list[str]
    candidates: list[dict[str, Any]]
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that starts no run: status, text, the error that it tells of, and the run whose question is open."""

    status: str
    text: str
    error: DataOpsError | None = None
    parked: Record | None = None


_listener: ContextVar[Listener | None] = ContextVar("dataops_listener", default=None)
_router: tuple[tuple[Any, ...], Router] | None = None


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within the block, runs that are started in this context tell the listener of their events."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def router() -> Router:
    """Returns the router over the installed workflows, rebuilt when the catalogue has changed."""
    global _router
    manifests = plugins().manifests()
    key = tuple(sorted((name, m.version, hash(m.example_queries)) for name, m in manifests.items()))
    if _router is None or _router[0] != key:
        _router = (key, Router(manifests.values()))
    return _router[1]


def route(state: OrchestratorState) -> Any:
    """Picks the workflow and its values and goes on to `run`, or answers at once when there is nothing to run."""
    chosen, reply = _decide(state)
    return _command(chosen if reply is None else {**chosen, **_keep(state, reply)})


def run(state: OrchestratorState) -> OrchestratorState:
    """Does what `route` has decided: runs a workflow, answers or cancels an interrupted run, or waits for one."""
    task = dict(state["task"])
    runner, parked = Runner(listener=_listener.get()), task.pop("parked", None)
    return _told(getattr(runner, task.pop("do"))(**task), parked)


async def aroute(state: OrchestratorState) -> Any:
    """Async `route`; a new session, and a query that leads to a run, have nothing to wait for."""
    chosen, reply = await asyncio.to_thread(_decide, state) if state.get("session_id") else _decide(state)
    return _command(chosen if reply is None else {**chosen, **(await asyncio.to_thread(_keep, state, reply))})


async def arun(state: OrchestratorState) -> OrchestratorState:
    """Async `run`."""
    task = dict(state["task"])
    runner, parked = Runner(listener=_listener.get()), task.pop("parked", None)
    return _told(await getattr(runner, f"a{task.pop('do')}")(**task), parked)


def capabilities(manifests: Any) -> str:
    """Returns what the installed workflows can do, a line each."""
    lines = [f"- {m.name}: {m.description}" for m in sorted(manifests, key=lambda m: str(m.name))]
    if not lines:
        return "No workflow is installed yet. Install one with pip, e.g. dataops-data-profiler."
    examples = [m.example_queries[0] for m in manifests if m.example_queries][:3]
    ask = [f'Try: "{example}"' for example in examples]
    return "\n".join(["I can run these workflows:", *lines, *ask])


def _decide(state: OrchestratorState) -> tuple[OrchestratorState, Reply | None]:
    query = state.get("user_query", "")
    if not isinstance(query, str) or not query.strip():
        raise InvalidValue("the query is empty", hint='ask something, e.g. "profile orders.csv"')
    parked: Record | None = None
    if session_id := state.get("session_id"):
        runs = Runs(open_stores())
        said = said_before(runs, session_id, state.get("message_id"))
        if said is not None:
            return {"task": {"do": "attend", "run_id": said.run["run_id"]}}, None
        parked = runs.parked(session_id)
        _require_open(state.get("answer_to"), parked)
    decision = router().route(query)
    told: OrchestratorState = {"candidates": [_candidate(c) for c in decision.candidates]}
    if parked is not None and (answer := _answer(state, query, parked, decision)):
        return {**told, **answer[0]}, answer[1]
    if decision.outcome == "capabilities":
        return told, Reply("answered", capabilities(plugins().manifests().values()), None, parked)
    if decision.outcome == "none" or decision.workflow is None:
        if parked is not None:
            # Nothing else fits either: most likely a try to answer.
            told["workflow"] = parked["workflow"]
            return told, _not_understood(parked, "That is no answer to the question.")
        error: DataOpsError = NoMatch(_none(decision), hint="dataops list shows the installed workflows")
        return told, Reply("no_match", error.message, error)
    told["workflow"] = decision.workflow
    manifest = WORKFLOW_REGISTRY.manifest(decision.workflow)
    try:
        values, note = _values(query, manifest)
    except InvalidValue as wrong:
        return told, Reply("needs_input", wrong.message, wrong, parked)
    names = ("session_id", "message_id")
    task = {
        "do": "run",
        "workflow": decision.workflow,
        "values": values,
        "query": query,
        "note": note,
        "user_id": state.get("user_id", "local"),
        "parked": parked and {"run_id": parked["run_id"], "question": parked["question"]},
        **{name: state[name] for name in names if state.get(name)},  # type: ignore[literal-required]
    }
    return {**told, "task": task}, None


def _require_open(seen: dict[str, str] | None, parked: Record | None) -> None:
    """Raises Conflict when the question that an answer was typed under is not the open one any more."""
    if seen and (parked is None or (parked["run_id"], parked["question"]["id"]) != (seen["run_id"], seen["id"])):
        raise Conflict(
            f"the question of run {seen['run_id']!r} was answered or cancelled meanwhile",
            hint=f"dataops runs show {seen['run_id']}",
        )


def _answer(
    state: OrchestratorState, query: str, parked: Record, decision: Decision
) -> tuple[OrchestratorState, Reply | None] | None:
    """Returns what a message does to the run that waits for an answer, or None when it is about something else."""
    run_id, question = parked["run_id"], parked["question"]
    told: OrchestratorState = {"workflow": parked["workflow"]}
    if is_cancel(query):
        return {**told, "task": {"do": "cancel", "run_id": run_id}}, None
    manifest = WORKFLOW_REGISTRY.manifest(parked["workflow"])
    allowed = settings.current().allowed_paths
    try:
        answer = understand(query, question, manifest, decision, cwd=Path.cwd(), allowed_paths=allowed)
        if answer is None:
            return None
        check(answer.value, question)
    except InvalidValue as wrong:
        return told, _not_understood(parked, wrong.message)
    task = {
        "do": "answer",
        "run_id": run_id,
        "value": answer.value,
        "values": dict(answer.values),
        "question_id": question["id"],
        "text": query,
        "message_id": state.get("message_id"),
    }
    return {**told, "task": task}, None


def _not_understood(parked: Record, why: str) -> Reply:
    return Reply("interrupted", f"{why} {parked['question']['prompt']}", None, parked)


def _values(query: str, manifest: Manifest) -> tuple[dict[str, Any], str]:
    """Returns the values that a query gives, and what was seen in it and not used."""
    found = extract(query, manifest, cwd=Path.cwd())
    if found.notes and not manifest.missing(found.values):
        # What was said and not understood is told, never dropped for a default.
        raise InvalidValue("; ".join(found.notes), hint="say it as name=value", details={"workflow": manifest.name})
    values = validate(found.values, manifest, cwd=Path.cwd(), allowed_paths=settings.current().allowed_paths)
    return values, "; ".join(found.notes)


def _keep(state: OrchestratorState, reply: Reply) -> OrchestratorState:
    """Keeps the query and its answer in the session, in one commit, without a run."""
    stores, asked = open_stores(), Draft("user", state["user_query"], message_id=state.get("message_id"))
    drafts = [asked, Draft("assistant", reply.text)]
    session_id = state.get("session_id")
    if session_id is None:
        at = schema.iso(stores.records.now())
        record = new_record(state.get("user_id", "local"), at=at)
        writes, _ = history.append(record, drafts, blobs=stores.blobs, at=at)
        stores.records.commit([Put(schema.SESSIONS, record, ABSENT), *writes])
        session_id = record["session_id"]
    else:
        chosen = session_id

        def change(record: dict[str, Any]) -> Any:
            now = stores.records.now()
            require_active(record, now)
            return history.append(record, drafts, blobs=stores.blobs, at=schema.iso(now))[0]

        def already() -> bool:
            return bool(asked.message_id and history.reserved(stores.records, chosen, asked.message_id))

        if not already():
            SessionManager(stores).change(session_id, change, settled=already)
    return {
        "final_response": reply.text,
        "session_id": session_id,
        "run_id": reply.parked["run_id"] if reply.parked and reply.status == "interrupted" else None,
        "status": reply.status,
        "question": _question(reply.parked),
        "artifacts": [],
        "error": reply.error.as_dict() if reply.error else None,
    }


def _told(result: RunResult, parked: Record | None) -> OrchestratorState:
    asked = {**result.question, "run_id": result.run_id} if result.question else _question(parked)
    return {
        "final_response": result.answer,
        "session_id": result.session_id,
        "workflow": result.workflow,
        "run_id": result.run_id,
        "status": result.status,
        "question": asked,
        "artifacts": list(result.artifacts),
        "error": dict(result.error) if result.error else None,
    }


def _question(parked: Record | None) -> dict[str, Any] | None:
    return {**parked["question"], "run_id": parked["run_id"]} if parked else None


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "workflow": candidate.workflow,
        "score": round(candidate.score, 4),
        "example": candidate.example,
        "words": list(candidate.words),
    }


def _none(decision: Decision) -> str:
    nearest = ", ".join(c.workflow for c in decision.candidates)
    told = f"The nearest are: {nearest}" if nearest else decision.reason.capitalize()
    return f"None of the installed workflows does that. {told}."


def _command(update: OrchestratorState) -> Any:
    from langgraph.types import Command

    # Not a conditional edge: a sync condition costs an async graph a thread.
    return Command(update=update, goto="__end__" if "status" in update else "run")


def build() -> Any:
    """Builds the orchestrator's graph."""
    # Imported here, after dataops_core.execution has chosen LangGraph's strict reading of stored state.
    from langchain_core.runnables import Runnable
    from langgraph.graph import END, START, StateGraph

    class Step(Runnable[Any, Any]):
        """A node in both colours; LangChain's own wrapper inspects its functions at every call."""

        def __init__(self, name: str, sync: Callable[[Any], Any], native: Callable[[Any], Awaitable[Any]]) -> None:
            self.name, self.sync, self.native = name, sync, native

        def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            return self.sync(input)

        async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            return await self.native(input)

    graph = StateGraph(OrchestratorState)
    graph.add_node("route", Step("route", route, aroute), destinations=("run", END))
    graph.add_node("run", Step("run", run, arun))
    graph.add_edge(START, "route")
    graph.add_edge("run", END)
    return graph.compile(name="dataops")


orchestrator_graph = build()
