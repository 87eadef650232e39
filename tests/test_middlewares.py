"""The five middlewares of the core, in real runs on the embedded stores."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pandas
import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel
from typing_extensions import TypedDict

from dataops_core import ArtifactStore, SessionManager, WorkflowState, settings
from dataops_core.artifact import ArtifactType
from dataops_core.contracts.middleware import IO, NodeCall, Sleep
from dataops_core.decorators import (
    with_artifacts,
    with_caching,
    with_error_recovery,
    with_session_context,
    with_telemetry,
)
from dataops_core.errors import Unreachable
from dataops_core.middlewares.artifacts import Artifacts
from dataops_core.middlewares.caching import Caching
from dataops_core.middlewares.error_recovery import ErrorRecovery, worth_retrying
from dataops_core.middlewares.telemetry import Telemetry
from tests.graph_runs import GraphRuns

COLOURS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


class State(WorkflowState, total=False):
    word: str
    text: str
    value: Any


class Bare(TypedDict, total=False):
    word: str
    text: str


@pytest.fixture
def runs(stores: Any, monkeypatch: pytest.MonkeyPatch) -> GraphRuns:
    return GraphRuns(stores, monkeypatch)


def one(node: Any, schema: Any = State, *, name: str = "node") -> StateGraph[Any, Any, Any, Any]:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(schema)
    graph.add_node(name, node)
    graph.add_edge(START, name)
    return graph


def coloured(function: Any, asynchronous: bool) -> Any:
    """Returns the function, or a coroutine function that does the same."""
    if not asynchronous:
        return function

    async def node(state: Any) -> Any:
        return function(state)

    return node


def kept(result: Any) -> dict[str, Any]:
    """Returns the contents of a run's artifacts by name; they are committed, and the run lists them."""
    assert result.status == "success", result.error
    store = ArtifactStore()
    artifacts = store.list_artifacts(result.session_id)
    assert {a.artifact_id for a in artifacts} == set(result.artifacts)
    return {str(a.name): store.get_artifact_content(a.artifact_id) for a in artifacts}


@COLOURS
@pytest.mark.parametrize("by_hook", [False, True], ids=["decorated", "hook"])
def test_an_update_is_kept_and_listed_in_the_state(runs: GraphRuns, asynchronous: bool, by_hook: bool) -> None:
    def node(state: State) -> dict[str, Any]:
        return {"text": f"{state['word']}!"}

    function = coloured(node, asynchronous)
    graph = one(function if by_hook else with_artifacts(ArtifactType.INTERMEDIATE)(function))
    middlewares = [Artifacts(ArtifactType.INTERMEDIATE)] if by_hook else []
    result = runs(graph, middlewares=middlewares, asynchronous=asynchronous)
    assert kept(result) == {"node": {"text": "ox!"}}
    assert result.state["artifacts"] == list(result.artifacts)
    assert result.state["text"] == "ox!"
    (artifact,) = ArtifactStore().list_artifacts(result.session_id)
    assert (artifact.artifact_type, artifact.node) == (ArtifactType.INTERMEDIATE, "node")


def test_a_key_is_kept_alone_and_its_id_takes_its_place(runs: GraphRuns) -> None:
    @with_artifacts(key="value", name="rows.json")
    def node(state: State) -> dict[str, Any]:
        return {"value": [1, 2], "text": "told"}

    result = runs(one(node))
    assert kept(result) == {"rows.json": [1, 2]}
    assert result.state["value"] == result.artifacts[0]
    assert result.state["text"] == "told"


@pytest.mark.parametrize("returned", [{"text": "no such key"}, {"value": None}, {}, None], ids=str)
def test_where_the_key_is_not_nothing_is_kept(runs: GraphRuns, returned: Any) -> None:
    result = runs(one(with_artifacts(key="value")(lambda state: returned)))
    assert kept(result) == {}


