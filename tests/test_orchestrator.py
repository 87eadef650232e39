"""From a query to an answer, with toy workflows."""

from __future__ import annotations

import asyncio
import sys

import pytest

from dataops_core import ArtifactStore, SessionManager
from dataops_core.errors import Conflict, InvalidValue
from dataops_core.orchestrator import listening, orchestrator_graph
from tests.toys import install_workflow

GREET = """
from typing_extensions import TypedDict
from langgraph.graph import END, START, StateGraph
from dataops_core import BaseWorkflow, WorkflowState, with_artifacts

class State(WorkflowState):
    name: str
    loud: bool

class Toy(BaseWorkflow):
    def build_graph(self):
        graph = StateGraph(State)
        graph.add_node("greet", self.greet)
        graph.add_edge(START, "greet")
        graph.add_edge("greet", END)
        return graph

    @with_artifacts
    def greet(self, state):
        text = f"Hello {state['name']}"
        return {"answer": text.upper() if state.get("loud") else text, "success": True}
"""
MANIFEST = """
capabilities: [Greet somebody politely]
example_queries: [greet Ann, say hello to Bob, write a greeting for Carol]
parameters:
  - {name: name, type: string, description: Whom to greet, required: true, example: Ann, prompt: "Whom shall I greet?"}
  - {name: loud, type: boolean, default: false}
"""


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch, stores):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    install_workflow(folder, "greeter", GREET, MANIFEST)
    from tests.conftest import forget

    forget()
    yield folder
    for name in [m for m in sys.modules if m.split(".")[0] == "greeter"]:
        del sys.modules[name]


def test_the_reference_s_integration_test():
    session = SessionManager().create_session("test_user")
    result = orchestrator_graph.invoke({"session_id": session.session_id, "user_query": 'greet name="Ann"'})
    assert result["final_response"] == "Hello Ann"
    assert result["status"] == "success"
    assert result["candidates"][0]["workflow"] == "greeter"
    artifacts = ArtifactStore().list_artifacts(session.session_id)
    assert [a.artifact_id for a in artifacts] == result["artifacts"]


def test_async_is_the_same():
    result = asyncio.run(orchestrator_graph.ainvoke({"user_query": "say hello name=Bob loud=true"}))
    assert result["final_response"] == "HELLO BOB"
    messages = SessionManager().get_messages(result["session_id"])
    assert [m.role for m in messages] == ["user", "assistant"]


def test_none_of_these_is_said_honestly_and_kept():
    result = orchestrator_graph.invoke({"user_query": "order me a pizza"})
    assert result["status"] == "no_match"
    assert result["error"]["code"] == "no_match"
    assert result["run_id"] is None
    assert "None of the installed workflows" in result["final_response"]
    said = SessionManager().get_messages(result["session_id"])
    assert [m.content for m in said] == ["order me a pizza", result["final_response"]]


def ask(text, session=None, **more):
    given = {"user_query": text, **({"session_id": session} if session else {}), **more}
    return orchestrator_graph.invoke(given)


def test_a_missing_value_is_asked_for_and_the_next_message_answers_it():
    asked = ask("write a greeting")
    assert (asked["status"], asked["final_response"], asked["error"]) == ("interrupted", "Whom shall I greet?", None)
    assert asked["question"]["parameter"] == "name"
    assert asked["question"]["run_id"] == asked["run_id"]
    done = ask("Ann", asked["session_id"])
    assert (done["status"], done["final_response"], done["run_id"]) == ("success", "Hello Ann", asked["run_id"])
    assert done["question"] is None
    said = [m.content for m in SessionManager().get_messages(asked["session_id"])]
    assert said == ["write a greeting", "Whom shall I greet?", "Ann", "Hello Ann"]


def test_async_answers_too():
    asked = asyncio.run(orchestrator_graph.ainvoke({"user_query": "write a greeting"}))
    again = {"user_query": "name=Bob loud=yes", "session_id": asked["session_id"]}
    assert asyncio.run(orchestrator_graph.ainvoke(again))["final_response"] == "HELLO BOB"


def test_an_unrelated_query_runs_and_the_question_is_offered_again():
    asked = ask("write a greeting")
    other = ask('/greeter name="Bob"', asked["session_id"])
    # It names a value for the parameter that is open, of the same workflow: that is the answer.
    assert other["run_id"] == asked["run_id"]
    parked = ask("write a greeting")
    meta = ask("what can you do?", parked["session_id"])
    assert (meta["status"], meta["question"]["run_id"]) == ("answered", parked["run_id"])
    assert ask("Carol", parked["session_id"])["final_response"] == "Hello Carol"


