"""`chat`: on a terminal, and driven by a script."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory

from dataops_core import SessionManager
from dataops_core.cli.chat import Talk
from dataops_core.cli.chat_commands import COMMANDS
from dataops_core.cli.chat_prompt import FILE, KEPT, Kept, Words, history
from dataops_core.cli.invocation import Invocation
from tests.cli.program import STEPS
from tests.cli.terminal import Terminal
from tests.toys import install_workflow


@pytest.fixture
def terminal(site):
    opened: list[Terminal] = []

    def start(*arguments: str, **variables: str) -> Terminal:
        opened.append(Terminal("chat", *arguments, **variables))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.fixture
def chat(dataops):
    """Drives a conversation as a script does."""

    def drive(*lines: str, options: tuple[str, ...] = ()):
        return dataops("chat", *options, input="".join(f"{line}\n" for line in lines))

    return drive


@pytest.fixture
def words(site) -> Words:
    """The completer of a conversation."""
    return Words(Talk(Invocation(), traced=False, at_terminal=True))


def newest() -> str:
    return SessionManager().list_sessions("local", limit=1)[0].session_id


def waited_for(text: str, path: Path) -> None:
    deadline = time.monotonic() + 30
    while not (path.exists() and text in path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Driven by a script


def test_each_line_is_a_message_of_one_session(chat):
    result = chat("three steps word=one", "", "three steps please", "two", "/quit", "three steps word=never")
    assert (result.exit_code, result.stdout) == (0, "one 123 x1\nWhich word?\ntwo 123 x1\n")
    assert len(SessionManager().list_sessions("local")) == 1
    contents = [m.content for m in SessionManager().iter_messages(newest())]
    assert [c for c in contents if not c.endswith("\x07")] == [
        "three steps word=one", "three steps please", "Which word?", "two",
    ]  # fmt: skip
    assert ">" not in result.stdout + result.stderr
    assert "/help" not in result.stderr  # nobody is greeted


def test_an_error_ends_its_message_and_nothing_else(chat):
    result = chat("three steps word=bang", "order me a pizza", "/hlp", "/show three_stps", "three steps word=hi")
    assert (result.exit_code, result.stdout) == (1, "hi 123 x1\n")
    assert [line for line in result.stderr.splitlines() if line.startswith("error: ")][2:] == [
        "error: no command or workflow '/hlp'",
        "error: no workflow named 'three_stps'",
    ]
    assert "did you mean '/help'?" in result.stderr
    assert "did you mean 'three_steps'?" in result.stderr


def test_json_is_an_object_a_line(chat):
    result = chat("three steps please", "hi", "/list", "/nothing", "what can you do?", options=("--json",))
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [t.get("status") for t in told] == ["interrupted", "success", None, None, "answered"]
    assert all(t["schema_version"] == 1 for t in told)
    assert (told[0]["question"]["parameter"], told[0]["error"]) == ("word", None)
    assert told[1]["session_id"] == told[0]["session_id"] == told[4]["session_id"]
    assert [n["node"] for n in told[1]["nodes"]] == ["first", "second", "third"]
    assert told[2]["workflows"][0]["name"] == "three_steps"
    assert told[3]["error"]["code"] == "not_found"
    assert result.exit_code == 1


def test_commands_are_those_of_the_program_in_this_session(chat):
    result = chat(
        "three steps word=hi", "/history", "/runs", "/artifacts", "/open one.json", "/show three-steps", "/help"
    )
    assert result.exit_code == 0, result.stderr
    shown = result.stdout
    assert "#1 user" in shown
    assert "  three steps word=hi" in shown
    assert f"{newest()}." in shown
    assert '{"word":"hi"}' in shown
    assert "dataops-three-steps 1.0.0" in shown
    for name in (*COMMANDS, "three_steps"):
        assert f"\n/{name} " in shown
    assert shown.replace("\n", "").isprintable()


def test_what_a_command_needs_is_said(chat):
    result = chat("/show", "/use", "/open", "/why", "/history", "/runs", "/cancel", "/open --force", "/show --json")
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert errors == [
        "error: /show needs something",
        "error: /use needs something",
        "error: /open needs something",
        "error: nothing was asked yet",
        *["error: nothing was said in this session yet"] * 3,
        "error: no artifact '--force'",
        "error: no workflow named '__json'",
    ]
    assert result.stdout == ""


def test_a_workflow_is_named_by_a_slash(chat):
    assert chat("/three_steps word=hi").stdout == "hi 123 x1\n"
    assert chat("/three-steps word=hi").stdout == "hi 123 x1\n"


def test_sessions_are_left_and_taken_up(chat, dataops):
    chat("three steps word=first")
    first = newest()
    result = chat("three steps word=other", "/new", "three steps please", f"/use {first[:8]}", "three steps word=again")
    assert result.exit_code == 0, result.stderr
    assert len(SessionManager().list_sessions("local")) == 3
    assert "user: three steps word=first" in result.stderr
    assert [m.content for m in SessionManager().iter_messages(first)][2] == "three steps word=again"
    wrong = chat(f"/use {first[:-1]}?")
    assert f"did you mean '{first}'?" in wrong.stderr


def test_an_open_question_is_asked_first_and_answered(chat):
    chat("three steps please")
    result = chat("hi", options=("--continue",))
    assert (result.exit_code, result.stdout) == (0, "Which word?\nhi 123 x1\n")
    assert "user: three steps please" in result.stderr
    as_json = chat("three steps please", options=("-c", "--json"))
    assert json.loads(as_json.stdout)["status"] == "interrupted"


def test_a_question_is_cancelled(chat):
    result = chat("three steps please", "/cancel", "/cancel", "three steps word=hi")
    assert result.stdout.splitlines()[1].endswith(" is cancelled")
    assert result.stdout.endswith("\nhi 123 x1\n")
    assert "error: no run of this session is open" in result.stderr


def test_a_question_that_was_answered_elsewhere(chat, dataops, monkeypatch):
    take, said = Talk.take, []

    def meanwhile(self, text):
        said.append(text)
        if len(said) == 2:
            assert dataops("ask", "-c", "elsewhere").exit_code == 0
        take(self, text)

    monkeypatch.setattr(Talk, "take", meanwhile)
    result = chat("three steps please", "here", "three steps word=next")
    assert "the question of three_steps was answered meanwhile with 'elsewhere'" in result.stderr
    assert result.stdout.endswith("next 123 x1\n")
    assert "here 123" not in result.stdout


def test_a_question_that_came_from_elsewhere_is_not_answered_unseen(chat, dataops, monkeypatch):
    take, said = Talk.take, []

    def meanwhile(self, text):
        said.append(text)
        if len(said) == 2:
            assert json.loads(dataops("ask", "-c", "--json", "three steps please").stdout)["status"] == "interrupted"
        take(self, text)

    monkeypatch.setattr(Talk, "take", meanwhile)
    result = chat("three steps word=hi", "five", "six")
    assert "another question is asked here meanwhile" in result.stderr
    assert "three_steps asks now: Which word?" in result.stderr
    assert result.stdout == "hi 123 x1\nsix 123 x1\n"  # told of it, the next line answers
    assert "five" not in [m.content for m in SessionManager().iter_messages(newest())]


def test_a_question_that_was_told_of_is_answered(chat):
    result = chat("three steps please", "what can you do?", "/list", "later")
    assert (result.exit_code, "still open: Which word?" in result.stderr) == (0, True)
    assert result.stdout.endswith("\nlater 123 x1\n")


def test_why(chat):
    result = chat("three steps word=hi", "/why", "/why order me a pizza")
    assert "runs three_steps" in result.stdout
    assert "none of the installed workflows does that" in result.stdout
    assert len(list(SessionManager().iter_messages(newest()))) == 2  # nothing of it is kept


def test_bytes_that_are_no_text(site):
    command = [sys.executable, "-m", "dataops_core.cli.main", "chat"]
    done = subprocess.run(
        command, input=b"\xff\xfethree\n\x00\nthree steps word=hi\n", capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, b"hi 123 x1\n")
    assert b"error: the message is not valid text" in done.stderr


def test_the_editor_is_imported_on_a_terminal_only(site):
    code = """
