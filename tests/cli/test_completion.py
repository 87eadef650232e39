"""What Tab offers, asked as a shell asks: by the variable, and in a real bash."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataops_core import ArtifactStore, ContextManager, SessionManager, settings
from dataops_core.cli.main import COMPLETE
from dataops_core.cli.main import dataops as program
from dataops_core.plugin import manager
from tests.cli.program import finish
from tests.toys import install_workflow

SHELLS = ("bash", "zsh", "fish")
CHOICES = """
parameters:
  - {name: mode, type: enum, choices: [fast, "in $HOME", slow], required: true}
  - {name: data, type: file_path, required: true}
  - {name: again, type: boolean}
"""


def asked(*words: str, shell: str = "bash", **variables: str) -> Result:
    """Asks as a shell does."""
    at = words[-1] if shell == "fish" else str(len(words))
    told = {"COMP_WORDS": "\n".join(["dataops", *words]), "COMP_CWORD": at, COMPLETE: f"{shell}_complete"}
    manager.reset()
    settings.use(None)
    return CliRunner().invoke(program, [], prog_name="dataops", env={**told, **variables})


def offered(*words: str, **options: str) -> list[str]:
    """What is offered for the last word."""
    result = asked(*words, **options)
    assert result.stderr == ""
    return [line.partition(",")[2] for line in result.stdout.splitlines() if line]


@pytest.fixture
def kept(dataops):
    """A session with an artifact, a snapshot and a run."""
    assert dataops("run", "three_steps", "-p", "word=hi").exit_code == 0
    session = SessionManager().list_sessions("local")[0].session_id
    return session, ContextManager().dump_context(session)


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        (["ru"], ["run", "runs"]),
        (["runs", "c"], ["cancel"]),
        (["run", ""], ["three_steps"]),
        (["show", "thr"], ["three_steps"]),
        (["run", "--tr"], ["--trace"]),
        (["plugins", "validate", "f"], ["file"]),
        (["list", "--category", ""], ["practice"]),
        (["list", "--category", "=", "pr"], ["practice"]),
        (["list", "--category", "="], ["practice"]),
        (["runs", "list", "--status", "s"], ["success"]),
        (["artifacts", "list", "x", "--type", "i"], ["intermediate"]),
        (["context", "load", "x", "--mode", "m"], ["merge"]),
        (["context", "load", "x", "--include", "mes"], ["messages"]),
        (["completion", ""], list(SHELLS)),
        (["run", "three-steps", "-p", ""], ["word=", "times="]),
        (["run", "three_steps", "-p", "t"], ["times="]),
        (["run", "three_steps", "-p", "word", "=", "x", "-p", ""], ["times="]),
        (["run", "three_steps", "-p", "times", "="], ["1"]),
        (["run", "--trace", "three_steps", "-p", "word", "=", "he"], ["hello"]),
        (["run", "none_such", "-p", ""], []),
        (["none", ""], []),
        (["--json", "none", ""], []),
        (["--version", "runs", "sh"], ["show"]),
    ],
)
def test_what_is_offered_where(site, words, offers):
    assert offered(*words) == offers


def test_values_of_parameters(site):
    install_workflow(site, "apart", "", CHOICES)
    assert offered("run", "apart", "-p", "") == ["mode=", "data=", "again="]
    assert offered("run", "apart", "-p", "mode", "=") == ["fast", "slow"]  # what needs quotes is not offered
    assert offered("run", "apart", "-p", "again", "=", "t") == ["true"]
    assert asked("run", "apart", "-p", "data", "=", "or").stdout == "file,or\n"
    assert offered("run", "apart", "-p", "mode=f", shell="fish") == ["mode=fast"]
    assert asked("run", "apart", "-p", "mode=f", shell="zsh").stdout == "plain\nmode=fast\n_\n"


def test_ids_of_the_local_store(kept):
    session, snapshot = kept
    run = SessionManager().owned(session, "run")
    artifacts = [a.artifact_id for a in ArtifactStore().list_artifacts(session)]
    assert offered("sessions", "show", "") == offered("run", "three_steps", "-s", "s") == [session]
    assert offered("runs", "show", "") == list(run)
    assert offered("artifacts", "get", f"{session}.") == artifacts
    assert offered("context", "load", session[:5]) == [snapshot]
    assert offered("artifacts", "share", artifacts[0], "") == [session]


def test_only_the_newest_are_offered(site):
    made = [SessionManager().create_session("local").session_id for _ in range(60)]
    offers = offered("sessions", "show", "")
    assert len(offers) == 50
    assert set(offers) <= set(made)
    assert made[0] not in offers


def test_nothing_is_made_and_no_server_is_asked(site, home):
    for words in (["sessions", "show", ""], ["runs", "show", ""], ["artifacts", "get", ""], ["context", "load", ""]):
        assert offered(*words) == []
    assert offered("run", "three_steps", "-p", "w") == ["word="]
    assert not home.exists()
    began = time.monotonic()
    assert offered("sessions", "show", "", DATAOPS_RECORDS_URL="redis://192.0.2.1") == []
    assert time.monotonic() - began < 10


def test_whatever_is_broken_is_silent(site, home):
    install_workflow(site, "bad_manifest", "", "colour: red\n")
    install_workflow(site, "bad_code", "1 / 0")
    assert offered("run", "bad_") == ["bad_code", "bad_manifest"]
    assert offered("list", "--category", "pr") == ["practice"]
    home.mkdir()
    (home / "dataops.db").write_bytes(b"no database" * 1000)
    assert offered("sessions", "show", "") == []
    Path("dataops.yaml").write_text("a: [\n")
    assert offered("run", "") == []
    assert offered("ru", DATAOPS_WORKFLOW_TIMOUT="1") == ["run", "runs"]
    assert asked("none", "").exit_code == 1


def test_nothing_heavy_is_imported(kept):
    for words in (["run", "three_steps", "-p", ""], ["runs", "show", ""], [""]):
        code = f"""