def test_what_is_no_answer_is_said_and_the_question_stays(site):
    install_workflow(
        site, "counter", GREET.replace("name: str", "count: int").replace("state['name']", "state['count']"), COUNT
    )
    from tests.conftest import forget

    forget()
    asked = ask("count something up")
    assert asked["question"]["parameter"] == "count"
    wrong = ask("10", asked["session_id"])
    assert wrong["status"] == "interrupted"
    assert "at most 9" in wrong["final_response"]
    assert wrong["question"] == asked["question"]
    lost = ask("xyzzy plugh frobnicate", asked["session_id"])
    assert (lost["status"], lost["run_id"]) == ("interrupted", asked["run_id"])
    assert lost["final_response"].endswith("How far?")
    other = ask('say hello name="Ann"', asked["session_id"])
    assert (other["final_response"], other["question"]["run_id"]) == ("Hello Ann", asked["run_id"])
    assert ask("count=3", asked["session_id"])["final_response"] == "Hello 3"
    del sys.modules["counter"], sys.modules["counter.workflow"]


COUNT = """
example_queries: [count something up]
parameters:
  - {name: count, type: integer, required: true, max: 9, prompt: "How far?"}
"""


def test_an_answer_that_comes_too_late_is_no_new_query():
    asked = ask("write a greeting")
    seen = {"run_id": asked["run_id"], "id": asked["question"]["id"]}
    ask("Ann", asked["session_id"], answer_to=seen)
    before = SessionManager().get_messages(asked["session_id"])
    with pytest.raises(Conflict, match="was answered meanwhile with 'Ann'; this message was not kept"):
        ask("Bob", asked["session_id"], answer_to=seen)
    assert SessionManager().get_messages(asked["session_id"]) == before


def test_cancel_ends_what_is_asked():
    asked = ask("write a greeting")
    gone = ask("never mind", asked["session_id"])
    assert (gone["status"], gone["run_id"], gone["question"]) == ("cancelled", asked["run_id"], None)
    assert ask('greet name="Ann"', asked["session_id"])["question"] is None


def test_a_repeated_answer_counts_once():
    asked = ask("write a greeting")
    first = ask("Ann", asked["session_id"], message_id="m1")
    again = ask("Ann", asked["session_id"], message_id="m1")
    assert (again["run_id"], again["final_response"]) == (first["run_id"], "Hello Ann")
    assert len(SessionManager().get_messages(asked["session_id"])) == 4


def test_a_wrong_value_names_parameter_value_and_rule():
    result = orchestrator_graph.invoke({"user_query": 'greet name="Ann" loud=perhaps'})
    assert result["error"]["code"] == "invalid_value"
    for word in ("loud", "perhaps", "true or false"):
        assert word in result["final_response"]


def test_meta_questions_list_capabilities():
    result = orchestrator_graph.invoke({"user_query": "what can you do?"})
    assert result["status"] == "answered"
    assert "greeter" in result["final_response"]


def test_a_repeated_message_is_answered_once():
    session = SessionManager().create_session("ann").session_id
    asked = {"user_query": 'greet name="Ann"', "session_id": session, "message_id": "m1"}
    first = orchestrator_graph.invoke(asked)
    again = orchestrator_graph.invoke(asked)
    assert again["run_id"] == first["run_id"]
    none = {"user_query": "order me a pizza", "session_id": session, "message_id": "m2"}
    orchestrator_graph.invoke(none)
    orchestrator_graph.invoke(none)
    assert len(SessionManager().get_messages(session)) == 4


def test_listeners_hear_the_run():
    heard = []
    with listening(heard.append):
        orchestrator_graph.invoke({"user_query": "greet name=Ann"})
    types = [e.type for e in heard]
    assert types[:3] == ["run.accepted", "run.started", "node.started"]
    assert types[-1] == "run.finished"
    assert [e.seq for e in heard] == list(range(1, len(heard) + 1))


@pytest.mark.parametrize("query", ["", "   ", "\n\t"])
def test_empty_queries_are_refused(query):
    with pytest.raises(InvalidValue):
        orchestrator_graph.invoke({"user_query": query})