import atexit, sys
atexit.register(lambda: print("LOADED", "prompt_toolkit" in sys.modules))
from dataops_core.cli.main import main
sys.argv = ["dataops", "chat"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], input="/list\n", capture_output=True, text=True, check=False)
    assert done.stderr.endswith("LOADED False\n")


@pytest.mark.parametrize("options", [("-c", "--new"), ("-s", "x", "-c"), ("-s", "x", "--new")])
def test_options_that_exclude_each_other(chat, options):
    assert chat(options=options).exit_code == 2


def test_nothing_to_go_on_with(chat):
    assert chat(options=("-c",)).exit_code == 3
    assert chat(options=("-s", "nobody")).exit_code == 3
    assert chat().exit_code == 0


def test_an_interrupted_script_ends(site, tmp_path):
    env = {**os.environ, "TOY_HANG": "second", "TOY_LOG": str(tmp_path / "log")}
    command = [sys.executable, "-m", "dataops_core.cli.main", "chat"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, env=env, text=True, **pipes) as program:
        program.stdin.write("three steps word=hi\nthree steps word=never\n")
        program.stdin.flush()
        waited_for("second", tmp_path / "log")
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=30)
    assert program.returncode == 130
    assert "is kept" in said


# On a terminal


def test_a_first_conversation(terminal, home):
    screen = terminal()
    greeting = screen.until("> ")
    assert greeting.splitlines()[:2] == [
        "Ask in plain words, e.g. what can you do?  1 workflow can be run: three_steps.",
        "/help says what else can be typed, Tab completes, Ctrl-C stops what runs, Ctrl-D leaves.",
    ]
    screen.type("three steps please\r")
    screen.until("three_steps? ")
    screen.type("hi\r")
    shown = screen.until("> ")
    assert "hi 123 x1" in shown
    assert "artifact one.json" in shown
    assert "session s" not in shown
    screen.type("/open one.json\r")
    assert '{"word":"hi"}\n' in screen.until("\n> ")
    screen.type("some\x03")  # the line is cleared
    screen.until("> ")
    status, said = screen.leave()
    assert (status, f"session {newest()}; dataops chat --continue" in said) == (0, True)
    kept = home / FILE
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [line for line in kept.read_text().splitlines() if line.startswith("+")] == [
        "+three steps please", "+hi", "+/open one.json",
    ]  # fmt: skip


