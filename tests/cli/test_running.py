"""`ask`, `run`, `runs`: work is done, shown and kept."""

from __future__ import annotations

import json
import os

import pytest

from dataops_core.storage import schema
from dataops_core.storage.opening import open_stores
from tests.cli.program import STEPS, finish
from tests.toys import install_workflow

OUTCOME = {
    "schema_version", "workflow", "run_id", "session_id", "status", "answer", "artifacts", "question", "nodes", "error",
}  # fmt: skip


def told(result):
    """The one object that --json prints."""
    (line,) = result.stdout.splitlines()
    return json.loads(line)


def test_run_prints_the_answer_alone_and_says_the_rest_on_stderr(dataops):
    result = dataops("run", "three-steps", "-p", "word=hi", "-p", "times=2")
    assert (result.exit_code, result.stdout) == (0, "hi 123 x2\n")
    said = result.stderr.splitlines()
    assert [line.split()[1] for line in said if line.startswith("artifact")] == [
        "one.json",
        "../../two.bin",
        "three.txt",
    ]
    assert said[-1].startswith("session s")
    get = said[-2].removeprefix("dataops ").removesuffix(" writes one.json to a file").split()
    assert dataops(*get, "-o", "-").stdout == '{"word":"hi"}'
    assert result.stderr.replace("\n", "").isprintable()


def test_quiet_says_nothing_beside_the_answer(dataops):
    result = dataops("-q", "run", "three_steps", "-p", "word=hi")
    assert result.stdout == "hi 123 x1\n"
    assert "artifact" not in result.stderr
    assert "session" not in result.stderr


def test_json_is_one_object_wherever_the_option_stands(dataops):
    before = told(dataops("--json", "run", "three_steps", "-p", "word=hi"))
    after = told(dataops("run", "three_steps", "-p", "word=hi", "--json"))
    for outcome in (before, after):
        assert set(outcome) == OUTCOME | {"attempt", "duration_ms"}
        assert (outcome["schema_version"], outcome["status"], outcome["error"]) == (1, "success", None)
        assert [n["node"] for n in outcome["nodes"]] == ["first", "second", "third"]
        assert {a["node"] for a in outcome["artifacts"]} == {"first"}
    asked = told(dataops("ask", "three steps with word=hi", "--json"))
    assert set(asked) == OUTCOME | {"query", "candidates", "confidence", "values", "suggestions"}
    assert (asked["answer"], asked["workflow"]) == ("hi 123 x1\x1b]0;title\x07", "three_steps")


def test_trace_is_a_tree_on_stderr(dataops):
    said = dataops("run", "three_steps", "-p", "word=hi", "--trace").stderr.splitlines()
    at = said.index("three_steps  success")
    assert said[at + 1].startswith("├─ 1 first  ")
    assert said[at + 2].startswith("│  ├─ one.json  13 B  s")
    assert said[at + 4].startswith("│  └─ three.txt  5 B  s")
    assert said[at + 6].startswith("└─ 3 third  ")


def test_a_failing_node_is_one_line_status_1_and_shows_in_the_trace(dataops):
    result = dataops("run", "three_steps", "-p", "word=bang", "--trace")
    assert (result.exit_code, result.stdout) == (1, "")
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert "failed at node 'second': RuntimeError: bang happened" in error
    assert "Traceback" not in result.stderr
    assert "└─ 2 second  failed after" in result.stderr
    run_id = told(dataops("runs", "list", "--json"))["runs"][0]["run_id"]
    assert f"  try: dataops runs show {run_id}" in result.stderr
    outcome = told(dataops("run", "three_steps", "-p", "word=bang", "--json"))
    assert (outcome["status"], outcome["error"]["code"]) == ("error", "run_failed")


def test_the_log_shows_a_traceback_with_debug_only(dataops):
    verbose = dataops("run", "three_steps", "-p", "word=bang", "-v")
    assert "Traceback" not in verbose.stderr
    assert "run_id=s" in verbose.stderr
    assert "Traceback" in dataops("run", "three_steps", "-p", "word=bang", "--debug").stderr


