"""`with_telemetry` opens spans that hold no contents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dataops_core.contracts.middleware import NodeCall
from dataops_core.decorators import (
    with_telemetry,
)
from dataops_core.middlewares.telemetry import Telemetry
from tests.graph_runs import GraphRuns
from tests.middlewares.nodes import COLOURS, State, coloured, one, play

_exporter = InMemorySpanExporter()


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What the process's tracer exports; a process has one."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(_exporter))
        trace.set_tracer_provider(provider)
    _exporter.clear()
    yield _exporter
    _exporter.clear()


@COLOURS
def test_spans_nest_and_name_run_and_session(runs: GraphRuns, spans: InMemorySpanExporter, asynchronous: bool) -> None:
    def inner(state: State) -> dict[str, Any]:
        with trace.get_tracer("author").start_as_current_span("author's"):
            return {"text": "told"}

    below = one(coloured(inner, asynchronous), name="inner").compile()
    result = runs(one(below, name="outer"), middlewares=[Telemetry()], asynchronous=asynchronous)
    author, node, outer = spans.get_finished_spans()
    assert [s.name for s in (author, node, outer)] == ["author's", "node inner", "node outer"]
    assert (author.parent.span_id, node.parent.span_id) == (node.context.span_id, outer.context.span_id)
    assert outer.parent is None
    assert dict(node.attributes or {}) == {
        "workflow.name": result.workflow,
        "dataops.node.name": "inner",
        "dataops.run.id": result.run_id,
        "gen_ai.conversation.id": result.session_id,
        "dataops.run.attempt": 1,
    }


@COLOURS
def test_a_span_tells_an_error_s_type_and_no_contents(
    runs: GraphRuns, spans: InMemorySpanExporter, asynchronous: bool
) -> None:
    def node(state: State) -> dict[str, Any]:
        raise LookupError("secret contents")

    runs(one(with_telemetry(coloured(node, asynchronous))), asynchronous=asynchronous)
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert dict(span.attributes or {})["error.type"] == "LookupError"
    assert "secret" not in span.to_json()


def test_a_span_of_an_interrupted_node_ends_without_an_error(runs: GraphRuns, spans: InMemorySpanExporter) -> None:
    result = runs(one(with_telemetry(lambda state: {"text": interrupt("which?")})))
    assert result.status == "interrupted"
    (span,) = spans.get_finished_spans()
    assert span.end_time is not None
    assert span.status.status_code is trace.StatusCode.UNSET


def test_spans_of_parallel_async_nodes_are_siblings(runs: GraphRuns, spans: InMemorySpanExporter) -> None:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    for name in "abc":
        graph.add_node(name, with_telemetry(coloured(lambda state: {}, True)))
        graph.add_edge(START, name)
        graph.add_edge(name, END)
    runs(graph, asynchronous=True)
    assert [s.parent for s in spans.get_finished_spans()] == [None, None, None]


def test_without_an_sdk_a_span_is_nothing() -> None:
    call = NodeCall("w", "1", "node", (), {}, {})
    assert play(Telemetry(), [{"text": "told"}])[0] == {"text": "told"}
    assert call.state == {}
