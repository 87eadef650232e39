"""The decorators: colour, signature and injection stay; outside of a run nothing is touched."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, StreamWriter
from typing_extensions import TypedDict

from dataops_core import BaseWorkflow, NodeMiddleware, decorators
from dataops_core.contracts.middleware import NodeCall
from dataops_core.decorators import (
    MARK,
    decorator,
    with_artifacts,
    with_caching,
    with_error_recovery,
    with_session_context,
    with_telemetry,
)
from tests.toys import install_workflow

DECORATORS: dict[str, Callable[..., Any]] = {
    "artifacts": with_artifacts,
    "artifacts()": with_artifacts(),
    "artifacts(type)": with_artifacts("intermediate", key="word", name="x"),
    "context": with_session_context,
    "context()": with_session_context(),
    "recovery": with_error_recovery,
    "recovery(n)": with_error_recovery(1, backoff=0.0),
    "caching": with_caching,
    "caching(ttl)": with_caching(ttl=5, key=lambda state: state["word"]),
    "telemetry": with_telemetry,
    "all": lambda f: with_telemetry(with_caching(with_error_recovery(with_session_context(with_artifacts(f))))),
}
EACH = pytest.mark.parametrize("decorate", DECORATORS.values(), ids=DECORATORS)


class State(TypedDict, total=False):
    word: str
    secret: str
    said: str


class Narrow(TypedDict):
    word: str


class Context(TypedDict):
    tenant: str


class Methods:
    def __init__(self, decorate: Callable[..., Any]) -> None:
        kind = type("Kind", (Plain,), {})
        kind.method = decorate(Plain.method)  # type: ignore[method-assign]
        kind.coroutine = decorate(Plain.coroutine)  # type: ignore[method-assign]
        kind.of_class = decorate(Plain.__dict__["of_class"])  # type: ignore[method-assign]
        kind.static = decorate(Plain.__dict__["static"])  # type: ignore[method-assign]
        self.made = kind()


class Plain:
    def method(self, state: State, config: RunnableConfig) -> dict[str, Any]:
        """Says it."""
        return {"said": f"method {state['word']} {config['configurable']['user']}"}

    async def coroutine(self, state: State, *, runtime: Runtime[Context]) -> dict[str, Any]:
        """Says it."""
        return {"said": f"coroutine {state['word']} {runtime.context['tenant']}"}

    @classmethod
    def of_class(cls, state: State) -> dict[str, Any]:
        """Says it."""
        return {"said": f"class {cls.__name__} {state['word']}"}

    @staticmethod
    def static(state: State) -> dict[str, Any]:
        """Says it."""
        return {"said": f"static {state['word']}"}


class Object:
    def __call__(self, state: State) -> dict[str, Any]:
        return {"said": f"object {state['word']}"}


class AsyncObject:
    async def __call__(self, state: State) -> dict[str, Any]:
        return {"said": f"async object {state['word']}"}


def plain(state: State) -> dict[str, Any]:
    """Says it."""
    return {"said": f"plain {state['word']}"}


async def coroutine(state: State) -> dict[str, Any]:
    """Says it."""
    return {"said": f"coroutine {state['word']}"}


def narrow(state: Narrow) -> dict[str, Any]:
    """Says it."""
    return {"said": f"narrow {[key for key in ('word', 'secret') if key in state]}"}


def injected(
    state: State, config: RunnableConfig, *, runtime: Runtime[Context], writer: StreamWriter
) -> dict[str, Any]:
    """Says it."""
    writer("heard")
    return {"said": f"{config['configurable']['user']} {runtime.context['tenant']}"}


def prefixed(prefix: str, state: State) -> dict[str, Any]:
    """Says it."""
    return {"said": f"{prefix} {state['word']}"}


def nodes(decorate: Callable[..., Any]) -> list[tuple[Any, str]]:
    """Returns decorated nodes of every form, with what they say."""
    made = Methods(decorate).made
    return [
        (decorate(plain), "plain ox"),
        (decorate(coroutine), "coroutine ox"),
        (decorate(narrow), "narrow ['word']"),
        (decorate(injected), "ann acme"),
        (made.method, "method ox ann"),
        (made.coroutine, "coroutine ox acme"),
        (made.of_class, "class Kind ox"),
        (made.static, "static ox"),
        (decorate(Plain().method), "method ox ann"),
        (decorate(functools.partial(prefixed, "partial")), "partial ox"),
        (decorate(lambda state: {"said": f"lambda {state['word']}"}), "lambda ox"),
        (decorate(Object()), "object ox"),
        (decorate(AsyncObject()), "async object ox"),
    ]


@EACH
def test_every_form_of_node_runs_in_a_graph(decorate: Any) -> None:
    for node, said in nodes(decorate):
        graph = StateGraph(State, context_schema=Context)
        graph.add_node("node", node)
        graph.add_edge(START, "node")
        given: Any = {"word": "ox", "secret": "s"}
        told: Any = {"config": {"configurable": {"user": "ann"}}, "context": {"tenant": "acme"}}
        result = asyncio.run(graph.compile().ainvoke(given, **told))
        assert result["said"] == said
        if not decorators.is_coroutine(node):
            assert graph.compile().invoke(given, **told)["said"] == said


@EACH
@pytest.mark.parametrize("function", [plain, coroutine, narrow, injected], ids=lambda f: f.__name__)
def test_colour_signature_and_name_stay(decorate: Any, function: Any) -> None:
    wrapped = decorate(function)
    assert wrapped is not function
    assert inspect.signature(wrapped) == inspect.signature(function)
    assert (wrapped.__name__, wrapped.__qualname__, wrapped.__module__, wrapped.__doc__) == (
        function.__name__,
        function.__qualname__,
        function.__module__,
        "Says it.",
    )
    assert inspect.iscoroutinefunction(wrapped) == inspect.iscoroutinefunction(function)


def test_command_return_types_keep_their_edges_through_a_stack() -> None:
    def steer(state: State) -> Command[Literal["left", "right"]]:
        return Command(goto="right", update={"said": "steered"})

    def drawn(node: Any) -> tuple[str, Any]:
        graph = StateGraph(State)
        graph.add_node("steer", node)
        graph.add_node("left", plain)
        graph.add_node("right", plain)
        graph.add_edge(START, "steer")
        graph.add_edge("right", END)
        compiled = graph.compile()
        return compiled.get_graph().draw_mermaid(), compiled.invoke({"word": "ox"})

    assert drawn(DECORATORS["all"](steer)) == drawn(steer)
    assert "steer -.-> left" in drawn(steer)[0]


def test_the_state_may_be_given_by_name() -> None:
    class Louder(NodeMiddleware):
        name = "louder"

        def around(self, call: NodeCall) -> Any:
            call.state = {"word": call.state["word"].upper()}
            return (yield)

    assert decorators.wrap(Louder(), plain)(state={"word": "ox"}) == {"said": "plain OX"}
    assert decorators.wrap(Louder(), plain)({"word": "ox"}) == {"said": "plain OX"}
    assert decorators.wrap(Louder(), Plain.static)({"word": "ox"}) == {"said": "static OX"}


def test_a_call_without_a_state_raises_what_the_function_raises() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'state'"):
        with_telemetry(plain)()


def test_marks_gather_through_stacks_partials_and_other_wrappers() -> None:
    stacked = with_telemetry(with_caching(plain))
    assert getattr(stacked, MARK) == {"with_telemetry", "with_caching"}

    @functools.wraps(stacked)
    def outer(state: State) -> Any:
        return stacked(state)

    partial = functools.partial(with_caching(prefixed), "p")
    assert decorators.by_hand(outer) == {"with_telemetry", "with_caching"}
    assert decorators.by_hand(partial) == {"with_caching"}
    assert decorators.by_hand(with_telemetry(partial)) == {"with_telemetry", "with_caching"}
    assert decorators.by_hand(plain) == decorators.by_hand(None) == decorators.by_hand(Object()) == frozenset()


def test_a_middleware_class_becomes_a_decorator_of_both_forms() -> None:
    class Note(NodeMiddleware):
        """Notes."""

        name = "note"

        def __init__(self, text: str = "bare") -> None:
            self.text = text

        def around(self, call: NodeCall) -> Any:
            return {**(yield), "note": self.text}

    note = decorator(Note)
    assert note(plain)({"word": "ox"}) == {"said": "plain ox", "note": "bare"}
    assert note("given")(plain)({"word": "ox"}) == {"said": "plain ox", "note": "given"}
    assert note(text="given")(plain)({"word": "ox"})["note"] == "given"
    assert inspect.signature(note) == inspect.signature(Note)
    assert note.__doc__ == "Notes."


class Shop(BaseWorkflow):
    def build_graph(self) -> Any:
        graph = StateGraph(State)
        graph.add_node("first", self.first)
        graph.add_node("second", self.second)
        graph.add_edge(START, "first")
        graph.add_edge("first", "second")
        return graph

    @with_telemetry
    @with_caching
    @with_artifacts(key="word")
    def first(self, state: State) -> dict[str, Any]:
        return {"word": state["word"] * 2}

    @with_error_recovery(retries=1)
    @with_session_context
    def second(self, state: Any) -> dict[str, Any]:
        return {"said": f"{state['word']} {sorted(state['session_context'])}"}


def test_outside_of_a_run_no_store_is_touched(home: Path) -> None:
    said = "oxox ['global_context', 'recent_messages', 'summary']"
    assert Shop().get_compiled_graph().invoke({"word": "ox"})["said"] == said
    assert Shop().invoke({"word": "ox"})["said"] == said
    assert Shop().first({"word": "ox"}) == {"word": "oxox"}
    assert DECORATORS["all"](plain)({"word": "ox"}) == {"said": "plain ox"}
    assert asyncio.run(DECORATORS["all"](coroutine)({"word": "ox"})) == {"said": "coroutine ox"}
    assert not home.exists()


ALONE = """
import sys
from dataops_core import with_artifacts, with_caching, with_error_recovery, with_session_context