def test_a_workflow_that_says_it_failed_is_status_1(dataops):
    result = dataops("run", "three_steps", "-p", "word=weak")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error: it was not good enough\n" in result.stderr


def test_a_missing_value_is_named_with_its_question(dataops):
    result = dataops("run", "three_steps")
    assert result.exit_code == 2
    assert result.stderr == "error: three_steps needs word: Which word?\n  try: dataops run three_steps -p word=hello\n"
    asked = dataops("ask", "three steps please")
    assert (asked.exit_code, asked.stdout) == (2, "")
    assert asked.stderr.startswith("error: three_steps asks: Which word?\n  try: answer with: dataops ask --session s")
    answered = dataops("ask", "-c", "hello")
    assert (answered.exit_code, answered.stdout) == (0, "hello 123 x1\n")


def test_a_run_is_cancelled(dataops):
    asked = json.loads(dataops("ask", "three steps please", "--json").stdout)
    assert asked["question"]["run_id"] == asked["run_id"]
    assert asked["run_id"] in dataops("runs", "list", "--open").stdout
    gone = dataops("runs", "cancel", asked["run_id"])
    assert (gone.exit_code, gone.stdout) == (0, f"{asked['run_id']} is cancelled\n")
    assert dataops("runs", "cancel", asked["run_id"]).exit_code == 0
    assert dataops("runs", "list", "--open").stdout == ""
    over = dataops("runs", "resume", asked["run_id"])
    assert (over.exit_code, "is over: cancelled" in over.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["-p", "word"], 2, "-p 'word' is not KEY=VALUE"),
        (["-p", "wrd=x"], 2, "no parameter 'wrd'"),
        (["-p", "word=x", "-p", "times=ten"], 2, "times: 'ten' must be a whole number"),
        (["-p", "word=x", "-p", "times=10"], 2, "times: '10' must be at most 9"),
        (["--input", "none.json"], 2, "'none.json' cannot be read: No such file or directory"),
        (["--input", "."], 2, "'.' cannot be read: Is a directory"),
        (["--input", "{"], 2, "error: --input is not JSON"),
        (["--input", "[1]"], 2, "error: --input holds list, not an object"),
        (["--input", "deep.json"], 2, "'deep.json' is nested too deeply"),
        (["--input", '{"word": "a", "word": "b"}'], 2, "'word' is given twice"),
        (["--input", '{"word-x": "a", "word_x": "b"}'], 2, "'word_x' is given twice"),
        (["-p", "word=a", "-p", "word=b"], 2, "'word' is given twice"),
        (["-p", "word=x", "-p", f"times={'9' * 5000}"], 2, "must be a whole number of at most 64 bits"),
        (["--input", "large.json"], 2, "word has 3000002 bytes; the values of a run have at most 300000 together"),
        (["--input", "list.json"], 2, "holds list, not an object"),
        (["--input", "binary.json"], 2, "not UTF-8"),
        (["-p", "word=x", "--timeout", "0"], 2, "--timeout: 0 must be"),
        (["-p", "word=x", "--timeout", "soon"], 2, "'soon' is not a valid float"),
        (["-p", "word=x", "--session", "nobody"], 3, "no session 'nobody'"),
        (["-p", "word=x", "--wat"], 2, "No such option '--wat'"),
    ],
)
def test_bad_input_is_one_clear_line(dataops, arguments, status, said):
    with open("list.json", "w") as file:
        file.write("[1]")
    with open("deep.json", "w") as file:
        file.write("[" * 200_000)
    with open("large.json", "w") as file:
        json.dump({"word": "x" * 3_000_000}, file)
    with open("binary.json", "wb") as file:
        file.write(b"\xff\xfe\x00")
    result = dataops("run", "three_steps", *arguments)
    assert (result.exit_code, result.stdout) == (status, "")
    error, *hints = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert len(error) < 300
    assert said in error
    assert all(hint.startswith("  try: ") for hint in hints)
    as_json = dataops("run", "three_steps", *arguments, "--json")
    assert as_json.exit_code == status
    assert set(told(as_json)) == {"schema_version", "error"}
    assert said.removeprefix("error: ") in told(as_json)["error"]["message"]


