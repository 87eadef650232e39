"""The graph: its two nodes, and what they keep in the session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from dataops_core import history
from dataops_core.contracts.records import ABSENT, Put, Record
from dataops_core.execution.runner import Runner, RunResult
from dataops_core.execution.runs import Runs
from dataops_core.execution.scope import Listener
from dataops_core.history import Draft
from dataops_core.orchestrator.deciding import decide, error_of
from dataops_core.orchestrator.state import OrchestratorState, Reply
from dataops_core.session import new_record, require_active
from dataops_core.session_manager import SessionManager
from dataops_core.storage import schema
from dataops_core.storage.opening import open_stores

_listener: ContextVar[Listener | None] = ContextVar("dataops_listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within the block, runs that are started in this context tell the listener of their events."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def route(state: OrchestratorState) -> Any:
    """Picks the workflow and its values and goes on to `run`, or answers at once when there is nothing to run."""
    chosen, reply = decide(state)
    return _command(chosen if reply is None else {**chosen, **_keep(state, reply)})


def run(state: OrchestratorState) -> OrchestratorState:
    """Does what `route` has decided: runs a workflow, answers or cancels an interrupted run, or waits for one."""
    task = dict(state["task"])
    runner, parked = Runner(listener=_listener.get()), task.pop("parked", None)
    return _told(getattr(runner, task.pop("do"))(**task), parked)


async def aroute(state: OrchestratorState) -> Any:
    """Async `route`; a new session, and a query that leads to a run, have nothing to wait for."""
    chosen, reply = await asyncio.to_thread(decide, state) if state.get("session_id") else decide(state)
    return _command(chosen if reply is None else {**chosen, **(await asyncio.to_thread(_keep, state, reply))})


async def arun(state: OrchestratorState) -> OrchestratorState:
    """Async `run`."""
    task = dict(state["task"])
    runner, parked = Runner(listener=_listener.get()), task.pop("parked", None)
    return _told(await getattr(runner, f"a{task.pop('do')}")(**task), parked)


def _keep(state: OrchestratorState, reply: Reply) -> OrchestratorState:
    """Keeps the query and its answer in the session, in one commit, without a run."""
    stores, asked = open_stores(), Draft("user", state["user_query"], message_id=state.get("message_id"))
    drafts = [asked, Draft("assistant", reply.text, artifacts=reply.artifacts)]
    session_id = state.get("session_id")
    if session_id is None:
        at = schema.iso(stores.records.now())
        record = new_record(state.get("user_id", "local"), at=at)
        _offer(record, reply)
        writes, _ = history.append(record, drafts, blobs=stores.blobs, at=at)
        stores.records.commit([Put(schema.SESSIONS, record, ABSENT), *writes])
    else:
        chosen = session_id

        def change(record: dict[str, Any]) -> Any:
            now = stores.records.now()
            require_active(record, now)
            _offer(record, reply)
            return history.append(record, drafts, blobs=stores.blobs, at=schema.iso(now))[0]

        def already() -> bool:
            return bool(asked.message_id and history.reserved(stores.records, chosen, asked.message_id))

        manager = SessionManager(stores)
        record = Runs(stores).session(chosen)[0] if already() else manager.change(chosen, change, settled=already)
    waits = reply.parked is not None and reply.status == "interrupted"
    return {
        "final_response": reply.text,
        "session_id": record["session_id"],
        "run_id": reply.parked["run_id"] if reply.parked and waits else None,
        "status": reply.status,
        "question": _choice(record, reply) if reply.status == "undecided" else _question(reply.parked),
        "artifacts": list(reply.artifacts),
        "error": error_of(reply),
    }


def _offer(record: Record, reply: Reply) -> None:
    """Notes in a session's record which workflows can be chosen from now; whatever else is said ends the choice."""
    if reply.workflows is None:
        return
    record.pop("choice", None)
    if reply.workflows:
        number = record["revision"] + 1
        record["choice"] = {"id": f"c{number}", "query_message": number, "workflows": list(reply.workflows)}


def _choice(record: Record, reply: Reply) -> dict[str, Any]:
    """Returns the question which workflow is meant; it belongs to no run."""
    offered = list(reply.workflows or ())
    return {
        "id": record.get("choice", {}).get("id"),
        "run_id": None,
        "parameter": "workflow",
        "prompt": reply.text,
        "suggestion": offered[0] if len(offered) == 1 else None,
        "schema": {"enum": [*offered, "none"]},
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