def test_without_a_workflow_the_greeting_says_how_to_get_one(terminal):
    screen = terminal(DATAOPS_DISABLE_PLUGINS="1")
    assert "pip install dataops-data-profiler" in screen.until("> ")


def test_it_goes_on_where_it_stopped_with_its_history(terminal, chat):
    chat("three steps please")
    screen = terminal("-c")
    shown = screen.until("three_steps? ")
    assert "user: three steps please" in shown
    assert "Which word?" in shown
    screen.type("one\r")
    screen.until("one 123 x1")
    screen.until("> ")
    assert screen.leave()[0] == 0
    again = terminal("-c")
    again.until("> ")
    again.type("\x1b[A")
    again.until("one")


def test_a_suggestion_is_taken_by_enter(terminal, site):
    manifest = "example_queries: [colour it]\nparameters: [{name: word, required: true, default: red, prompt: What?}]\n"
    install_workflow(site, "apart", STEPS, manifest)
    screen = terminal(DATAOPS_PLUGINS_BLOCK="dataops-three-steps")
    screen.until("> ")
    screen.type("/apart\r")
    assert "red" in screen.until("apart? ") + screen.until("red")
    screen.type("\r")
    screen.until("red 123")


def test_ctrl_c_stops_what_runs_and_the_conversation_goes_on(terminal, tmp_path):
    screen = terminal(TOY_SLOW="second", TOY_LOG=str(tmp_path / "log"))
    screen.until("> ")
    for times in (1, 2):  # the second Ctrl-C is of another run, and no wish to stop at once
        screen.type("three steps word=hi\r")
        screen.until("second")
        screen.interrupt()
        assert "is kept" in screen.until("/cancel ends it")
        screen.until("> ")
        screen.type("/cancel\r")
        screen.until("is cancelled")
        screen.until("> ")
        assert (tmp_path / "log").read_text().split() == ["first", "second"] * times
        time.sleep(0.6)
    screen.type("three steps word=last\r")
    screen.until("second")
    screen.interrupt()
    screen.until("> ")
    screen.type("/resume\r")
    screen.until("last 123 x1")
    assert screen.leave()[0] == 0