@pytest.mark.parametrize(
    ("value", "content_type", "told"),
    [
        ("<p>ä</p>", "text/html", "<p>ä</p>"),
        (b"\xff\x00", None, b"\xff\x00"),
        ({"raw": b"\xff", "nan": math.nan, "at": {1: {2}}}, None, {"raw": "_w==", "nan": "NaN", "at": {"1": [2]}}),
        ("{}", "application/json", "{}"),
    ],
    ids=["html", "bytes", "nested", "text as JSON"],
)
def test_what_a_key_may_hold(runs: GraphRuns, value: Any, content_type: str | None, told: Any) -> None:
    node = with_artifacts(key="value", name="it", content_type=content_type)(lambda state: {"value": value})
    result = runs(one(node))
    assert kept(result) == {"it": told}
    (artifact,) = ArtifactStore().list_artifacts(result.session_id)
    assert content_type in (None, artifact.content_type)


def test_a_frame_is_kept_as_a_frame(runs: GraphRuns) -> None:
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None]})
    result = runs(one(with_artifacts(key="value", name="frame")(lambda state: {"value": frame})))
    assert kept(result)["frame"].equals(frame)


def test_what_cannot_be_kept_fails_the_node_and_names_it(runs: GraphRuns) -> None:
    result = runs(one(with_artifacts(key="value")(lambda state: {"value": {"text": "\ud800"}})))
    assert (result.status, result.error["code"]) == ("error", "invalid_value")
    assert "artifact" in result.error["message"]


class PydanticState(BaseModel):
    word: str
    text: str = "default"
    count: int | None = 3
    artifacts: list[str] = []


@dataclass
class DataclassState:
    word: str = ""
    text: str = "default"
    artifacts: list[str] = field(default_factory=list)


@pytest.mark.parametrize("schema", [PydanticState, DataclassState], ids=lambda s: s.__name__)
def test_models_and_dataclasses_are_updates(runs: GraphRuns, schema: Any) -> None:
    @with_artifacts
    def node(state: Any) -> Any:
        return schema(word=state.word + "!")

    graph = one(node, schema)
    bare = graph.compile().invoke({"word": "ox", "artifacts": []})
    result = runs(graph)
    content = kept(result)["node"]
    assert content["word"] == "ox!"
    seen = {key: getattr(result.state, key) for key in ("word", "text", "artifacts")}
    assert seen == {"word": bare["word"], "text": bare["text"], "artifacts": list(result.artifacts)}


def test_commands_keep_their_goto(runs: GraphRuns) -> None:
    @with_artifacts
    def node(state: State) -> Command[Any]:
        return Command(update={"text": "told"}, goto="last")

    graph = one(node)
    graph.add_node("last", lambda state: {"value": state["text"]})
    result = runs(graph)
    assert kept(result) == {"node": {"text": "told"}}
    assert result.state["value"] == "told"


def test_commands_that_send_carry_nothing_to_keep(runs: GraphRuns) -> None:
    @with_artifacts
    def split(state: State) -> Any:
        return Command(goto=[Send("work", {"word": w}) for w in "abc"])

    @with_artifacts(name="part")
    def work(state: State) -> dict[str, Any]:
        return {"artifacts": [f"own {state['word']}"]}

    graph = one(split, name="split")
    graph.add_node("work", work)
    result = runs(graph)
    assert len(result.artifacts) == 3
    listed = result.state["artifacts"]
    assert sorted(i for i in listed if i.startswith("own")) == ["own a", "own b", "own c"]
    assert set(result.artifacts) == {i for i in listed if not i.startswith("own")}


class Unreduced(TypedDict, total=False):
    word: str
    artifacts: list[str]


@pytest.mark.parametrize("schema", [State, Unreduced], ids=["reducer", "no reducer"])
@COLOURS
def test_parallel_branches_keep_every_id(runs: GraphRuns, schema: Any, asynchronous: bool) -> None:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(schema)
    for name in "abc":
        node = coloured(lambda state, name=name: {"word": name} if name == "a" else {}, asynchronous)
        graph.add_node(name, with_artifacts(name=name)(node))
        graph.add_edge(START, name)
    result = runs(graph, asynchronous=asynchronous)
    assert kept(result) == {"a": {"word": "a"}, "b": {}, "c": {}}
    assert sorted(result.state["artifacts"]) == sorted(result.artifacts)
    assert len(result.artifacts) == 3


def test_a_state_without_artifacts_is_told_once(runs: GraphRuns, caplog: pytest.LogCaptureFixture) -> None:
    graph = one(with_artifacts(lambda state: {"text": "told"}), Bare)
    results = [runs(graph, name="untold") for _ in range(2)]
    assert [kept(r) for r in results] == [{"node": {"text": "told"}}] * 2
    assert [r.state for r in results] == [{"word": "ox", "text": "told"}] * 2
    said = [r.getMessage() for r in caplog.records if "artifacts" in r.getMessage()]
    assert len(said) == 1
    assert "'untold'" in said[0]
    assert "'node'" in said[0]