def test_values_come_from_a_file_json_stdin_and_options_win(dataops):
    with open("values.json", "w") as file:
        json.dump({"word": "file", "times": 3}, file)
    assert dataops("run", "three_steps", "--input", "values.json").stdout == "file 123 x3\n"
    assert dataops("run", "three_steps", "--input", '{"word": "text"}').stdout == "text 123 x1\n"
    assert dataops("run", "three_steps", "--input", "-", input='{"word": "stdin"}').stdout == "stdin 123 x1\n"
    assert dataops("run", "three_steps", "--input", "values.json", "-p", "word=won").stdout == "won 123 x3\n"


@pytest.mark.parametrize("isolation", ["inline", "process"])
def test_timeout_ends_a_run_with_status_1(dataops, site, monkeypatch, isolation):
    manifest = f"parameters: [{{name: word, required: true}}]\nisolation: {isolation}\nresources: {{timeout: 300}}\n"
    install_workflow(site, "apart", STEPS, manifest)
    monkeypatch.setenv("TOY_SLOW", "second")
    result = dataops("run", "apart", "-p", "word=x", "--timeout", "0.3", "--json")
    assert (result.exit_code, told(result)["status"]) == (1, "timeout")
    assert told(result)["error"]["hint"].startswith("give --timeout more, or ")


def test_an_unknown_workflow_or_query_is_not_found(dataops):
    result = dataops("run", "three_step", "-p", "word=x")
    assert (result.exit_code, "did you mean 'three_steps'?" in result.stderr) == (3, True)
    nothing = dataops("ask", "translate this poem into Latin")
    assert (nothing.exit_code, nothing.stdout) == (3, "")
    assert told(dataops("ask", "translate this poem into Latin", "--json"))["error"]["code"] == "no_match"
    assert dataops("ask", "   ").exit_code == 2


def test_ask_goes_on_in_a_session(dataops):
    first = told(dataops("ask", "three steps with word=a", "--json"))["session_id"]
    second = told(dataops("ask", "-c", "three steps with word=b", "--json"))["session_id"]
    third = told(dataops("ask", "-s", first[-6:], "three steps with word=c", "--json"))["session_id"]
    assert first == second == third
    assert len(told(dataops("sessions", "list", "--json"))["sessions"]) == 1
    both = dataops("ask", "-c", "-s", first, "hello")
    assert (both.exit_code, "exclude each other" in both.stderr) == (2, True)


def test_continue_without_a_session(dataops):
    result = dataops("ask", "--continue", "three steps with word=a")
    assert result.exit_code == 3
    assert "no session to go on with" in result.stderr


def test_the_same_message_id_is_answered_once(dataops):
    session = told(dataops("ask", "three steps with word=a", "--json"))["session_id"]
    asked = ["ask", "-s", session, "--message-id", "m1", "three steps with word=b", "--json"]
    assert told(dataops(*asked))["run_id"] == told(dataops(*asked))["run_id"]
    assert len(told(dataops("runs", "list", "--json"))["runs"]) == 2


def test_a_message_id_counts_in_a_session(dataops):
    refused = dataops("ask", "--message-id", "m1", "three steps with word=b")
    assert (refused.exit_code, "--session" in refused.stderr) == (2, True)
    assert told(dataops("runs", "list", "--json"))["runs"] == []


def test_what_can_you_do_is_answered_at_once(dataops):
    result = dataops("ask", "what can you do?")
    assert result.exit_code == 0
    assert "three_steps" in result.stdout


