"""One attempt of a run in this process: the graph is executed, sync or async, and how it ended is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.errors import is_invalid_resume
from langgraph.types import Command

from dataops_core import history
from dataops_core.errors import DataOpsError, FenceLost, RunTimeout
from dataops_core.execution import questions
from dataops_core.execution.graphs import async_only, graph_of, saver_of
from dataops_core.execution.runs import Ending
from dataops_core.execution.scope import RunScope, current_run, timed_out

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)


class Outcome:
    """What the graph's stream has told so far: the latest state and the interrupts."""

    def __init__(self, scope: RunScope) -> None:
        self.scope = scope
        self.state: Any = None
        self.interrupts: list[Any] = []
        #: What a graph that is compiled to pause waits for.
        self.pause: Mapping[str, Any] | None = None

    def hear(self, part: Mapping[str, Any]) -> None:
        """Takes one part of the stream."""
        self.state = part["data"]
        self.interrupts += part.get("interrupts") or ()

    def ending(self) -> Ending:
        """Returns how the graph ended, when it ended without an error."""
        asked = questions.for_interrupt(self.interrupts[0]) if self.interrupts else self.pause
        if asked is not None:
            return Ending("interrupted", asked["prompt"], question=asked)
        success = _read(self.state, "success")
        answer = _read(self.state, "answer") or _read(self.state, "output")
        if not isinstance(answer, str) or not answer.strip():
            if answer:
                log.warning("%s: its answer is a %s, not a text", self.scope.manifest.name, type(answer).__name__)
            answer = _default_answer(self.scope)
        if success is False:
            error = {"code": "run_failed", "message": answer, "hint": ""}
            return Ending("error", answer, error, success=False)
        return Ending("success", answer, success=None if success is None else bool(success))


def execute(scope: RunScope) -> tuple[Ending, Any]:
    """Executes the graph of an attempt and returns how it ended, with the final state.

    A graph with nodes that are async only gets an event loop of its own, in a thread of its own where one runs already.

    Raises:
        FenceLost: the run is no longer this worker's.
    """
    if _is_async(scope):
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(copy_context().run, asyncio.run, aexecute(scope)).result()
    outcome = Outcome(scope)
    try:
        with _running(scope) as (graph, given, config):
            for part in graph.stream(given, config, stream_mode=["values"], durability=scope.durability, version="v2"):
                outcome.hear(part)
            outcome.pause = _pause(graph, config)
        return outcome.ending(), outcome.state
    except Exception as error:
        if is_invalid_resume(error):
            return _asked_again(graph, config, error), outcome.state
        return failed(scope, error), outcome.state


async def aexecute(scope: RunScope) -> tuple[Ending, Any]:
    """Async `execute`. A node that awaits is stopped when the time is up; a sync one holds its thread to its end."""
    outcome, limit = Outcome(scope), asyncio.timeout(scope.timeout)
    try:
        with _running(scope) as (graph, given, config):
            stream = graph.astream(given, config, stream_mode=["values"], durability=scope.durability, version="v2")
            async with limit:
                async for part in stream:
                    outcome.hear(part)
            outcome.pause = await asyncio.to_thread(_pause, graph, config) if _pauses(graph) else None
        return outcome.ending(), outcome.state
    except TimeoutError as error:
        told = timed_out(scope.run_id, scope.timeout or 0) if limit.expired() else error
        return failed(scope, told), outcome.state
    except Exception as error:
        if is_invalid_resume(error):
            return await asyncio.to_thread(_asked_again, graph, config, error), outcome.state
        return failed(scope, error), outcome.state


def failed(scope: RunScope, error: Exception) -> Ending:
    """Returns the ending that an exception means; raises FenceLost on, since then nothing may be written."""
    if isinstance(error, FenceLost):
        raise error
    # The traceback is for operators; the asker reads one line.
    log.info("run %s failed", scope.run_id, exc_info=error)
    node = next((t["node"] for t in reversed(scope.timings) if t.get("error")), None)
    where = f" at node {node!r}" if node else ""
    if isinstance(error, DataOpsError):
        told = error.as_dict()
        status = "timeout" if isinstance(error, RunTimeout) else "error"
        return Ending(status, f"{scope.manifest.name} failed{where}: {error.message}", told)
    message = f"workflow {scope.manifest.name!r} failed{where}: {type(error).__name__}: {error}"[:1000]
    return Ending("error", message, {"code": "run_failed", "message": message, "hint": ""})


def _is_async(scope: RunScope) -> bool:
    try:
        return async_only(graph_of(scope.manifest, scope.stores))
    except DataOpsError:
        return False  # told, with its cause, by the execution that follows


@contextmanager
def _running(scope: RunScope) -> Iterator[tuple[Any, Any, dict[str, Any]]]:
    saver = saver_of(scope.stores)
    graph = graph_of(scope.manifest, scope.stores)
    config: dict[str, Any] = {"configurable": {"thread_id": scope.run_id}}
    scope.begin()
    token = current_run.set(scope)
    # A run is a thread of its own: started inside a node (the orchestrator's), it would become that node's subgraph.
    outer = var_child_runnable_config.set(None)
    saver.attach(scope)
    try:
        resumes = scope.attempt > 1 and saver.has_checkpoint(scope.run_id)
        yield graph, _resumed(graph, config, scope) if resumes else _input(graph, scope), config
    finally:
        var_child_runnable_config.reset(outer)
        current_run.reset(token)


def _input(graph: Any, scope: RunScope) -> dict[str, Any]:
    told = {**scope.run["input"], "session_id": scope.session_id, "workflow_name": scope.manifest.name}
    known = set(graph.channels)
    if "user_query" in known and "user_query" not in told:
        stores = scope.stores
        asked = history.read(stores.records, stores.blobs, scope.session_id, scope.run["query_message"])
        told["user_query"] = asked.content
    return {key: value for key, value in told.items() if key in known} or told


def _resumed(graph: Any, config: Any, scope: RunScope) -> Command[Any] | None:
    """Returns what a graph that has a checkpoint goes on with: the last answer, unless its node took it already."""
    answers = scope.run.get("answers")
    if not answers:
        return None
    last = answers[-1]
    if all(interrupt.id != last["question"] for interrupt in graph.get_state(config).interrupts):
        return None
    return Command(resume={last["question"]: last["value"]})


def _asked_again(graph: Any, config: Any, error: Exception) -> Ending:
    """Returns the ending of an attempt whose node refused the answer; nothing of the answer was kept in the graph."""
    question = questions.for_interrupt(graph.get_state(config).interrupts[0])
    return Ending("interrupted", f"{error}\n{question['prompt']}", question=question)


def _pauses(graph: Any) -> bool:
    return bool(graph.interrupt_before_nodes or graph.interrupt_after_nodes)


def _pause(graph: Any, config: Any) -> dict[str, Any] | None:
    """Returns the question of a graph that has paused where `interrupt_before` or `interrupt_after` says, else None."""
    if not _pauses(graph):
        return None
    state = graph.get_state(config)
    return questions.for_pause(state.config["configurable"]["checkpoint_id"], state.next) if state.next else None


def _read(state: Any, key: str) -> Any:
    return state.get(key) if isinstance(state, Mapping) else getattr(state, key, None)


def _default_answer(scope: RunScope) -> str:
    count = len(scope.artifact_ids)
    kept = f"; it kept {count} artifact{'s' if count != 1 else ''}" if count else ""
    return f"{scope.manifest.name} is done{kept}."
