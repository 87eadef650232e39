"""Progress on a terminal, and Ctrl-C and SIGTERM in the middle of a run."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import time

import pytest

from tests.cli.program import STEPS, finish, start
from tests.toys import install_workflow


def screen(*arguments, **variables):
    """Runs the program with stderr on a terminal; returns its status, its answer and what the terminal was sent."""
    ours, theirs = pty.openpty()
    program = start(*arguments, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **variables})
    os.close(theirs)
    sent = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the other side was closed
            break
        if not chunk:
            break
        sent += chunk
    os.close(ours)
    out, _ = program.communicate(timeout=30)
    return program.returncode, out, sent.decode()


def test_progress_is_live_on_a_terminal(site):
    status, out, sent = screen("run", "three_steps", "-p", "word=hi", TOY_SLOW="second", NO_COLOR="1")
    assert (status, out) == (0, "hi 123 x1\n")
    assert re.search(r"  second  0\.\d s  42%  in the middle of it", sent)
    assert re.search(r"  second  \d{3} ms", sent)  # the line that stays
    assert re.search(r"  first  [\d.]+ ms", sent)
    assert not re.search(r"\x1b\[[0-9;]*m", sent)  # rewritten lines, and no colour


def test_quiet_and_pipes_have_no_progress(site):
    _, _, sent = screen("run", "three_steps", "-p", "word=hi", "-q")
    assert "first" not in sent
    assert "\x1b" not in sent
    piped = finish("run", "three_steps", "-p", "word=hi")
    assert "\x1b" not in piped.stderr
    assert "second" not in piped.stderr


@pytest.mark.parametrize(
    ("isolation", "number", "status"),
    [("inline", signal.SIGINT, 130), ("inline", signal.SIGTERM, 143), ("process", signal.SIGINT, 130)],
)
def test_an_interrupted_run_is_kept_and_goes_on(dataops, site, tmp_path, monkeypatch, isolation, number, status):
    install_workflow(site, "apart", STEPS, f"parameters: [{{name: word, required: true}}]\nisolation: {isolation}\n")
    log = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(log))
    code, out, err = interrupted(log, "second", number, "run", "apart", "-p", "word=hi")
    assert (code, out) == (status, "")
    assert "Traceback" not in err
    (run_id,) = re.findall(r"interrupted; run (\S+) is kept", err)
    assert f"dataops runs resume {run_id}" in err
    (listed,) = json.loads(dataops("runs", "list", "--open", "--json").stdout)["runs"]
    assert (listed["run_id"], listed["status"], listed["worker_gone"]) == (run_id, "running", True)
    assert "running, no worker" in dataops("runs", "list").stdout
    assert f"dataops runs resume {run_id}" in dataops("runs", "show", run_id).stdout
    resumed = dataops("runs", "resume", run_id, "--json")
    outcome = json.loads(resumed.stdout)
    assert (resumed.exit_code, outcome["status"], outcome["attempt"]) == (0, "success", 2)
    assert outcome["answer"].startswith("hi 123")
    assert log.read_text().split() == ["first", "second", "second", "third"]
    assert json.loads(dataops("runs", "list", "--open", "--json").stdout)["runs"] == []


def test_a_frozen_worker_keeps_its_run_until_somebody_insists(dataops, tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(log))
    program = hanging(log, "second", "run", "three_steps", "-p", "word=hi")
    program.send_signal(signal.SIGSTOP)
    told = dataops("runs", "resume", "--json")
    (held,) = json.loads(told.stdout)["held"]
    again = dataops("runs", "resume")
    assert (again.exit_code, f"dataops runs resume {held} --force" in again.stderr) == (0, True)
    refused = dataops("runs", "resume", held)
    assert (refused.exit_code, "--force" in refused.stderr) == (1, True)
    assert dataops("runs", "resume", held, "--force").stdout == "hi 123 x1\n"
    program.kill()
    program.communicate()


def test_a_killed_run_goes_on_at_once(dataops, tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(log))
    interrupted(log, "second", signal.SIGKILL, "run", "three_steps", "-p", "word=hi")
    (listed,) = json.loads(dataops("runs", "list", "--open", "--json").stdout)["runs"]
    assert listed["worker_gone"]
    assert dataops("runs", "resume", listed["run_id"]).stdout == "hi 123 x1\n"


def test_an_interrupt_as_json(dataops, tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(log))
    code, out, err = interrupted(log, "first", signal.SIGINT, "ask", "--json", "three steps word=x")
    told = json.loads(out)["error"]
    assert (code, told["code"], err.count("error")) == (130, "interrupted", 0)
    assert told["details"]["run_id"].startswith(told["details"]["session_id"])
    everything = json.loads(dataops("runs", "resume", "--json").stdout)["runs"]
    assert [(r["run_id"], r["status"]) for r in everything] == [(told["details"]["run_id"], "success")]


def hanging(log, node, *arguments):
    """Starts the program and returns when a node of its hangs."""
    program = start(*arguments, env={**os.environ, "TOY_HANG": node})
    deadline = time.monotonic() + 60
    while not (log.exists() and node in log.read_text()):
        assert program.poll() is None, program.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return program


def interrupted(log, node, number, *arguments):
    """Runs the program until a node hangs and sends it a signal; returns its status and what it said."""
    program = hanging(log, node, *arguments)
    program.send_signal(number)
    out, err = program.communicate(timeout=30)
    return program.returncode, out, err
