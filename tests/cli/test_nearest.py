"""Every name that is wrong is answered with the nearest one; and who calls the program first is told what to type."""

from __future__ import annotations

import json

import pytest

NEAR = {
    "a command": ("doctr", "did you mean 'doctor'?"),
    "a subcommand": ("plugins validat", "did you mean 'validate'?"),
    "an option": ("list --categry x", "Did you mean '--category'?"),
    "a workflow to run": ("run three_step", "did you mean 'three_steps'?"),
    "a workflow to show": ("show thre-steps", "did you mean 'three_steps'?"),
    "a parameter": ("run three_steps -p wrd=x", "did you mean 'word'?"),
    "a parameter in JSON": ('run three_steps --input {"wrd":1}', "did you mean 'word'?"),
    "a category": ("list --category practise", "did you mean 'practice'?"),
    "a plugin": ("plugins validate three_stps", "did you mean 'three_steps'?"),
    "a plugin with its group": (
        "plugins validate dataops.workflow:three_steps",
        "did you mean 'dataops.workflows:three",
    ),
    "a shell": ("completion zhs", "did you mean 'zsh'?"),
    "a session": ("sessions show {session}x", "did you mean '{session}'?"),
    "a session to run in": ("run three_steps -p word=x -s {session}x", "did you mean '{session}'?"),
    "a run": ("runs show {run}x", "did you mean '{run}'?"),
    "a run of artifacts": ("artifacts list {session} --run {run}x", "did you mean '{run}'?"),
    "a status": ("runs list --status sucess", "did you mean 'success'?"),
    "an artifact": ("artifacts show {artifact}x", "did you mean '{artifact}'?"),
    "an artifact by its name": ("artifacts get two.jso", "did you mean 'one.json'?"),
    "the name of artifacts": ("artifacts list {session} --name onejson", "did you mean 'one.json'?"),
    "a type": ("artifacts list {session} --type resul", "did you mean 'result'?"),
    "a snapshot": ("context load {snapshot}x", "did you mean '{snapshot}'?"),
    "a label": ("context restore {session} befor", "did you mean 'before'?"),
    "a mode": ("context load {snapshot} --into {session} --mode merg", "did you mean 'merge'?"),
    "a part": ("context load {snapshot} --into {session} --include mesages", "did you mean 'messages'?"),
}


@pytest.fixture
def kept(dataops) -> dict[str, str]:
    """An id of each kind."""
    told = json.loads(dataops("run", "three_steps", "-p", "word=hi", "--json").stdout)
    session = told["session_id"]
    snapshot = dataops("context", "checkpoint", session, "before").stdout.strip()
    artifact = told["artifacts"][0]["artifact_id"]
    return {"session": session, "run": told["run_id"], "artifact": artifact, "snapshot": snapshot}


def test_the_nearest_name_is_offered(dataops, kept):
    for kind, (command, hint) in NEAR.items():
        words = [word if word.startswith('{"') else word.format(**kept) for word in command.split(" ")]
        result = dataops(*words)
        assert hint.format(**kept) in result.stderr, (kind, result.stderr)
        assert result.stdout == "", kind


def test_a_switched_off_plugin_is_no_unknown_one(dataops, monkeypatch):
    monkeypatch.setenv("DATAOPS_PLUGINS_BLOCK", "three_steps")
    result = dataops("plugins", "validate", "three-steps")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (
        4,
        "error: plugin 'three-steps' is switched off by plugins.block",
    )


def test_validate_survives_a_graph_that_ends_the_process(dataops, site):
    from tests.toys import install_workflow

    code = """
from dataops_core import BaseWorkflow

class Toy(BaseWorkflow):
    def build_graph(self):
        print("into the answer")
        raise SystemExit(0)
"""
    install_workflow(site, "broken_flow", code)
    result = dataops("plugins", "validate", "broken_flow", "--json")
    assert result.exit_code == 4
    (row,) = json.loads(result.stdout)["plugins"]
    assert "SystemExit" in row["error"]["message"]


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_a_first_call_says_what_to_type_and_makes_nothing(dataops, home, monkeypatch, arguments):
    def said() -> list[str]:
        result = dataops(*arguments)
        text = result.stdout + result.stderr
        assert "Ask for data-engineering work in plain words" in text
        return text.partition("To begin with:\n")[2].partition("\n\n")[0].splitlines()

    assert [line.partition("  ")[0] for line in map(str.strip, said())] == [
        'dataops ask "what can you do?"',
        "dataops show three_steps",
        "dataops chat",
    ]
    monkeypatch.setenv("DATAOPS_DISABLE_PLUGINS", "1")
    from dataops_core.plugin import manager

    manager.reset()
    assert [line.partition("  ")[0] for line in map(str.strip, said())] == [
        "pip install dataops-data-profiler",
        "dataops doctor",
        "dataops list",
    ]
    monkeypatch.setenv("DATAOPS_LEASE_SECONDS", "never")
    assert [line.strip().partition("  ")[0] for line in said()] == ["dataops doctor"]
    assert not home.exists()
