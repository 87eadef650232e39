"""Several turns with one session: choosing, confirming, answering, changing one's mind, coming back."""

from __future__ import annotations

import sys
import threading

import pytest

from dataops_core import SessionManager
from dataops_core.errors import Conflict, InvalidValue
from dataops_core.execution.runner import Runner
from dataops_core.orchestrator import explain, orchestrator_graph
from dataops_core.routing.choosing import Pick, pick
from tests.toys import install_workflow

CODE = """
from langgraph.graph import END, START, StateGraph
from dataops_core import BaseWorkflow, WorkflowState

class State(WorkflowState):
    {fields}

class Toy(BaseWorkflow):
    def build_graph(self):
        graph = StateGraph(State)
        graph.add_node("work", lambda state: {{"answer": "{answer}".format(**state), "success": True}})
        graph.add_edge(START, "work")
        graph.add_edge("work", END)
        return graph
"""
COUNTER = """
example_queries: [count the lines of notes.txt, how many lines are in a.txt, how long is this text file]
parameters:
  - {name: file_path, type: file_path, required: true, prompt: "Which file?"}
  - {name: first_line, type: integer, required: true, prompt: "From which line?"}
  - {name: encoding, type: enum, choices: [utf8, latin1], default: utf8}
"""
SORTER = """
example_queries: [sort the lines of notes.txt, put the lines of a.txt in order, order this text file]
parameters:
  - {name: file_path, type: file_path, required: true, prompt: "Which file?"}
  - {name: descending, type: boolean, default: false}
"""
ERASER = """
example_queries: [erase the table orders, wipe a table, delete the rows of a table for ever]
confirm: true
parameters:
  - {name: table, type: string, required: true, prompt: "Which table?"}
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, stores):
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    kinds = {
        "counter": (
            COUNTER,
            "file_path: str; first_line: int; encoding: str",
            "{file_path} from {first_line} {encoding}",
        ),
        "sorter": (SORTER, "file_path: str; descending: bool", "sorted {file_path} {descending}"),
        "eraser": (ERASER, "table: str", "erased {table}"),
    }
    for name, (manifest, fields, answer) in kinds.items():
        install_workflow(site, name, CODE.format(fields=fields, answer=answer), manifest)
    from tests.conftest import forget

    forget()
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).touch()
    monkeypatch.chdir(folder)
    yield folder
    for name in [m for m in sys.modules if m.split(".")[0] in kinds]:
        del sys.modules[name]


class Talk:
    """A conversation in one session."""

    def __init__(self):
        self.session = None
        self.last = {}

    def __call__(self, text, **more):
        given = {"user_query": text, **({"session_id": self.session} if self.session else {}), **more}
        self.last = orchestrator_graph.invoke(given)
        self.session = self.last["session_id"]
        return self.last

    def said(self):
        return [(m.role, m.content) for m in SessionManager().get_messages(self.session)]


@pytest.fixture
def talk():
    return Talk()


def test_in_doubt_it_asks_which_and_goes_on_with_the_first_query(talk, here):
    asked = talk("lines a.txt")
    assert (asked["status"], asked["run_id"], asked["error"]) == ("undecided", None, None)
    question = asked["question"]
    assert question["schema"]["enum"] == ["counter", "sorter", "none"] or question["schema"]["enum"][:2] == [
        "sorter",
        "counter",
    ]
    number = question["schema"]["enum"].index("sorter") + 1
    assert f"{number}. sorter: The sorter workflow." in asked["final_response"]
    done = talk(str(number))
    assert (done["status"], done["workflow"]) == ("success", "sorter")
    assert done["final_response"] == f"sorted {here}/a.txt False"
    run = Runner().runs.get(done["run_id"])
    assert run["query_message"] == 1
    assert [role for role, _ in talk.said()] == ["user", "assistant", "user", "assistant"]


def test_a_choice_may_say_more(talk, here):
    talk("lines a.txt")
    done = talk("the sorter, with b.txt and descending=true")
    assert done["final_response"] == f"sorted {here}/b.txt True"


def test_none_of_these_and_a_choice_that_is_gone(talk):
    talk("lines a.txt")
    assert talk("none of them")["status"] == "answered"
    assert talk("1")["status"] == "no_match"
    seen = talk("lines a.txt")["question"]
    talk("/sorter file_path=a.txt")
    with pytest.raises(Conflict, match="not open any more"):
        talk("1", answer_to={"run_id": None, "id": seen["id"]})


def test_asking_what_there_is_leaves_the_choice_open(talk):
    talk("lines a.txt")
    assert talk("what can you do?")["status"] == "answered"
    assert talk("sorter")["workflow"] == "sorter"


def test_a_choice_is_made_once_from_two_terminals(talk):
    question = talk("lines a.txt")["question"]
    outcomes = []

    def choose():
        answer = {"user_query": "sorter", "session_id": talk.session}
        try:
            seen = {"run_id": None, "id": question["id"]}
            outcomes.append(orchestrator_graph.invoke({**answer, "answer_to": seen})["status"])
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=choose) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 3 + ["success"]


def test_a_repeated_message_is_asked_about_once(talk):
    session = SessionManager().create_session("ann").session_id
    first = talk("lines a.txt", session_id=session, message_id="m1")
    again = talk("lines a.txt", session_id=session, message_id="m1")
    assert again["question"] == first["question"]
    assert len(talk.said()) == 2


def test_what_is_costly_is_confirmed(talk):
    asked = talk("erase the table orders")
    if asked["question"]["parameter"] == "table":
        asked = talk('"orders"')
    assert asked["status"] == "interrupted"
    assert asked["final_response"] == 'Run eraser with table="orders"? (yes or no)'
    assert asked["question"]["schema"] == {"type": "boolean"}
    assert talk("perhaps")["status"] == "interrupted"
    assert talk("yes")["final_response"] == "erased orders"


def test_no_is_no(talk):
    talk('/eraser table="orders"')
    gone = talk("no, thanks")
    assert (gone["status"], gone["final_response"], gone["question"]) == ("cancelled", "eraser was not run.", None)
    assert talk.said()[-2:] == [("user", "no, thanks"), ("assistant", "eraser was not run.")]
    with pytest.raises(Conflict, match="is cancelled"):
        Runner().answer(gone["run_id"], True)


def test_who_runs_it_by_name_may_confirm_at_once():
    runner = Runner()
    assert runner.run("eraser", {"table": "t"}).status == "interrupted"
    assert runner.run("eraser", {"table": "t"}, confirmed=True).answer == "erased t"


def test_several_missing_values_are_asked_and_answered_at_once(talk, here):
    asked = talk("count the lines")
    assert asked["final_response"] == "Which file? From which line?"
    assert talk("b.txt, 3")["final_response"] == f"{here}/b.txt from 3 utf8"


def test_one_of_several_can_be_answered_first(talk, here):
    talk("count the lines")
    assert talk("b.txt")["final_response"] == "From which line?"
    assert talk("encoding=latin1, line 7")["final_response"] == f"{here}/b.txt from 7 latin1"


def test_a_file_that_is_not_there_is_asked_for_again(talk, here):
    talk("sort the lines of a text file")
    wrong = talk("a.tx")
    assert wrong["status"] == "interrupted"
    assert "there is no file" in wrong["final_response"]
    assert "'a.txt'" in wrong["final_response"]
    assert talk("a.txt")["final_response"] == f"sorted {here}/a.txt False"


def test_changing_one_s_mind(talk, here):
    talk("count the lines")
    assert talk("a.txt, no, b.txt")["question"]["parameter"] == "first_line"
    other = talk("sort the lines of a.txt")
    assert (other["workflow"], other["question"]["parameter"]) == ("sorter", "first_line")
    assert talk("2")["final_response"] == f"{here}/b.txt from 2 utf8"


def test_again_and_the_same(talk, here):
    talk("sort the lines of a.txt descending=true")
    assert talk("again with b.txt")["final_response"] == f"sorted {here}/b.txt True"
    assert talk("what about a.txt?")["final_response"] == f"sorted {here}/a.txt True"
    assert talk("no, I meant b.txt")["final_response"] == f"sorted {here}/b.txt True"
    asked = talk("count the lines of the same file")
    assert asked["question"]["parameter"] == "first_line"
    assert talk("1")["final_response"] == f"{here}/b.txt from 1 utf8"


def test_what_was_found_last_time(talk, here):
    assert talk("what did you find last time?")["final_response"] == "Nothing has been run yet."
    talk("sort the lines of a.txt")
    told = talk("what did you find last time?")
    assert f"sorted {here}/a.txt False" in told["final_response"]
    assert "sort the lines of a.txt" in told["final_response"]
    fresh = orchestrator_graph.invoke({"user_query": "what did we find last time?"})
    assert fresh["final_response"] == told["final_response"]


@pytest.mark.parametrize("text", ["yes", "no", "cancel", "never mind"])
def test_an_answer_to_no_question(talk, text):
    told = talk(text)
    assert (told["status"], told["run_id"]) == ("no_match", None)
    assert "No question is open" in told["final_response"]


def test_what_goes_on_from_before(talk, here):
    talk("sort the lines of a.txt")
    assert talk("and b.txt in descending order")["final_response"] == f"sorted {here}/b.txt True"


def test_the_last_file_is_suggested(talk, here):
    talk("sort the lines of a.txt")
    asked = talk("sort the lines of a text file")
    assert asked["question"]["suggestion"] == f"{here}/a.txt"
    assert talk("yes")["final_response"] == f"sorted {here}/a.txt False"


def test_it_says_where_values_come_from(talk):
    values = talk("sort the lines of a.txt")["values"]
    assert values["file_path"]["from"] == "existing path"
    assert values["descending"] == {"value": False, "from": "default"}


def test_explaining_runs_nothing():
    told = explain("sort the lines of a.txt")
    assert (told["outcome"], told["workflow"]) == ("run", "sorter")
    assert told["values"][0] == {
        "name": "file_path", "value": "a.txt", "rule": "existing path", "text": "a.txt", "reason": ""
    }  # fmt: skip
    assert told["defaults"] == {"descending": False}
    assert told["candidates"][0]["words"]
    assert SessionManager().list_sessions("local") == []
    assert explain("order me a pizza")["outcome"] == "none"


OFFERED = ("data_profiler", "sql_lineage", "jil_parser")


@pytest.mark.parametrize(
    ("text", "workflow", "rest"),
    [
        ("2", "sql_lineage", ""), ("2.", "sql_lineage", ""), ("the second one", "sql_lineage", ""),
        ("#3", "jil_parser", ""), ("the last one", "jil_parser", ""),
        ("sql-lineage", "sql_lineage", ""), ("SQL_LINEAGE please", "sql_lineage", ""),
        ("1, with rows=5", "data_profiler", "with rows=5"), ("number 1 for b.csv", "data_profiler", "for b.csv"),
        ("yes", "data_profiler", ""), ("I mean the first", "data_profiler", ""),
        ("none", None, ""), ("neither of these", None, ""), ("no", None, ""), ("never mind", None, ""),
    ],
)  # fmt: skip
def test_what_is_picked(text, workflow, rest):
    assert pick(text, OFFERED) == Pick(workflow, rest)


@pytest.mark.parametrize(
    "text", ["4", "12", "profile orders.csv", "which columns feed revenue?", "2 rows of data", "", "x" * 9999]
)
def test_what_is_no_pick(text):
    assert pick(text, OFFERED) is None


def test_who_goes_on_means_the_little_that_is_said(talk, here):
    talk("/counter file_path=a.txt first_line=2")
    assert talk("and the first line 5")["final_response"] == f"{here}/a.txt from 5 utf8"
    assert talk("and the encoding latin1")["final_response"] == f"{here}/a.txt from 5 latin1"
    assert talk("and a pizza")["status"] == "no_match"


def test_cancel_is_kept_and_said_again_cancels_nothing_more(talk):
    session = SessionManager().create_session("ann").session_id
    first = talk('/eraser table="a"', session_id=session)
    second = talk('/eraser table="b"', session_id=session)
    gone = talk("cancel", session_id=session, message_id="m1")
    again = talk("cancel", session_id=session, message_id="m1")
    assert (gone["run_id"], gone["status"]) == (second["run_id"], "cancelled")
    assert (again["run_id"], again["final_response"]) == (second["run_id"], gone["final_response"])
    assert Runner().runs.get(first["run_id"])["status"] == "interrupted"
    assert talk.said()[-2:] == [("user", "cancel"), ("assistant", "eraser was cancelled.")]


def test_an_answer_to_what_somebody_saw_answers_nothing_else(talk):
    seen = talk("count the lines")["question"]
    seen = {"run_id": seen["run_id"], "id": seen["id"]}
    asked = talk("a.txt", seen=seen)
    assert asked["question"]["parameter"] == "first_line"
    with pytest.raises(
        Conflict, match=r"counter was answered meanwhile with 'a\.txt'; this.*not kept\. counter asks now: F"
    ):
        talk("b.txt", seen=seen)
    nothing = {"run_id": None, "id": None}
    with pytest.raises(Conflict, match="written before it"):
        talk("7", seen=nothing)
    # What is about something else is done, whatever is open.
    assert talk("/sorter file_path=b.txt", seen=seen)["final_response"].startswith("sorted")
    assert talk("7", seen={"run_id": asked["run_id"], "id": asked["question"]["id"]})["status"] == "success"


def test_what_answered_a_question_that_is_gone_begins_nothing(talk):
    asked = talk("/eraser")["question"]
    seen = {"run_id": asked["run_id"], "id": asked["id"]}
    talk("orders")
    assert talk("yes")["final_response"] == "erased orders"
    before, runs = talk.said(), len(Runner().runs.list(session_id=talk.session))
    for late in ("customers", "table=customers", 'erase the table "customers"', "yes", "order me a pizza"):
        with pytest.raises(Conflict, match="eraser was answered meanwhile with 'orders'"):
            talk(late, seen=seen)
    assert (talk.said(), len(Runner().runs.list(session_id=talk.session))) == (before, runs)
    assert talk("/eraser table=b", seen=seen)["status"] == "interrupted"  # it names what it wants


def test_a_question_that_was_cancelled_and_one_of_another_session(talk):
    asked = talk("/eraser")["question"]
    seen, session = {"run_id": asked["run_id"], "id": asked["id"]}, talk.session
    talk("cancel")
    with pytest.raises(Conflict, match="the question of eraser was cancelled meanwhile"):
        talk("orders", seen=seen)
    talk.session = None
    talk("/sorter file_path=a.txt")
    for known in (seen, {**seen, "run_id": f"{talk.session}.nothing"}):
        with pytest.raises(Conflict, match="asks nothing here") as refused:
            talk("orders", seen=known)
        assert session in refused.value.message or known is not seen
        assert "cancel" not in refused.value.message


def test_two_that_answer_between_reading_and_keeping(talk, monkeypatch):
    asked = talk("count the lines")["question"]
    seen = {"run_id": asked["run_id"], "id": asked["id"]}
    answer = Runner.answer

    def second(self, *given, **more):
        monkeypatch.setattr(Runner, "answer", answer)
        talk("a.txt")
        return answer(self, *given, **more)

    monkeypatch.setattr(Runner, "answer", second)
    with pytest.raises(Conflict, match=r"it asks now: From which line\? \(the answer was not kept\)"):
        talk("b.txt", seen=seen)
    assert talk("5")["final_response"].endswith("a.txt from 5 utf8")
    assert "b.txt" not in [text for _, text in talk.said()]


def test_a_question_that_is_answered_while_the_session_is_read(talk, monkeypatch):
    asked = talk("count the lines")["question"]
    stale, _ = Runner().runs.session(talk.session)
    talk("a.txt")
    talk("5")
    from dataops_core.execution.runs import Runs

    monkeypatch.setattr(Runs, "session", lambda self, session_id: (stale, ""))
    with pytest.raises(Conflict, match=r"counter was answered meanwhile with 'a\.txt'"):
        talk("b.txt", seen={"run_id": asked["run_id"], "id": asked["id"]})


def test_a_cancel_that_ended_a_choice_counts_once(talk):
    parked = talk('/eraser table="a"')
    talk("lines a.txt")
    first = talk("cancel", message_id="m1")
    said = talk.said()
    again = talk("cancel", message_id="m1")
    assert again["final_response"] == first["final_response"]
    assert (again["status"], talk.said()) == (first["status"], said)
    assert Runner().runs.get(parked["run_id"])["status"] == "interrupted"


def test_a_cancel_of_nothing_counts_once(talk):
    talk("/sorter file_path=a.txt")
    first = talk("cancel", message_id="m1")
    parked = talk('/eraser table="a"')
    again = talk("cancel", message_id="m1")
    assert (again["status"], again["error"]) == (first["status"], first["error"])
    assert Runner().runs.get(parked["run_id"])["status"] == "interrupted"


def test_one_id_stands_for_one_text(talk):
    session = SessionManager().create_session("ann").session_id
    talk("/sorter file_path=a.txt", session_id=session, message_id="m1")
    with pytest.raises(Conflict, match="'m1' already stands for another text"):
        talk("/sorter file_path=b.txt", session_id=session, message_id="m1")


def test_a_workflow_that_is_named_is_run_whatever_is_asked(talk):
    asked = talk("count the lines")
    for text in ("/sorter file_path=a.txt", "run sorter on a.txt"):
        assert talk(text)["final_response"].startswith("sorted")
        assert talk.last["question"]["run_id"] == asked["run_id"]


def test_a_value_said_where_it_confirms_is_taken_and_asked_about_again(talk):
    asked = talk('/eraser table="orders"')
    changed = talk("table=customers")
    assert changed["run_id"] == asked["run_id"]
    assert changed["final_response"] == 'Run eraser with table="customers"? (yes or no)'
    assert changed["question"]["id"] != asked["question"]["id"]
    assert talk("yes")["final_response"] == "erased customers"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("level=5", "eraser has no parameter 'level' (it takes table)"),
        ("tabel=b", "eraser has no parameter 'tabel' (did you mean 'table'?)"),
        ("table=b level=5", "eraser has no parameter 'level'"),
        ("file_path=a.txt", "eraser has no parameter 'file_path'"),
    ],
)
def test_a_value_of_no_parameter_is_told_where_it_confirms(talk, text, said):
    asked = talk('/eraser table="orders"')
    told = talk(text)
    assert (told["status"], told["run_id"]) == ("interrupted", asked["run_id"])
    assert told["final_response"].startswith(said)
    assert told["final_response"].endswith('Run eraser with table="orders"? (yes or no)')
    assert talk("yes")["final_response"] == "erased orders"


def test_a_choice_that_a_restored_checkpoint_hides_is_closed(talk):
    from dataops_core import ContextManager

    contexts = ContextManager()
    talk("/sorter file_path=a.txt")
    contexts.create_checkpoint(talk.session, "before")
    seen = talk("lines a.txt")["question"]
    contexts.restore_checkpoint(talk.session, "before")
    with pytest.raises(Conflict, match="not open any more"):
        talk("1", answer_to={"run_id": None, "id": seen["id"]})
    assert "nothing to answer" in talk("1")["final_response"]
    assert talk.last["error"]["hint"].startswith("ask again")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"user_query": 5}, "a query is a text, not int"),
        ({"user_query": "hi", "session_id": 7}, "session_id is a text"),
        ({"user_query": "hi", "message_id": b"x"}, "message_id is a text"),
        ({"user_query": "hi", "answer_to": "q1"}, "answer_to holds run_id and id"),
        ({"user_query": "hi", "answer_to": {"run_id": 1, "id": "q1"}}, "answer_to holds run_id and id"),
        ({"user_query": "hi", "seen": {}}, "seen holds run_id and id"),
    ],
)
def test_what_is_no_message_is_said_so(given, said):
    with pytest.raises(InvalidValue, match=said):
        orchestrator_graph.invoke(given)


def test_what_is_no_query_is_not_explained():
    with pytest.raises(InvalidValue, match="a query is a text, not int"):
        explain(5)