import atexit, os, sys
heavy = ("langgraph", "langchain_core", "pydantic", "structlog", "rich", "prompt_toolkit", "three_steps")
atexit.register(lambda: print("LOADED", [m for m in heavy if m in sys.modules], file=sys.__stderr__))
os.environ.update({COMPLETE}="bash_complete", COMP_WORDS={chr(10).join(["dataops", *words])!r})
os.environ["COMP_CWORD"] = "{len(words)}"
from dataops_core.cli.main import main
sys.argv = ["dataops"]
main()
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.stdout, done.stderr
        assert "LOADED []" in done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script(dataops, shell):
    result = dataops("completion", shell)
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"{COMPLETE}={shell}_complete" in result.stdout
    assert ("compopt -o nospace" in result.stdout) == (shell == "bash")
    assert f"dataops completion {shell}" in " ".join(dataops("completion", "--help").stdout.split())


def test_an_unknown_shell(dataops):
    result = dataops("completion", "fsh")
    assert (result.exit_code, "did you mean 'fish'?" in result.stderr) == (2, True)


def test_a_terminal_is_told_how_to_install_it(site):
    ours, theirs = pty.openpty()
    done = finish("completion", "bash", stdout=theirs, stderr=subprocess.PIPE, capture_output=False)
    os.close(theirs)
    os.close(ours)
    assert (done.returncode, "~/.bashrc" in done.stderr) == (0, True)


def test_every_name_and_id_is_completed():
    """An argument or option that takes a name of ours offers it."""
    free = {
        "query",
        "label",
        "message_id",
        "search",
        "name",
        "timeout",
        "grace",
        "limit",
        "user",
        "home",
        "config",
        "depth",
        "source",
        "target",
    }
    lacking, todo = [], [(n, program.get_command(None, n)) for n in program.known]
    for path, command in todo:
        todo += [(f"{path} {n}", c) for n, c in getattr(command, "commands", {}).items()]
        for parameter in command.params:
            is_flag = getattr(parameter, "is_flag", False)
            if not is_flag and parameter.name not in free and parameter._custom_shell_complete is None:
                lacking.append(f"{path} {parameter.name}")
    assert lacking == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_tab_in_a_real_bash(site, tmp_path):
    (tmp_path / "work" / "orders.csv").touch()
    install_workflow(site, "apart", "", CHOICES)
    env = {**os.environ, "PS1": "$ ", "TERM": "dumb", "HISTFILE": "", "INPUTRC": "/dev/null"}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], env)
    try:
        typed(terminal, 'eval "$(dataops completion bash)"; echo re""ady\n', until=b"ready\r\n")
        assert b"run three_steps " in typed(terminal, "dataops run thr\t", until=b"three_steps ")
        assert b"-p times=" in typed(terminal, "-p ti\t", until=b"times=")
        typed(terminal, "\t", until=b"1 ")
        typed(terminal, "\x15dataops run apart -p data=or\t", until=b"data=orders.csv ")
        typed(terminal, "\x15dataops art\t", until=b"artifacts ")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def typed(terminal: int, text: str, *, until: bytes) -> bytes:
    """Types a text and returns what comes until it shows; fails when it does not."""
    os.write(terminal, text.encode())
    seen, deadline = b"", time.monotonic() + 20
    while until not in seen:
        ready, _, _ = select.select([terminal], [], [], max(deadline - time.monotonic(), 0))
        assert ready, seen
        seen += os.read(terminal, 4096)
    return seen
