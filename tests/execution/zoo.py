"""A graph with every kind of node that LangGraph knows, and what can be observed of it, made comparable."""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal
from typing import TypedDict as PlainTypedDict

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import InjectedState, ToolNode
from langgraph.runtime import Runtime
from langgraph.types import CachePolicy, Command, RetryPolicy, Send, StreamWriter, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

Decorate = Callable[[Any], Any]
MODES = ["values", "updates", "messages", "custom", "tasks", "checkpoints", "debug"]
INPUT = {"word": "ox", "secret": "s", "trail": [], "items": ["a", "b", "c"]}


class State(TypedDict, total=False):
    word: str
    secret: str
    items: list[str]
    trail: Annotated[list[str], operator.add]
    messages: Annotated[list[AnyMessage], add_messages]
    answer: str


class Narrow(TypedDict):
    word: str


class Item(TypedDict):
    item: str


class Inner(TypedDict, total=False):
    word: str
    own: str
    trail: Annotated[list[str], operator.add]


class Context(TypedDict):
    tenant: str


class Passing(Exception):
    """An error that a retry policy takes."""


@tool
def weigh(thing: str, state: Annotated[dict[str, Any], InjectedState]) -> str:
    """Weighs a thing."""
    return f"{thing} of {state['word']} is heavy"


class Scripted(GenericFakeChatModel):
    """Says its messages in turn; streams words, and tool calls as one chunk."""

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        message = next(self.messages)
        words = re.split(r"(?<= )", message.content)
        for word in words:
            yield ChatGenerationChunk(message=AIMessageChunk(word, id=message.id, tool_calls=message.tool_calls))


class Bound:
    def method(self, state: State) -> dict[str, Any]:
        return {"trail": [f"method {state['word']}"]}


class Speaking:
    def __call__(self, state: State) -> dict[str, Any]:
        return {"trail": [f"object {state['word']}"]}


def with_prefix(prefix: str, state: State) -> dict[str, Any]:
    return {"trail": [f"{prefix} {state['word']}"]}


def identity(function: Any) -> Any:
    return function


def inner(decorate: Decorate = identity) -> Any:
    """Returns a compiled subgraph with a key of its own and a reducer key that it shares with its parent."""

    def begin(state: Inner) -> dict[str, Any]:
        return {"own": f"own {state['word']}"}

    def end(state: Inner) -> dict[str, Any]:
        return {"trail": [f"inner {state['own']}"]}

    graph = StateGraph(Inner)
    graph.add_node("begin", decorate(begin))
    graph.add_node("end", decorate(end))
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "end")
    graph.add_edge("end", END)
    return graph.compile()


