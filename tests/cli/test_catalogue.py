"""`list`, `show`, `plugins`, `config`: what is installed and set, without running anything."""

from __future__ import annotations

import json
import shlex

import pytest

from tests.toys import install_workflow

HOSTILE = 'description: "\\e[31mred\\e[0m and \\u202Eturned\\nround"\n'


@pytest.fixture
def broken(site):
    """Two plugins that do not work: one by its manifest, one by its code; and a hostile description."""
    install_workflow(site, "bad_manifest", "", "colour: red\n")
    install_workflow(site, "bad_code", "raise RuntimeError('cannot \\x1b[31mwork')")
    hostile = site / "hostile"
    install_workflow(site, "hostile", "")
    (hostile / "config.yaml").write_text("name: hostile\nversion: 1.0.0\n" + HOSTILE)


def test_list_has_a_row_a_workflow_and_counts_them(dataops):
    result = dataops("list")
    header, row = result.stdout.splitlines()
    assert header.split() == ["NAME", "PATTERN", "VERSION", "DESCRIPTION"]
    assert row.split(maxsplit=3) == ["three_steps", "sequential", "1.0.0", "The three steps workflow."]
    assert (result.stderr, result.exit_code) == ("1 workflow\n", 0)


def test_broken_plugins_stay_in_their_rows(dataops, broken):
    result = dataops("list")
    assert result.exit_code == 0
    assert result.stderr == "3 workflows, 1 broken\n"
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("bad_manifest")]
    assert "unknown key 'colour'" in row
    told = json.loads(dataops("list", "--json").stdout)
    assert [w["name"] for w in told["workflows"]] == ["bad_code", "hostile", "three_steps"]
    assert [(b["name"], b["phase"]) for b in told["broken"]] == [("bad_manifest", "manifest")]


def test_what_plugins_say_cannot_reach_the_terminal(dataops, broken):
    assert "red and \N{REPLACEMENT CHARACTER}turned round" in dataops("list").stdout
    for command in (("list",), ("show", "hostile"), ("plugins", "list", "--check"), ("list", "--json")):
        result = dataops(*command)
        text = (result.stdout + result.stderr).replace("\n", "")
        assert text.isprintable(), command


@pytest.mark.parametrize(
    ("arguments", "names", "said"),
    [
        (["--category", "practice"], ["three_steps"], "1 workflow"),
        (["--category", "practise"], [], "did you mean 'practice'?"),
        (["--search", "word STEPS"], ["three_steps"], "1 workflow"),
        (["--search", "three-steps"], ["three_steps"], "1 workflow"),
        (["--search", "spreadsheet"], [], "0 workflows"),
    ],
)
def test_list_filters(dataops, arguments, names, said):
    result = dataops("list", *arguments)
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == names
    assert said in result.stderr


