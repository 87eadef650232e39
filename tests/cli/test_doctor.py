"""`doctor`: every broken thing is a line of its own, and the rest is checked all the same."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import time

import pytest

from dataops_core.cli import doctor as module
from dataops_core.contracts.records import Finding
from dataops_core.errors import InvalidValue
from dataops_core.storage.file_blobs import FileBlobs
from dataops_core.storage.opening import close_stores
from dataops_core.storage.sqlite_schema import APPLICATION_ID
from tests.cli.program import finish
from tests.toys import install_workflow

CHECKS = ["python", "dataops", "terminal", "settings", "home", "plugins", "model", "records", "blobs", "clock", "runs"]


def told(result) -> list[dict]:
    """The checks of `--json`."""
    return json.loads(result.stdout)["checks"]


def of(result, check: str) -> list[tuple[str, str]]:
    return [(c["level"], c["what"]) for c in told(result) if c["check"] == check]


@pytest.fixture
def used(dataops):
    """A home with a finished run in it."""
    assert dataops("run", "three_steps", "-p", "word=hi").exit_code == 0


def test_a_sound_installation_is_all_ok(dataops, used, monkeypatch):
    monkeypatch.setattr(module, "_SLOW_SCAN_MS", 60_000)  # the machine of the tests is busy
    monkeypatch.delenv("DATAOPS_REAL_DATA", raising=False)  # of the tests, no setting
    result = dataops("doctor")
    assert result.exit_code == 0, result.stdout
    lines = result.stdout.splitlines()
    assert {line.split()[0] for line in lines} == {"ok"}
    assert list(dict.fromkeys(line.split()[1] for line in lines)) == CHECKS
    assert result.stderr == "0 errors, 0 warnings\n"
    as_json = json.loads(dataops("doctor", "--json").stdout)
    assert (as_json["healthy"], set(as_json["checks"][0])) == (True, {"check", "level", "what", "hint"})
    assert "1 workflow: three_steps" in result.stdout
    assert "'data_profiler' (of dataops-data-profiler) is switched off by plugins.block" in result.stdout


def test_nothing_is_kept_of_an_unused_home(dataops, home):
    result = dataops("doctor")
    assert result.exit_code == 0
    assert f"home {home} is not there yet" in result.stdout
    assert f"{home / 'dataops.db'} is not there yet" in result.stdout
    assert not (home / "dataops.db").exists()
    assert not (home / "blobs").exists()


def test_each_broken_thing_has_its_line_and_the_rest_is_checked(dataops, site, home):
    install_workflow(site, "bad_manifest", "", "colour: red\n")
    install_workflow(site, "bad_code", "import sys; sys.exit('over \x1b[31m')")
    (site / "cut-1.0.dist-info").mkdir()
    (site / "cut-1.0.dist-info" / "entry_points.txt").write_text("[dataops.workflows]\nno equals sign\n")
    with open("dataops.yaml", "w") as file:
        file.write("plugins: [\n")
    with open(".env", "w") as file:
        file.write("DATAOPS_LEASE_SECONDS=never\n")
    home.mkdir(mode=0o755)
    (home / "config.yaml").write_text("turn_polcy: wait\n")
    with sqlite3.connect(home / "dataops.db") as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 9999")
    result = dataops("doctor", "--json")
    assert result.exit_code == 1
    errors = [c for c in told(result) if c["level"] == "error"]
    assert [c["check"] for c in errors] == ["settings"] * 3 + ["plugins"] * 3 + ["records"]
    whats = [c["what"] for c in errors]
    assert whats[0].startswith(".env DATAOPS_LEASE_SECONDS: lease_seconds is a number of seconds above 0, not '****'")
    assert "dataops.yaml: line 2" in whats[1]
    assert "unknown key 'turn_polcy'" in whats[2]
    assert errors[2]["hint"] == "did you mean 'turn_policy'?"
    assert sorted(name for w in whats[3:6] for name in ("bad_manifest", "bad_code", "cut") if name in w) == [
        "bad_code", "bad_manifest", "cut",
    ]  # fmt: skip
    assert "has layout 9999" in whats[6]
    assert ("warn", f"other users can look into {home}") in of(result, "home")
    assert of(result, "blobs") == [("ok", f"{home / 'blobs'} is not there yet; the first use makes it")]
    shown = dataops("doctor").stdout
    assert shown.replace("\n", "").isprintable()
    assert shown.count("error  ") == 7


def test_a_database_that_is_none_does_not_hide_the_blobs(dataops, used, home):
    close_stores()
    (home / "dataops.db").write_bytes(b"this is no database" * 100)
    result = dataops("doctor", "--json")
    assert result.exit_code == 1
    assert [level for level, _ in of(result, "records")] == ["error"]
    assert [level for level, _ in of(result, "blobs")] == ["ok"]
    assert of(result, "runs") == []


@pytest.mark.parametrize(
    ("variable", "value", "check", "said"),
    [
        ("DATAOPS_RECORDS_URL", "mongodb://:topsecret@localhost", "records", "no installed plugin brings the record"),
        ("DATAOPS_BLOBS_URL", "gs://bucket", "blobs", "no installed plugin brings the blob store 'gs'"),
        ("DATAOPS_HOME", "/dev/null/home", "home", "home /dev/null/home cannot be made in /dev/null"),
        ("DATAOPS_LEASE_SECONDS", "never", "settings", "lease_seconds is a number of seconds above 0"),
        ("DATAOPS_PLUGINS_REQUIRE", "nothing_like_it", "plugins", "plugins.require names 'nothing_like_it'"),
    ],
)
def test_a_wrong_variable_is_an_error_of_its_check(site, variable, value, check, said):
    done = finish("doctor", "--json", env={**os.environ, variable: value})
    assert done.returncode == 1, done.stdout
    found = of(done, check)
    assert [what for level, what in found if level == "error" and said in what], found
    assert "topsecret" not in done.stdout + done.stderr
    assert {c["check"] for c in told(done)} >= set(CHECKS[:9])


def test_unknown_variables_are_warned_of_by_name_alone(dataops, monkeypatch):
    monkeypatch.setenv("DATAOPS_WORKFLOW_TIMOUT", "secret1")
    monkeypatch.setenv("DATAOPS_XYZ", "secret2")
    monkeypatch.setenv("DATAOPS_USER", "secret3")
    result = dataops("doctor", "--json")
    assert result.exit_code == 0
    warned = {c["what"]: c["hint"] for c in told(result) if c["level"] == "warn"}
    assert "variable DATAOPS_XYZ is no setting of DataOps" in warned
    assert "DATAOPS_WORKFLOW_TIMOUT" in "".join(warned)
    assert "set by variables: DATAOPS_HOME, DATAOPS_PLUGINS_BLOCK, DATAOPS_USER" in [
        w for _, w in of(result, "settings")
    ]
    assert "secret" not in result.stdout


def test_a_home_that_cannot_be_written(dataops, used, home, monkeypatch):
    def refused(**options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module.tempfile, "TemporaryFile", refused)
    result = dataops("doctor", "--json")
    assert (result.exit_code, of(result, "home")) == (
        1,
        [("error", f"home {home} cannot be written: Permission denied")],
    )


def test_no_workflow_says_how_to_get_one(dataops, monkeypatch):
    monkeypatch.setenv("DATAOPS_DISABLE_PLUGINS", "1")
    result = dataops("doctor")
    assert result.exit_code == 0
    assert "warn   plugins   there is no workflow to run (try: pip install dataops-data-profiler)" in result.stdout


def test_strict_plugins_hide_nothing(dataops, site, monkeypatch):
    install_workflow(site, "bad_code", "1 / 0")
    install_workflow(site, "broken_flow", "import nothing_like_this")
    monkeypatch.setenv("DATAOPS_STRICT_PLUGINS", "1")
    result = dataops("doctor", "--json")
    assert [level for level, _ in of(result, "plugins")].count("error") == 2
    assert ("ok", "1 workflow: three_steps") in of(result, "plugins")


def test_two_plugins_of_one_name_are_both_named(dataops, site):
    info = site / "another-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dataops.workflows]\nthree_steps = elsewhere\n")
    (error,) = [what for level, what in of(dataops("doctor", "--json"), "plugins") if level == "error"]
    assert "another" in error
    assert "dataops-three-steps" in error


def test_a_run_whose_worker_died_is_named(dataops, site, tmp_path, monkeypatch):
    from tests.cli.test_live import interrupted

    log = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(log))
    interrupted(log, "second", 9, "run", "three_steps", "-p", "word=hi")
    result = dataops("doctor")
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("warn   runs")]
    assert "(three_steps) has no worker (try: dataops runs resume s" in line


def test_a_clock_that_runs_behind(dataops, used, monkeypatch):
    now = time.time()
    monkeypatch.setattr(module.time, "time", lambda: now - 10_000_000_000)
    assert [level for level, _ in of(dataops("doctor", "--json"), "clock")] == ["warn"]


def test_texts_that_cannot_be_shown(site):
    done = finish("doctor", env={**os.environ, "PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 0
    assert "which lacks many characters (try: export LC_ALL=C.UTF-8)" in done.stdout


def test_a_check_that_fails_is_a_line_and_the_next_one_is_made():
    report = module.Report()

    def half():
        yield Finding("ok", "one")
        raise KeyError("surprise")

    def refused():
        raise InvalidValue("no good", hint="do better")

    assert not report.look("a", half)
    assert not report.look("b", refused)
    assert report.look("c", lambda: [Finding("ok", "one"), Finding("warn", "two")])
    assert [(told.check, told.level, told.what) for told in report] == [
        ("a", "ok", "one"),
        ("a", "error", "KeyError: 'surprise'"),
        ("b", "error", "no good"),
        ("c", "warn", "two"),
    ]


def test_a_working_directory_that_is_gone(dataops, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    result = dataops("doctor", "--json")
    assert result.exit_code == 1
    errors = [what for level, what in of(result, "settings") if level == "error"]
    assert errors == ["the working directory cannot be read: No such file or directory"]
    assert "three_steps" in of(result, "plugins")[-1][1]


def test_contents_without_their_sessions_are_said(dataops, used, home):
    assert dataops("run", "three_steps", "-p", "word=kept").exit_code == 0
    close_stores()
    (home / "blobs" / "artifacts" / "s1").mkdir(parents=True)
    FileBlobs(home / "blobs").put("artifacts/s1/2026-01-01/a", io.BytesIO(b"x"))
    assert not [what for level, what in of(dataops("doctor", "--json"), "records") if level != "ok"]
    close_stores()
    for file in home.glob("dataops.db*"):
        file.unlink()
    for empty in (False, True):
        if empty:
            (home / "dataops.db").touch()
        told_ = [what for level, what in of(dataops("doctor", "--json"), "records") if level == "warn"]
        assert "the record store knows no session, and beside it lie contents of some" in told_


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", [".env", "dataops.yaml"])
def test_a_pipe_for_settings_is_said_and_not_waited_for(site, name):
    os.mkfifo(name)
    done = finish("doctor", "--json")
    assert done.returncode == 1
    assert any("no plain file" in what for _, what in of(done, "settings"))
    listed = finish("list")
    assert (listed.returncode, "no plain file" in listed.stderr) == (4, True)


def test_what_a_plugin_prints_is_no_answer(dataops, site):
    install_workflow(site, "chatty", "print('look at me')\nimport sys; sys.exit('over')")
    checked = finish("plugins", "validate", "--json")
    assert {row["name"] for row in json.loads(checked.stdout)["plugins"]} >= {"chatty", "three_steps"}
    assert "look at me" in checked.stderr
    install_workflow(site, "parting", "import atexit; atexit.register(print, 'at the end')\nclass Toy: pass")
    assert json.loads(finish("doctor", "--json").stdout)["healthy"] is False


def test_a_distribution_that_cannot_be_read_breaks_no_run(site):
    (site / "cut-1.0.dist-info").mkdir()
    (site / "cut-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: cut\nVersion: 1.0\n")
    for text in ("[dataops.workflows]\nno equals sign\n", "[dataops.workflows\nx = y\n"):
        (site / "cut-1.0.dist-info" / "entry_points.txt").write_text(text)
        done = finish("run", "three_steps", "-p", "word=hi", env={**os.environ, "PYTHONPATH": str(site)})
        assert done.returncode == 0, done.stderr


def test_broken_entry_points_of_others_are_a_warning_and_break_no_run(site):
    (site / "cut-1.0.dist-info").mkdir()
    (site / "cut-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: cut\nVersion: 1.0\n")
    (site / "cut-1.0.dist-info" / "entry_points.txt").write_text("[console_scripts]\nno equals sign\n")
    done = finish("doctor", "--json")
    assert done.returncode == 0, done.stdout
    (warned,) = [c for c in told(done) if c["what"].startswith("cut: ")]
    assert (warned["level"], "no 'name = value': no equals sign" in warned["what"]) == ("warn", True)
    assert "pip install --force-reinstall cut" in warned["hint"]
    run = finish("run", "three_steps", "-p", "word=hi")
    assert (run.returncode, "cut" in run.stderr) == (0, False), run.stderr


def test_a_home_that_is_a_url_is_not_shown(site):
    done = finish("doctor", env={**os.environ, "HOME": str(site), "DATAOPS_HOME": "redis://u:topsecret@h"})
    assert (done.returncode, "home is a folder, not '****'" in done.stdout) == (1, True), done.stdout
    assert "topsecret" not in done.stdout + done.stderr


def test_a_home_that_is_a_file_gets_no_advice_to_change_its_mode(site, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "file").chmod(0o644)
    done = finish("doctor", "--json", env={**os.environ, "DATAOPS_HOME": str(tmp_path / "file")})
    assert of(done, "home") == [("error", f"home {tmp_path / 'file'} is no folder")]
    assert "chmod" not in done.stdout


def test_a_link_to_nothing_is_warned_of(dataops):
    os.symlink("nowhere", "dataops.yaml")
    result = dataops("doctor", "--json")
    assert result.exit_code == 0
    (warned,) = [what for level, what in of(result, "settings") if level == "warn" and "dataops.yaml" in what]
    assert warned.endswith("dataops.yaml leads to nothing, and is ignored")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://u:topsecret@h/db",
        "sqlite:///x?password=topsecret",
        "redis//u:topsecret@h",
        "file://u:topsecret@h",
        "sqlite:/u:topsecret@h/db",
    ],
)
@pytest.mark.parametrize("variable", ["DATAOPS_RECORDS_URL", "DATAOPS_BLOBS_URL"])
def test_no_password_of_a_url_is_shown(dataops, monkeypatch, variable, url):
    monkeypatch.setenv(variable, url)
    for command in (("doctor",), ("config", "show"), ("sessions", "list"), ("storage", "check", "--json")):
        said = dataops(*command)
        assert "topsecret" not in said.stdout + said.stderr, command