def zoo(decorate: Decorate = identity, *, asynchronous: bool) -> StateGraph[Any, Any, Any, Any]:
    """Returns a new zoo.

    Args:
        decorate: put on every function that can be decorated.
        asynchronous: whether there are async nodes among the others.
    """
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(State, context_schema=Context)
    failures = iter([Passing("first"), Passing("second")])
    model = Scripted(
        messages=iter(
            [
                AIMessage("", id="m1", tool_calls=[{"name": "weigh", "args": {"thing": "horn"}, "id": "t1"}]),
                AIMessage("it is very heavy", id="m2"),
            ]
        )
    )

    def plain(state: State) -> dict[str, Any]:
        return {"trail": [f"plain {state['word']}"]}

    async def coroutine(state: State) -> dict[str, Any]:
        return {"trail": [f"coroutine {state['word']}"]}

    async def limited(state: State) -> dict[str, Any]:
        return {"trail": ["limited"]}

    def configured(state: State, config: RunnableConfig) -> dict[str, Any]:
        return {"trail": [f"user {config['configurable']['user']} at {config['metadata']['langgraph_node']}"]}

    def contextual(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        told = runtime.execution_info.node_attempt if runtime.execution_info else None
        return {"trail": [f"tenant {runtime.context['tenant']} attempt {told}"]}

    def writing(state: State, writer: StreamWriter) -> dict[str, Any]:
        writer({"progress": 0.5})
        writer("half")
        return {"trail": ["writing"]}

    def narrow(state: Narrow) -> dict[str, Any]:
        return {"trail": [f"narrow sees {[key for key in ('word', 'secret') if key in state]}"]}

    def ask_model(state: State) -> dict[str, Any]:
        return {"messages": [model.invoke(state["word"])]}

    def flaky(state: State) -> dict[str, Any]:
        for failure in failures:
            raise failure
        return {"trail": ["flaky at last"]}

    def cached(state: Narrow) -> dict[str, Any]:
        return {"trail": [f"cached {state['word']}"]}

    def broken(state: State) -> dict[str, Any]:
        raise LookupError("nothing there")

    def handler(state: State, error: NodeError) -> Command[Literal["steer"]]:
        return Command(update={"trail": [f"handled {error.node} {error.error!r}"]}, goto="steer")

    def steer(state: State) -> Command[Literal["split", "never"]]:
        return Command(update={"trail": ["steered"]}, goto="split")

    def never(state: State) -> dict[str, Any]:
        return {"trail": ["never"]}

    def split(state: State) -> None:
        return None

    def fan_out(state: State) -> list[Send]:
        return [Send("worker", {"item": item}) for item in state["items"]]

    def worker(state: Item) -> dict[str, Any]:
        return {"trail": [f"worker {state['item']}"]}

    def collect(state: State) -> dict[str, Any]:
        return {"trail": [f"collected {len(state['trail'])}"]}

    def ask(state: State) -> dict[str, Any]:
        return {"trail": [f"told {interrupt({'question': 'how many?'})}"], "answer": "done"}

    chain: list[str] = []

    def add(name: str, node: Any, **options: Any) -> None:
        graph.add_node(name, node, **options)
        chain.append(name)

    add("plain", decorate(plain))
    if asynchronous:
        add("coroutine", decorate(coroutine))
        add("limited", decorate(limited), timeout=30)
    add("configured", decorate(configured))
    add("contextual", decorate(contextual))
    add("writing", decorate(writing))
    add("narrow", decorate(narrow))
    add("method", decorate(Bound().method))
    add("object", decorate(Speaking()))
    add("partial", decorate(partial(with_prefix, "partial")), input_schema=State)
    add("lambda", lambda state: {"trail": [f"lambda {state['word']}"]})
    add("runnable", RunnableLambda(decorate(lambda state: {"trail": [f"runnable {state['word']}"]})))
    add("ask_model", decorate(ask_model))
    add("tools", ToolNode([weigh]))
    add("ask_again", decorate(ask_model))
    add("inner", inner(decorate))
    again = RetryPolicy(max_attempts=3, initial_interval=0.001, jitter=False, retry_on=Passing)
    add("flaky", decorate(flaky), retry_policy=again)
    add("cached", decorate(cached), cache_policy=CachePolicy())
    add("broken", decorate(broken), error_handler=handler)
    graph.add_edge(START, chain[0])
    for before, after in itertools.pairwise(chain):
        graph.add_edge(before, after)
    graph.add_edge("broken", "steer")
    graph.add_node("steer", decorate(steer))
    graph.add_node("never", decorate(never))
    graph.add_node("split", decorate(split))
    graph.add_node("worker", decorate(worker))
    graph.add_node("collect", decorate(collect), defer=True)
    graph.add_node("ask", decorate(ask))
    graph.add_conditional_edges("split", fan_out, ["worker"])
    graph.add_edge("worker", "collect")
    graph.add_edge("collect", "ask")
    graph.add_edge("ask", END)
    return graph


class PydanticState(BaseModel):
    word: str
    trail: Annotated[list[str], operator.add] = []


@dataclass
class DataclassState:
    word: str
    trail: Annotated[list[str], operator.add] = field(default_factory=list)


class TypingState(PlainTypedDict):
    word: str
    trail: Annotated[list[str], operator.add]


class ExtensionsState(TypedDict):
    word: str
    trail: Annotated[list[str], operator.add]


SCHEMAS = [PydanticState, DataclassState, TypingState, ExtensionsState]


def of_schema(schema: Any, decorate: Decorate = identity) -> StateGraph[Any, Any, Any, Any]:
    """Returns two nodes in parallel and one after them, over a kind of state; the last returns a state of that kind."""

    def read(state: Any) -> str:
        return state["word"] if isinstance(state, dict) else state.word

    def kind(state: Any) -> dict[str, Any]:
        return {"trail": [f"{type(state).__name__} {read(state)}"]}

    def last(state: Any) -> Any:
        return schema(word="new", trail=["last"])

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(schema)
    for name in ("left", "right"):
        graph.add_node(name, decorate(kind))
        graph.add_edge(START, name)
    graph.add_node("last", decorate(last))
    graph.add_edge(["left", "right"], "last")
    graph.add_edge("last", END)
    return graph


def asking(decorate: Decorate = identity) -> StateGraph[Any, Any, Any, Any]:
    """Returns a graph whose subgraph asks twice."""

    def ask(state: Inner) -> dict[str, Any]:
        return {"trail": [interrupt("first?"), interrupt("second?")]}

    below: StateGraph[Any, Any, Any, Any] = StateGraph(Inner)
    below.add_node("ask", decorate(ask))
    below.add_edge(START, "ask")
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    graph.add_node("below", below.compile())
    graph.add_edge(START, "below")
    return graph


_CHANGING = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<hash>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(\+00:00|Z)"), "<time>"),
    (re.compile(r"0x[0-9a-f]+"), "<address>"),
    (re.compile(r"'(first|last)_[a-z_]+_time': [0-9.]+"), "<clock>"),
    # The versions of channels: a number and a random part.
    (re.compile(r"0{20,}(\d+)\.0\.\d+"), r"<version \1>"),
]


def normal(value: Any) -> str:
    """Returns a value as text, without what differs from run to run."""
    text = repr(value)
    for changing, name in _CHANGING:
        text = changing.sub(name, text)
    return text


def normal_parts(parts: list[Any], *, but: tuple[str, ...] = ()) -> list[str]:
    """Returns the parts of a stream as texts: `values` in order, then others sorted, since branches end anyhow."""
    values = [normal(part) for part in parts if part[1] == "values"]
    return values + sorted(normal(part) for part in parts if part[1] != "values" and part[1] not in but)