def test_list_with_nothing_installed_says_how_to_begin(dataops, monkeypatch):
    monkeypatch.setenv("DATAOPS_DISABLE_PLUGINS", "1")
    result = dataops("list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "0 workflows\nnone is installed yet" in result.stderr


def test_show_tells_what_it_takes_and_how_to_run_it(dataops):
    text = dataops("show", "three-steps").stdout
    assert "dataops-three-steps 1.0.0" in text
    assert "  dataops run three_steps -p word=hello" in text
    assert '  dataops ask "three steps please"' in text
    (row,) = [line for line in text.splitlines() if line.startswith("times")]
    assert row.split() == ["times", "integer", "no", "1", "-", "How", "often;", "min", "1;", "max", "9"]
    told = json.loads(dataops("show", "three_steps", "--json").stdout)["workflow"]
    assert told["distribution"] == {"name": "dataops-three-steps", "version": "1.0.0", "module": "three_steps"}
    assert [p["name"] for p in told["parameters"]] == ["word", "times"]


def test_what_show_offers_is_quoted_as_a_shell_takes_it(dataops, site):
    manifest = (
        "example_queries: ['say \"$HOME\"', plain words]\n"
        'parameters: [{name: word, required: true, example: "it\'s two"}]\n'
    )
    install_workflow(site, "apart", "", manifest)
    lines = dataops("show", "apart").stdout.splitlines()
    offered = [shlex.split(line) for line in lines if line.startswith("  dataops ")]
    assert offered == [
        ["dataops", "ask", 'say "$HOME"'],
        ["dataops", "ask", "plain words"],
        ["dataops", "run", "apart", "-p", "word=it's two"],
    ]
    assert "  dataops ask 'say \"$HOME\"'" in lines


def test_show_of_what_is_not_there_or_broken(dataops, broken):
    unknown = dataops("show", "tree_steps")
    assert unknown.exit_code == 3
    assert unknown.stderr == "error: no workflow named 'tree_steps'\n  try: did you mean 'three_steps'?\n"
    failed = dataops("show", "bad_manifest")
    assert failed.exit_code == 4
    assert "unknown key 'colour'" in failed.stderr


def test_plugins_list_loads_only_when_asked(dataops, broken):
    listed = json.loads(dataops("plugins", "list", "--json").stdout)["plugins"]
    rows = {r["name"]: r for r in listed if r["distribution"] not in ("dataops-aws", "dataops-redis")}
    assert {n: r["status"] for n, r in rows.items()} == {
        "sqlite": "installed", "file": "installed", "three_steps": "installed", "hostile": "installed",
        "bad_code": "installed", "bad_manifest": "broken", "data_profiler": "blocked",
        "jil_parser": "blocked", "sql_lineage": "blocked",
    }  # fmt: skip
    result = dataops("plugins", "list", "--check")
    assert result.exit_code == 0
    assert "broken" in next(line for line in result.stdout.splitlines() if " bad_code " in line)
    assert result.stderr.endswith(" plugins, 3 broken\n")  # hostile registers no workflow class


def test_plugins_validate_one_or_all(dataops, broken):
    good = dataops("plugins", "validate", "three-steps")
    assert (good.exit_code, good.stdout) == (0, "ok    dataops.workflows:three_steps\n")
    bad = dataops("plugins", "validate", "dataops.workflows:bad_code", "--json")
    told = json.loads(bad.stdout)
    assert (bad.exit_code, told["valid"]) == (4, False)
    assert "RuntimeError" in told["plugins"][0]["error"]["message"]
    everything = dataops("plugins", "validate")
    assert everything.exit_code == 4
    assert everything.stdout.count("FAIL") == 3
    unknown = dataops("plugins", "validate", "sqlit")
    assert (unknown.exit_code, "did you mean 'sqlite'?" in unknown.stderr) == (3, True)


def test_validate_builds_the_graph(dataops, site):
    head = "from dataops_core import BaseWorkflow\n"
    install_workflow(
        site, "broken_flow", head + "class Toy(BaseWorkflow):\n    def build_graph(self):\n        1 / 0\n"
    )
    result = dataops("plugins", "validate", "broken_flow")
    assert result.exit_code == 4
    assert "ZeroDivisionError" in result.stdout


def test_config_show_says_where_values_come_from(dataops, monkeypatch, tmp_path):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")
    (tmp_path / "own.yaml").write_text("turn_policy: refuse\n")
    result = dataops("config", "show", "--config", str(tmp_path / "own.yaml"), "--home", str(tmp_path / "elsewhere"))
    rows = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()}
    assert rows["turn_policy"] == ["refuse", str(tmp_path / "own.yaml")]
    assert rows["home"] == [str(tmp_path / "elsewhere"), "flag", "--home"]
    assert rows["anthropic_api_key"] == ["****", "env", "ANTHROPIC_API_KEY"]
    assert rows["user"] == ["local", "default"]
    assert "secret" not in result.stdout.replace("jwt.secret", "")
    told = json.loads(dataops("--json", "config", "show").stdout)["settings"]
    assert {"key": "user", "value": "local", "source": "default"} in told


@pytest.mark.parametrize(
    ("text", "said"), [("prt: 1\n", "unknown key 'prt'"), ("a: [\n", "line 2"), ("redis: {port: x}\n", "redis.port")]
)
def test_a_wrong_configuration_is_one_line_and_status_4(dataops, tmp_path, text, said):
    (tmp_path / "own.yaml").write_text(text)
    result = dataops("list", "--config", str(tmp_path / "own.yaml"))
    assert result.exit_code == 4
    assert said in result.stderr.splitlines()[0]
    missing = dataops("list", "--config", str(tmp_path / "none.yaml"))
    assert missing.exit_code == 4
    assert "none.yaml" in missing.stderr


def test_the_help_comes_whatever_is_wrong_with_the_settings(dataops, tmp_path, monkeypatch):
    monkeypatch.setenv("DATAOPS_LEASE_SECONDS", "never")
    assert dataops("--help").exit_code == 0
    assert dataops("list").exit_code == 4