@with_artifacts
@with_caching
@with_error_recovery
@with_session_context
def node(state):
    return {"said": state["word"]}

assert node({"word": "ox"}) == {"said": "ox"}
print(*sorted({m.split(".")[0] for m in sys.modules} & {"langgraph", "langchain_core", "pydantic", "asyncio"}))
"""


def test_a_decorated_function_alone_loads_no_langgraph(tmp_path: Path) -> None:
    environment = {**os.environ, "DATAOPS_HOME": str(tmp_path / "home")}
    told = subprocess.run([sys.executable, "-c", ALONE], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.split() == []
    assert not (tmp_path / "home").exists()


PLUGIN = """
from dataops_core import NodeMiddleware, hookimpl
DATAOPS_API = 1

class Audit(NodeMiddleware):
    name = "audit"
    def __init__(self, level="low"):
        self.level = level
    def around(self, call):
        return {**(yield), "audit": self.level}

@hookimpl
def dataops_decorators():
    return {"with_audit": Audit}
"""


@pytest.fixture
def plugin(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    site = tmp_path / "site"
    install_workflow(site, "audit", "")
    (site / "audit" / "__init__.py").write_text(PLUGIN)
    (site / "dataops_audit-1.0.0.dist-info" / "entry_points.txt").write_text("[dataops.middleware]\naudit = audit\n")
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("audit", None)


def test_a_plugin_s_decorator_is_found_by_name(plugin: Any) -> None:
    from dataops_core.decorators import with_audit

    assert with_audit(plain)({"word": "ox"}) == {"said": "plain ox", "audit": "low"}
    assert decorators.with_audit(level="high")(plain)({"word": "ox"})["audit"] == "high"
    with pytest.raises(AttributeError, match="with_nothing"):
        decorators.with_nothing  # noqa: B018
    with pytest.raises(ImportError):
        from dataops_core.decorators import with_nothing  # noqa: F401