@pytest.mark.parametrize("busy", [False, True])
def test_sigterm_ends_it(terminal, tmp_path, busy):
    screen = terminal(TOY_SLOW="second")
    screen.until("> ")
    if busy:
        screen.type("three steps word=hi\r")
        screen.until("second")
    screen.program.send_signal(signal.SIGTERM)
    status, said = screen.end()
    assert status == 143
    assert "Traceback" not in said


def test_tab_completes_commands_workflows_and_paths(terminal):
    Path("orders.csv").touch()
    screen = terminal()
    screen.until("> ")
    screen.type("profile or\t")
    screen.until("orders.csv")
    screen.type("\x15/his")
    screen.until("Show the messages of this session.")


def test_what_others_wrote_cannot_reach_the_terminal(terminal, chat):
    chat("what can \x1b[31mred\x1b]0;title\x07 do?")
    SessionManager().add_message(newest(), "assistant", "evil \x1b[2J\x1b]0;title\x07\u202eturned")
    screen = terminal("-c")
    import select

    shown = b""
    while b">" not in shown:
        assert select.select([screen._ours], [], [], 30)[0]
        shown += os.read(screen._ours, 65536)
    assert b"evil" in shown
    assert b"\x1b[2J" not in shown
    assert b"title" not in shown


# The editor's parts


def completed(words: Words, text: str) -> list[str]:
    found = words.get_completions(Document(text, len(text)), CompleteEvent(completion_requested=True))
    return [text[: len(text) + c.start_position] + c.text for c in found]


def test_what_is_completed(words, dataops):
    dataops("run", "three_steps", "-p", "word=hi")
    Path("orders.csv").touch()
    Path("data").mkdir()
    Path("data/more.csv").touch()
    assert completed(words, "/s") == ["/show", "/sessions"]
    assert completed(words, "/thr") == ["/three_steps"]
    assert completed(words, "/show th") == ["/show three_steps"]
    assert completed(words, "/use s")[0] == f"/use {newest()}"
    assert completed(words, "/open s") == []  # no session is open
    words.talk.session_id = newest()
    assert len(completed(words, "/open s")) == 3
    assert completed(words, "profile ord") == ["profile orders.csv"]
    assert completed(words, "profile data/mo") == ["profile data/more.csv"]
    assert completed(words, "/three_steps word=ord") == ["/three_steps word=orders.csv"]


def test_a_history_is_bounded_and_private(tmp_path):
    home = tmp_path / "home"
    first = history(home)
    assert isinstance(first, Kept)
    for number in range(KEPT + 50):
        first.store_string(f"line {number}")
    os.chmod(home / FILE, 0o644)
    lines = list(history(home).load_history_strings())
    assert (len(lines), lines[0], lines[-1]) == (KEPT, f"line {KEPT + 49}", "line 50")
    assert stat.S_IMODE((home / FILE).stat().st_mode) == 0o600
    assert [p.name for p in home.iterdir()] == [FILE]


@pytest.mark.parametrize("spoiled", ["a file", "a link"])
def test_a_history_that_cannot_be_kept(tmp_path, spoiled):
    home = tmp_path / "home"
    if spoiled == "a file":
        home.touch()
    else:
        home.mkdir()
        (home / FILE).symlink_to(tmp_path / "elsewhere")
    assert isinstance(history(home), InMemoryHistory)
    assert not (tmp_path / "elsewhere").exists()
