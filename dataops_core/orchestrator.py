"""From a query to an answer: a LangGraph graph of two nodes, route and run, with a tiny state.

The graph has no checkpointer: the run's record is its state. Its node `route` picks the workflow and reads its values
without a model; `run` executes the workflow on its own thread. A query that asks for no run is answered at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from dataops_core import history, settings
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.records import ABSENT, Put
from dataops_core.errors import DataOpsError, InvalidValue, NoMatch
from dataops_core.execution.runner import Runner, RunResult
from dataops_core.execution.scope import Listener
from dataops_core.history import Draft
from dataops_core.plugin.manager import plugins
from dataops_core.routing.parameters import extract, missing, validate
from dataops_core.routing.router import Candidate, Decision, Router
from dataops_core.session import new_record, require_active
from dataops_core.session_manager import SessionManager
from dataops_core.storage import schema
from dataops_core.storage.opening import open_stores
from dataops_core.workflow_registry import WORKFLOW_REGISTRY


class OrchestratorState(TypedDict, total=False):
    """What goes in: `user_query`, and perhaps `session_id`, `user_id`, `message_id`. What comes out: the rest.

    `status` is the run's, or `answered` (a question about DataOps itself), `no_match`, or `needs_input`.
    """

    user_query: str
    session_id: str
    user_id: str
    message_id: str
    workflow: str
    input: dict[str, Any]
    final_response: str
    run_id: str | None
    status: str
    question: dict[str, Any] | None
    artifacts: list[str]
    candidates: list[dict[str, Any]]
    error: dict[str, Any] | None


#: An answer without a run: status, text, and the error that it tells of.
Reply = tuple[str, str, DataOpsError | None]
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
    return _command(chosen if reply is None else {**chosen, **_keep(state, *reply)})


def run(state: OrchestratorState) -> OrchestratorState:
    """Runs the chosen workflow."""
    return _told(Runner(listener=_listener.get()).run(**_arguments(state)))


async def aroute(state: OrchestratorState) -> Any:
    """Async `route`; only an answer without a run has something to wait for."""
    chosen, reply = _decide(state)
    return _command(chosen if reply is None else {**chosen, **(await asyncio.to_thread(_keep, state, *reply))})


async def arun(state: OrchestratorState) -> OrchestratorState:
    """Async `run`."""
    return _told(await Runner(listener=_listener.get()).arun(**_arguments(state)))


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
    decision = router().route(query)
    told: OrchestratorState = {"candidates": [_candidate(c) for c in decision.candidates]}
    if decision.outcome == "capabilities":
        return told, ("answered", capabilities(plugins().manifests().values()), None)
    if decision.outcome == "none" or decision.workflow is None:
        error: DataOpsError = NoMatch(_none(decision), hint="dataops list shows the installed workflows")
        return told, ("no_match", error.message, error)
    told["workflow"] = decision.workflow
    manifest = WORKFLOW_REGISTRY.manifest(decision.workflow)
    try:
        return {**told, "input": _values(query, manifest)}, None
    except InvalidValue as wrong:
        return told, ("needs_input", wrong.message, wrong)


def _values(query: str, manifest: Manifest) -> dict[str, Any]:
    allowed = settings.current().allowed_paths
    found = extract(query, manifest, cwd=Path.cwd())
    if lacking := missing(found.values, manifest):
        raise missing_values(manifest.name, lacking, found.notes)
    if found.notes:
        # What was said and not understood is told, never dropped for a default.
        raise InvalidValue("; ".join(found.notes), hint="say it as name=value", details={"workflow": manifest.name})
    return validate(found.values, manifest, cwd=Path.cwd(), allowed_paths=allowed)


def missing_values(workflow: str, parameters: Sequence[Any], notes: Sequence[str] = ()) -> InvalidValue:
    """Returns the error that names the values a workflow still needs, and what was seen and not used."""
    names = ", ".join(p.name for p in parameters)
    asked = " ".join(p.prompt or f"What is {p.name} ({p.description or p.type})?" for p in parameters)
    first = parameters[0]
    example = first.example if first.example is not None else "..."
    return InvalidValue(
        " ".join([f"{workflow} needs {names}. {asked}", *(f"({note})" for note in notes)]),
        hint=f"say it in the query, e.g. {first.name}={example}",
        details={"workflow": workflow, "missing": [p.name for p in parameters]},
    )


def _keep(state: OrchestratorState, status: str, answer: str, error: DataOpsError | None) -> OrchestratorState:
    """Keeps the query and its answer in the session, in one commit, without a run."""
    stores, asked = open_stores(), Draft("user", state["user_query"], message_id=state.get("message_id"))
    drafts = [asked, Draft("assistant", answer)]
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
        "final_response": answer,
        "session_id": session_id,
        "run_id": None,
        "status": status,
        "question": None,
        "artifacts": [],
        "error": error.as_dict() if error else None,
    }


def _arguments(state: OrchestratorState) -> dict[str, Any]:
    return {
        "workflow": state["workflow"],
        "values": state["input"],
        "session_id": state.get("session_id"),
        "user_id": state.get("user_id", "local"),
        "query": state["user_query"],
        "message_id": state.get("message_id"),
    }


def _told(result: RunResult) -> OrchestratorState:
    return {
        "final_response": result.answer,
        "session_id": result.session_id,
        "run_id": result.run_id,
        "status": result.status,
        "question": dict(result.question) if result.question else None,
        "artifacts": list(result.artifacts),
        "error": dict(result.error) if result.error else None,
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "workflow": candidate.workflow,
        "score": round(candidate.score, 4),
        "example": candidate.example,
        "words": list(candidate.words),
    }


def _none(decision: Decision) -> str:
    nearest = ", ".join(c.workflow for c in decision.candidates)
    return f"None of the installed workflows does that.{f' The nearest are: {nearest}.' if nearest else ''}"


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