def test_artifacts_of_another_type_stay_the_author_s(runs: GraphRuns) -> None:
    class Own(TypedDict, total=False):
        word: str
        artifacts: dict[str, int]

    result = runs(one(with_artifacts(lambda state: {"artifacts": {"mine": 1}}), Own))
    assert result.state["artifacts"] == {"mine": 1}
    assert kept(result) == {"node": {"artifacts": {"mine": 1}}}


def test_nodes_of_a_subgraph_are_told_apart(runs: GraphRuns) -> None:
    below: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    for name in ("left", "right"):
        below.add_node(name, with_artifacts(lambda state: {}))
        below.add_edge(START, name)
    result = runs(one(below.compile(), name="below"))
    assert kept(result) == {"left": {}, "right": {}}
    assert sorted(result.state["artifacts"]) == sorted(result.artifacts)


def test_what_a_failed_execution_stored_is_not_kept(runs: GraphRuns) -> None:
    tries = iter([ConnectionError("gone"), None])

    @with_error_recovery(backoff=0.0)
    def node(state: State) -> dict[str, Any]:
        trouble = next(tries)
        ArtifactStore().store_artifact(f"{trouble}", state["session_id"], "graph", name="try")
        if trouble:
            raise trouble
        return {"text": "told"}

    assert kept(runs(one(node))) == {"try": "None"}


@COLOURS
@pytest.mark.parametrize("schema", [State, PydanticState, DataclassState], ids=lambda s: s.__name__)
def test_a_node_sees_its_session(runs: GraphRuns, asynchronous: bool, schema: Any) -> None:
    sessions = SessionManager()
    sid = sessions.create_session("ann").session_id
    sessions.add_message(sid, "user", "what was said before")
    seen: list[Any] = []

    def node(state: Any) -> dict[str, Any]:
        seen.append(state["session_context"] if isinstance(state, dict) else state.session_context)
        return {"text": "told"}

    graph = one(with_session_context(coloured(node, asynchronous)), schema)
    result = runs(graph, session_id=sid, asynchronous=asynchronous)
    assert result.status == "success", result.error
    assert {"role": "user", "content": "what was said before"} in seen[0]["recent_messages"]
    assert "what was said before" in seen[0]["summary"]
    assert seen[0]["global_context"] == {}
    assert not hasattr(result.state, "session_context")


class Provider(Exception):
    def __init__(self, status: int | None = None, **headers: str) -> None:
        super().__init__(f"status {status}")
        if status is not None:
            self.status_code = status
        self.response = httpx.Response(status or 200, headers={k.replace("_", "-"): v for k, v in headers.items()})


class APIConnectionError(Exception):
    """As of the provider clients: no status."""


class APITimeoutError(APIConnectionError):
    """Likewise."""


