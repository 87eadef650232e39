"""Where the program meets the shell: statuses, JSON, pipes, terminals, broken stores, commands of plugins."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from dataops_core import errors
from dataops_core.cli import exits, text
from dataops_core.cli.artifacts import file_name
from tests.cli.program import finish, start
from tests.toys import install_workflow

HEAVY = (
    *("langgraph", "langchain_core", "pydantic", "structlog", "asyncio", "sqlite3", "rich", "prompt_toolkit"),
    "three_steps",
)


def every_code():
    found, todo = set(), [errors.DataOpsError]
    while todo:
        cls = todo.pop()
        found.add(cls.code)
        todo += [c for c in cls.__subclasses__() if c.__module__ == errors.__name__]
    return sorted(found)


@pytest.mark.parametrize("code", every_code())
def test_every_error_code_has_its_status(code):
    assert code in exits._BY_CODE


def test_the_statuses_are_those_that_are_promised():
    statuses = {code: exits.status_of({"code": code}) for code in exits._BY_CODE}
    assert {c for c, s in statuses.items() if s == 2} == {"usage", "invalid_value", "question"}
    assert {c for c, s in statuses.items() if s == 3} == {"not_found", "no_match"}
    assert {c for c, s in statuses.items() if s == 4} == {"config", "plugin_failed", "newer_database", "corrupt_data"}
    assert {c for c, s in statuses.items() if s == 5} == {"unreachable"}
    assert statuses["interrupted"] == 130
    assert exits.status_of({"code": "never heard of"}) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lst"], "did you mean 'list'?"),
        (["plugins", "lst"], "did you mean 'list'?"),
        (["xyzzy"], "dataops --help"),
        (["list", "--serch", "x"], "--search"),
        (["show"], "Missing argument 'WORKFLOW'"),
        (["runs", "list", "--limit", "0"], "0 is not in the range"),
    ],
)
def test_wrong_usage_is_status_2_and_says_what_is_near(dataops, arguments, said):
    result = dataops(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    as_json = dataops("--json", *arguments)
    assert as_json.exit_code == 2
    told = json.loads(as_json.stdout)
    assert (told["schema_version"], told["error"]["code"]) == (1, "usage")
    assert as_json.stderr == ""


def test_without_a_command_there_is_the_help(dataops):
    assert dataops().exit_code == 2
    assert "artifacts" in dataops().stderr
    assert dataops("--help").exit_code == dataops("runs", "-h").exit_code == dataops("ask", "-h").exit_code == 0
    assert json.loads(dataops("--version", "--json").stdout)["version"]


def test_an_unexpected_error_is_one_line_and_a_traceback_with_debug_only(dataops, monkeypatch):
    import dataops_core.cli.invocation as module

    def fails(self):
        raise KeyError("surprise\nmade")

    monkeypatch.setattr(module.Invocation, "settings", property(fails))
    result = dataops("config", "show")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: unexpected KeyError: 'surprise\\nmade'\n  try: the same command with --debug shows where it happened\n"
    )
    assert json.loads(dataops("config", "show", "--json").stdout)["error"]["code"] == "internal"
    assert "Traceback" in dataops("config", "show", "--debug").stderr


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], ["list"], ["show", "three_steps"], ["plugins", "list"], ["config", "show"], ["lst"]],
)
def test_what_runs_nothing_imports_nothing_heavy(site, arguments):
    code = f"""
        import atexit, sys
        atexit.register(lambda: print("LOADED", [m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr))
        from dataops_core.cli.main import main
        sys.argv = ["dataops", *{arguments!r}]
        main()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert "LOADED []" in done.stderr


def test_sessions_need_no_langgraph(site):
    code = """
        import atexit, sys
        heavy = ("langgraph", "langchain_core", "pydantic", "structlog", "rich")
        atexit.register(lambda: print("LOADED", [m for m in heavy if m in sys.modules], file=sys.stderr))
        from dataops_core.cli.main import main
        sys.argv = ["dataops", "sessions", "list"]
        main()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert "LOADED []" in done.stderr


def test_a_reader_that_goes_away_is_no_news(site):
    reading, writing = os.pipe()
    os.close(reading)
    program = start("config", "show", stdout=writing)
    os.close(writing)
    _, said = program.communicate(timeout=30)
    assert (program.returncode, said) == (exits.READER_GONE, "")


def test_a_full_disk_behind_stdout_is_said(site):
    with open("/dev/full", "w") as full:
        done = finish("config", "show", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 5
    assert done.stderr.startswith("error: standard output cannot be written: No space left on device")


def test_closed_streams_are_said_and_harm_no_file(site):
    # The lowest free descriptor is the next file's: a database that is opened as number 1 must not be printed into.
    command = [sys.executable, "-m", "dataops_core.cli.main", "run", "three_steps", "-p", "word=hi"]
    for closed, said in ((">&-", "error: standard output is closed"), ("2>&-", ""), ("<&-", "session s")):
        done = subprocess.run(
            ["sh", "-c", f'exec "$@" {closed}', "sh", *command], capture_output=True, text=True, timeout=60, check=False
        )
        assert said in done.stderr
        assert done.returncode == (5 if closed == ">&-" else 0)
    assert len(json.loads(finish("runs", "list", "--status", "success", "--json").stdout)["runs"]) == 3


def test_the_console_script_is_the_same_program(site):
    script = os.path.join(os.path.dirname(sys.executable), "dataops")
    done = subprocess.run([script, "list"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "1 workflow\n")


INTERRUPTING = """
import os, signal, sys
os.kill(os.getpid(), signal.SIGINT)
sys.path.remove(os.path.dirname(__file__))
del sys.modules["click"]
import click
"""


@pytest.mark.parametrize(("ignored", "status"), [(False, -signal.SIGINT), (True, 0)])
def test_ctrl_c_before_everything_is_imported_is_quiet(site, tmp_path, ignored, status):
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "click.py").write_text(INTERRUPTING)
    path = os.pathsep.join([str(tmp_path / "early"), os.environ["PYTHONPATH"]])
    script = os.path.join(os.path.dirname(sys.executable), "dataops")
    shell = "trap '' INT; exec \"$@\"" if ignored else 'exec "$@"'
    command = ["sh", "-c", shell, "sh", script, "--version"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, "")


def test_what_is_nearly_a_setting_is_warned_of(site):
    done = finish("list", env={**os.environ, "DATAOPS_WORKFLOW_TIMEOUT": "abc"})
    assert done.returncode == 0
    assert done.stderr.startswith(
        "warning: env DATAOPS_WORKFLOW_TIMEOUT is no setting and is ignored; did you mean WORK"
    )


def test_a_home_that_is_no_folder_is_a_matter_of_settings(site):
    for command in ("list", "sessions"):
        done = finish("--home", "/dev/null", command, *(["list"] if command == "sessions" else []))
        assert (done.returncode, done.stdout) == (4, "")
        assert done.stderr.startswith("error: flag --home: home is '/dev/null', a file and not a folder\n")


def test_errors_are_coloured_on_a_terminal_and_never_with_no_color(site):
    for extra, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        ours, theirs = pty.openpty()
        program = start("show", "nothing", stderr=theirs, env={**os.environ, "TERM": "xterm", **extra})
        os.close(theirs)
        assert program.wait(30) == 3
        said = os.read(ours, 4096)
        os.close(ours)
        assert (b"\x1b[31merror:" in said) is coloured
    assert "\x1b" not in finish("show", "nothing").stderr


def test_a_corrupt_newer_or_unusable_database_is_one_line(site, dataops, home):
    home.mkdir(parents=True)
    database = home / "dataops.db"
    database.write_bytes(b"this is not a database at all" * 100)
    for command in (["sessions", "list"], ["run", "three_steps", "-p", "word=x"], ["ask", "three steps word=x"]):
        done = dataops(*command)
        assert (done.exit_code, done.stdout) == (4, ""), done.stderr
        assert str(database) in done.stderr
    database.unlink()
    assert finish("sessions", "list").returncode == 0
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version = 9999")
    newer = finish("sessions", "list", "--json")
    assert newer.returncode == 4
    assert json.loads(newer.stdout)["error"]["code"] == "newer_database"
    (home / "file").write_text("")
    nowhere = finish("sessions", "list", "--home", str(home / "file"))
    assert nowhere.returncode in (4, 5)
    assert "Traceback" not in nowhere.stderr
    unknown = finish("sessions", "list", env={**os.environ, "DATAOPS_RECORDS_URL": "mongodb://localhost"})
    assert (unknown.returncode, "no installed plugin brings the record store 'mongodb'" in unknown.stderr) == (4, True)


def test_commands_of_plugins(dataops, site):
    (site / "toy_commands.py").write_text(
        "import click\n\n"
        "@click.command()\n@click.argument('name')\ndef hello(name):\n    click.echo('hello ' + name)\n\n"
        "@click.command()\ndef fails():\n    raise RuntimeError('its own fault')\n\nnothing = 42\n"
    )
    info = site / "toy_commands-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-commands\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[dataops.commands]\nhello = toy_commands:hello\nfails = toy_commands:fails\nnothing = toy_commands:nothing\n"
        "gone = toy_gone:gone\nlist = toy_commands:fails\n"
    )
    assert dataops("hello", "Ann").stdout == "hello Ann\n"
    helped = dataops("--help")
    assert "toy_commands" not in helped.stdout
    assert re.search(r"hello +\(of toy-commands\)", helped.stdout)
    assert dataops("helo").stderr.endswith("did you mean 'hello'?\n")
    failed = dataops("fails")
    assert (failed.exit_code, "its own fault" in failed.stderr, "Traceback" in failed.stderr) == (1, True, False)
    for broken in ("nothing", "gone"):
        assert dataops(broken).exit_code == 4
    assert "three_steps" in dataops("list").stdout  # ours cannot be claimed
    assert dataops("plugins", "list", "--check").exit_code == 0


@pytest.mark.parametrize(
    ("hostile", "left"),
    [
        ("plain", "plain"),
        ("a\x1b[31mb\x1b[0m", "ab"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]8;;http://x\x1b\\link", "alink"),
        ("a\x1b]52;c;never closed", "a"),
        ("a\x9b31mb", "ab"),
        ("a\x1bcb", "ab"),
        ("a\rb\x08c\x00", "a\nb\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}"),
        ("a\u202eb", "a\N{REPLACEMENT CHARACTER}b"),
        ("tab\tline\nend", "tab\tline\nend"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_text_is_made_safe(hostile, left):
    assert text.safe(hostile) == left
    assert text.line(hostile).isprintable()


@pytest.mark.parametrize(
    ("name", "kind", "file"),
    [
        ("report.html", "text/html", "report.html"),
        ("../../etc/passwd", "text/plain", "passwd"),
        ("C:\\windows\\win.ini", "text/plain", "win.ini"),
        (".bashrc", "text/plain", "bashrc"),
        ("-rf", "text/plain", "rf"),
        ("ein Prüfbericht (2).csv", "text/csv", "ein_Prüfbericht_(2).csv"),
        ("a\x00b\nc.txt", "text/plain", "a_b_c.txt"),
        ("...", "application/json", "the-id.json"),
        (None, "application/octet-stream", "the-id.bin"),
    ],
)
def test_file_names_are_safe(name, kind, file):
    from dataops_core.artifact import Artifact, ArtifactType

    made = Artifact("s1.the-id", "s1", "w", ArtifactType.RESULT, kind, 1, "", "", "", "bytes", name=name)
    assert file_name(made) == file


def test_sizes_and_times_for_people():
    assert [text.size(n) for n in (0, 999, 1000, 999_949, 999_951, 2_500_000_000)] == [
        "0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "2.5 GB",
    ]  # fmt: skip
    assert [text.duration(ms) for ms in (0.42, 999, 3421, 125_000)] == ["0.4 ms", "999 ms", "3.42 s", "2 min 5 s"]
    assert list(text.table(("A", "LONG"), [("x", "abcdef")], width=6)) == ["A  LO…", "x  ab…"]


def test_ids_give_way_first_on_a_narrow_terminal():
    run = "s408hxbh5wb85va4mx3cmjp31q.1m82w6dafd3xhv56pxy"

    def shown(width):
        return list(text.table(("RUN", "STATUS", "NOTE"), [(run, "success", "all is well")], width=width))[1]

    assert shown(None) == shown(80) == f"{run}  success  all is well"
    assert shown(50) == "s408hxbh5…m82w6dafd3xhv56pxy  success  all is well"
    assert shown(25) == "s408…v56pxy  success  al…"


@pytest.mark.parametrize("columns", [60, 80])
def test_nothing_wraps_on_a_narrow_terminal(site, columns):
    ours, theirs = pty.openpty()
    program = start("config", "show", stdout=theirs, env={**os.environ, "COLUMNS": str(columns)})
    os.close(theirs)
    assert program.wait(30) == 0
    shown = os.read(ours, 65536).decode().splitlines()
    os.close(ours)
    assert max(map(len, shown)) <= columns
    assert all(line.endswith(("default", "FROM", "env", "…")) or "env DATAOPS" in line for line in shown)


def test_two_distributions_with_one_name_are_shown_and_named(dataops, site):
    install_workflow(site, "apart", "")
    info = site / "another-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dataops.workflows]\napart = elsewhere\n")
    assert dataops("list").stderr == "1 workflow, 1 broken\n"
    result = dataops("run", "apart")
    assert result.exit_code == 4
    assert "another" in result.stderr
    assert "dataops-apart" in result.stderr