def test_runs_list_and_show(dataops):
    good = told(dataops("run", "three_steps", "-p", "word=a", "--json"))
    bad = told(dataops("run", "three_steps", "-p", "word=bang", "--json"))
    rows = dataops("runs", "list").stdout.splitlines()
    assert rows[0].split() == ["RUN", "WORKFLOW", "STATUS", "CREATED", "TOOK", "ARTIFACTS"]
    assert [row.split()[0] for row in rows[1:]] == [bad["run_id"], good["run_id"]]
    listed = told(dataops("runs", "list", "--status", "success", "--json"))
    assert [r["run_id"] for r in listed["runs"]] == [good["run_id"]]
    listed = told(dataops("runs", "list", "--session", bad["session_id"], "--limit", "1", "--json"))
    assert [r["run_id"] for r in listed["runs"]] == [bad["run_id"]]
    assert dataops("runs", "list", "--open").stderr == "no runs\n"
    assert "did you mean 'success'?" in dataops("runs", "list", "--status", "succes").stderr
    shown = dataops("runs", "show", bad["run_id"][-8:])
    assert "bang" in shown.stdout, shown.stderr
    assert shown.stdout.replace("\n", "").isprintable()
    record = told(dataops("runs", "show", good["run_id"], "--json"))["run"]
    assert record["input"] == {"word": "a", "times": 1}
    wrong = dataops("runs", "show", good["run_id"][:-1] + "?")
    assert (wrong.exit_code, good["run_id"] in wrong.stderr) == (3, True)


def test_resume_says_when_there_is_nothing_to_do(dataops):
    assert dataops("runs", "resume").stderr == "nothing to resume\n"
    done = told(dataops("run", "three_steps", "-p", "word=a", "--json"))["run_id"]
    again = dataops("runs", "resume", done)
    assert again.exit_code == 1
    assert "is over: success" in again.stderr
    assert dataops("runs", "resume", "--force").exit_code == 2


def test_a_question_without_an_answer_is_status_2(dataops, site):
    code = """
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from dataops_core import BaseWorkflow, WorkflowState

def ask(state):
    return {"answer": interrupt("Which colour?")}

class Toy(BaseWorkflow):
    def build_graph(self):
        graph = StateGraph(WorkflowState)
        graph.add_node("ask", ask)
        graph.add_edge(START, "ask")
        graph.add_edge("ask", END)
        return graph
"""
    install_workflow(site, "apart", code)
    result = dataops("run", "apart", "--json")
    outcome = told(result)
    assert (result.exit_code, outcome["status"]) == (2, "interrupted")
    assert outcome["question"]["prompt"] == "Which colour?"
    assert outcome["error"]["code"] == "question"
    assert "apart asks: Which colour?" in dataops("run", "apart").stderr
    assert open_stores().records.get(schema.RUNS, outcome["run_id"]).record["status"] == "interrupted"


def test_a_broken_plugin_names_its_cause(dataops, site):
    install_workflow(site, "broken_flow", "import nothing_like_this")
    result = dataops("run", "broken_flow")
    assert result.exit_code in (1, 4)
    assert "nothing_like_this" in result.stderr
    assert "Traceback" not in result.stderr


def test_whatever_a_node_prints_stays_out_of_the_answer(site):
    result = finish("run", "three_steps", "-p", "word=hi", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["answer"].startswith("hi 123")
    assert "a node that prints" in result.stderr
    assert "a subprocess that prints" in result.stderr


def test_logs_are_json_lines_that_name_the_run(site):
    env = {**os.environ, "LOG_FORMAT": "json", "LOG_LEVEL": "INFO", "ANTHROPIC_API_KEY": "sk-very-secret"}
    result = finish("run", "three_steps", "-p", "word=bang", "--json", env=env)
    assert result.returncode == 1
    lines = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    (failed,) = [line for line in lines if "failed" in line["event"]]
    run = json.loads(result.stdout)
    assert (failed["run_id"], failed["session_id"], failed["workflow"]) == (
        run["run_id"],
        run["session_id"],
        "three_steps",
    )
    assert failed["level"] == "info"
    assert "RuntimeError" in failed["error"]