def http_status(status: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError("", request=httpx.Request("GET", "http://x"), response=httpx.Response(status))


def play(middleware: Any, script: list[Any], state: Any = None) -> tuple[Any, list[float], int]:
    """Drives a middleware by a script of results and errors; returns what it returns, its pauses, and the tries."""
    call = NodeCall("w", "1", "node", (), state or {}, {})
    around, pauses, tries = middleware.around(call), [], 0
    answer: Any = None
    try:
        request = next(around)
        while True:
            if isinstance(request, Sleep):
                pauses.append(request.seconds)
                request = around.send(None)
            elif isinstance(request, IO):
                request = around.send(request.fn(*request.args, **request.kwargs))
            else:
                answer, tries = script[tries], tries + 1
                request = around.throw(answer) if isinstance(answer, Exception) else around.send(answer)
    except StopIteration as stop:
        return stop.value, pauses, tries


@pytest.mark.parametrize(
    ("error", "worth"),
    [
        *((Provider(status), True) for status in (408, 409, 429, 500, 502, 503, 504, 529)),
        *((Provider(status), False) for status in (400, 401, 403, 404, 413, 422)),
        (http_status(503), True),
        (http_status(404), False),
        (APIConnectionError(), True),
        (APITimeoutError(), True),
        (httpx.ConnectError("no"), True),
        (httpx.ConnectTimeout("no"), True),
        (httpx.RemoteProtocolError("no"), True),
        (httpx.InvalidURL("no"), False),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (Unreachable("no"), True),
        (ValueError("no"), False),
        (KeyError("no"), False),
    ],
    ids=lambda value: f"{type(value).__name__} {getattr(value, 'status_code', '')}".strip(),
)
def test_which_errors_are_worth_a_retry(error: Exception, worth: bool) -> None:
    assert worth_retrying(error) is worth
    if worth:
        assert play(ErrorRecovery(), [error, {"text": "at last"}])[0::2] == ({"text": "at last"}, 2)
    else:
        with pytest.raises(type(error)):
            play(ErrorRecovery(), [error])


def test_pauses_double_and_are_bounded() -> None:
    _, pauses, tries = play(ErrorRecovery(6, backoff=1.0, max_backoff=10.0), [TimeoutError()] * 6 + [{}])
    assert tries == 7
    assert all(2**n / 2 <= pause <= min(2**n, 10) for n, pause in enumerate(pauses[:4]))
    assert all(5 <= pause <= 10 for pause in pauses[4:])
    assert play(ErrorRecovery(2000, backoff=0.1), [TimeoutError()] * 1500 + [{}])[2] == 1501


def test_a_provider_s_retry_after_is_respected() -> None:
    assert play(ErrorRecovery(backoff=0.01), [Provider(429, retry_after="7"), {}])[1] == [7.0]
    assert play(ErrorRecovery(backoff=0.01), [Provider(429, retry_after="soon"), {}])[1][0] <= 0.01
    for hours in ("3600", "inf", "nan"):
        with pytest.raises(Provider):
            play(ErrorRecovery(max_backoff=60), [Provider(429, retry_after=hours), {}])
    assert play(ErrorRecovery(backoff=0.01), [Provider(429, retry_after="-5"), {}])[1][0] <= 0.01


def test_when_nothing_helps_the_error_or_the_fallback() -> None:
    with pytest.raises(TimeoutError):
        play(ErrorRecovery(2, backoff=0), [TimeoutError()] * 3)
    for retries in (0, -1):
        with pytest.raises(TimeoutError):
            play(ErrorRecovery(retries), [TimeoutError()])
        assert play(ErrorRecovery(retries), [{"text": "told"}]) == ({"text": "told"}, [], 1)
    assert play(ErrorRecovery(fallback={"text": "else"}), [ValueError()])[0] == {"text": "else"}

    def fallback(state: Any, error: Exception) -> dict[str, Any]:
        return {"text": f"{state['word']} {error}"}

    assert play(ErrorRecovery(1, backoff=0, fallback=fallback), [TimeoutError("late")] * 2, {"word": "ox"})[0] == {
        "text": "ox late"
    }
    assert play(ErrorRecovery(1, backoff=0, retry_on=lambda e: True), [ValueError(), {}])[2] == 2


@COLOURS
def test_an_interrupt_is_no_error_to_recover_from(runs: GraphRuns, asynchronous: bool) -> None:
    def node(state: State) -> dict[str, Any]:
        return {"text": interrupt("which?")}

    recover = with_error_recovery(retries=5, retry_on=lambda error: True, fallback={"text": "eaten"})
    result = runs(one(recover(coloured(node, asynchronous))), asynchronous=asynchronous)
    assert (result.status, result.question["prompt"]) == ("interrupted", "which?")


@COLOURS
def test_a_real_pause_is_taken(runs: GraphRuns, asynchronous: bool) -> None:
    tries = iter([Provider(429, retry_after="0.2"), Provider(503), None])

    def node(state: State) -> dict[str, Any]:
        if trouble := next(tries):
            raise trouble
        return {"text": "told"}

    start = time.monotonic()
    graph = one(with_error_recovery(backoff=0.01)(coloured(node, asynchronous)))
    assert runs(graph, asynchronous=asynchronous).state["text"] == "told"
    assert time.monotonic() - start >= 0.2


@pytest.fixture
def counted() -> Any:
    ran: list[str] = []

    def node(state: State) -> dict[str, Any]:
        ran.append(state["word"])
        return {"text": f"{state['word']} {len(ran)}"}

    node.ran = ran  # type: ignore[attr-defined]
    return node


@COLOURS
@pytest.mark.parametrize("by_hook", [False, True], ids=["decorated", "hook"])
def test_a_known_result_skips_the_node_in_every_session(
    runs: GraphRuns, counted: Any, asynchronous: bool, by_hook: bool
) -> None:
    function = coloured(counted, asynchronous)
    graph = one(function if by_hook else with_caching(function))

    def run(word: str) -> Any:
        middlewares = [Caching()] if by_hook else []
        return runs(graph, {"word": word}, name="c", middlewares=middlewares, asynchronous=asynchronous)

    assert [run(word).state["text"] for word in ("ox", "ox", "cow", "ox")] == ["ox 1", "ox 1", "cow 2", "ox 1"]
    assert counted.ran == ["ox", "cow"]


def test_caching_can_be_switched_off(runs: GraphRuns, counted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_CACHING", "false")
    settings.use(settings.load())
    graph = one(with_caching(counted))
    assert [runs(graph, name="off").state["text"] for _ in range(2)] == ["ox 1", "ox 2"]


def test_a_known_result_is_forgotten_in_time(runs: GraphRuns, counted: Any) -> None:
    graph = one(with_caching(ttl=0.05)(counted))
    assert runs(graph, name="ttl").state["text"] == "ox 1"
    time.sleep(0.06)
    assert runs(graph, name="ttl").state["text"] == "ox 2"


def test_a_key_says_what_matters(runs: GraphRuns, counted: Any) -> None:
    graph = one(with_caching(key=lambda state: state["word"].lower())(counted))
    assert [runs(graph, {"word": w}, name="key").state["text"] for w in ("OX", "ox")] == ["OX 1", "OX 1"]


def test_results_with_artifacts_are_not_kept(runs: GraphRuns, counted: Any) -> None:
    for stacked in (with_caching(with_artifacts(counted)), with_artifacts(with_caching(counted))):
        counted.ran.clear()
        results = [runs(one(stacked), name=f"a{id(stacked)}") for _ in range(2)]
        assert all(len(kept(r)) == 1 for r in results)
        assert results[0].artifacts != results[1].artifacts
    # Inside, the node is known, and each session gets an artifact of its own.
    assert counted.ran == ["ox"]


@pytest.mark.parametrize(
    "returned",
    [{"value": object()}, {"value": (1, 2)}, {"value": math.nan}, None],
    ids=["object", "tuple", "nan", "none"],
)
def test_results_that_are_not_plain_json_are_not_kept(runs: GraphRuns, returned: Any) -> None:
    ran: list[int] = []

    @with_caching
    def node(state: State) -> Any:
        ran.append(1)
        return returned

    for _ in range(2):
        runs(one(node, Bare), name="plain")
    assert len(ran) == 2


def test_functions_and_inner_nodes_of_one_node_are_told_apart(runs: GraphRuns) -> None:
    first = with_caching(lambda state: {"text": "first"})

    @with_caching
    def second(state: State) -> dict[str, Any]:
        return {"text": "second"}

    def both(state: State) -> dict[str, Any]:
        return {"text": f"{first(state)['text']} {second(state)['text']}"}

    below: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    below.add_node("node", second)
    below.add_edge(START, "node")
    graph = one(both)
    graph.add_node("below", below.compile())
    graph.add_edge("node", "below")
    assert runs(one(both), name="both").state["text"] == "first second"
    assert runs(graph, name="both").state["text"] == "second"


def test_one_session_s_context_is_no_answer_for_another(runs: GraphRuns) -> None:
    def node(state: Any) -> dict[str, Any]:
        said = [m["content"] for m in state["session_context"]["recent_messages"]]
        return {"text": said[0]}

    sessions = SessionManager()
    for graph in (one(with_session_context(with_caching(node))), one(node)):
        told = []
        for user in ("ann", "bob"):
            sid = sessions.create_session(user).session_id
            sessions.add_message(sid, "user", f"secret of {user}")
            from dataops_core.middlewares.session_context import SessionContext

            hooks = [Caching(), SessionContext()]
            told.append(runs(graph, name="secret", session_id=sid, middlewares=hooks).state["text"])
        assert told == ["secret of ann", "secret of bob"]


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
