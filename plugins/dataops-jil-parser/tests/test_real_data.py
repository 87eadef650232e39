"""Every real file, where it lies: what is odd about it is read as it is meant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from jil_parser.workflow import JilParser

ROOT = Path(os.environ.get("DATAOPS_REAL_DATA", "")) / "jil"
pytestmark = pytest.mark.real_data


def answered(name: str, job: str = "") -> Any:
    state = JilParser().invoke({"file_path": str(ROOT / name), "job": job})
    compile(state["dag"], "dag", "exec")
    return state


def jobs(state: Any) -> dict[str, Any]:
    return {job["name"]: job for job in state["dependencies"]["jobs"]}


def test_one_job_without_a_box() -> None:
    state = answered("airpiler_use-case1.jil", "MY_AUTOSYS_JOB")
    (job,) = jobs(state).values()
    assert job["type"] == "CMD" and job["attributes"]["start_times"] == "20:00"
    assert job["attributes"]["command"] == "echo 'cmd job'"
    assert state["dependencies"]["critical_chain"] == {
        "by": "minutes", "total": 87, "jobs": ["MY_AUTOSYS_JOB"], "unknown": 0
    }  # fmt: skip
    assert "nothing has to run" in state["answer"] and state["dependencies"]["problems"] == []


def test_nested_boxes_trailing_blanks_and_an_attribute_twice() -> None:
    state = answered("airpiler_use-case2.jil", "JOB_2")
    found = jobs(state)
    assert {name: job["box"] for name, job in found.items()} == {
        "PARENT_BOX": None, "CHILD_BOX": "PARENT_BOX", "JOB_1": "CHILD_BOX", "JOB_2": "CHILD_BOX"
    }  # fmt: skip
    assert [job["depth"] for job in found.values()] == [0, 1, 2, 2]
    asked = state["dependencies"]["asked"]
    assert asked["boxes"] == ["CHILD_BOX", "PARENT_BOX"]
    assert [item["job"] for item in asked["before"]] == ["JOB_1"]
    assert [item["job"] for item in asked["after"]] == ["CHILD_BOX", "PARENT_BOX"]
    assert state["dependencies"]["problems"] == []  # the second timezone says the same
    assert found["PARENT_BOX"]["attributes"]["timezone"] == "US/Eastern"


def test_windows_paths_quotes_and_comment_banners() -> None:
    state = answered("jilutil_sample.jil", "SAMPLE_CMD_JOB_2")
    found = jobs(state)
    assert found["SAMPLE_BOX_JOB"]["type"] == "BOX"
    attributes = found["SAMPLE_CMD_JOB_1"]["attributes"]
    assert attributes["command"] == r"C:\do_something1.bat"
    assert attributes["std_out_file"] == r"%AUTOUSER%\LOG\out\%AUTO_JOB_NAME%.%AUTOPID%.out"
    assert attributes["description"] == "Sample cmd job"
    assert [item["job"] for item in state["dependencies"]["asked"]["before"]] == ["SAMPLE_CMD_JOB_1"]
    assert "SAMPLE_BOX_JOB starts by the clock: start_times 20:00" in state["answer"]
    assert state["dependencies"]["problems"] == []


def test_a_command_of_several_quoted_arguments_and_no_final_line_end() -> None:
    state = answered("orbiter_demo.jil", "foo.job")
    (job,) = jobs(state).values()
    assert job["attributes"]["command"] == r'"C:\\ldhe\\cxl\\TidalDB\\startApp.cmd" "arg1" "arg2" "arg3"'
    assert job["attributes"]["description"] == "Foo Job" and state["dependencies"]["problems"] == []


def test_no_file_is_forgotten() -> None:
    tested = Path(__file__).read_text()
    assert {path.name for path in ROOT.iterdir()} == {path.name for path in ROOT.iterdir() if path.name in tested}
