from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jil_parser.workflow import JilParser

from dataops_core import ArtifactStore, settings
from dataops_core.errors import InvalidValue, NotFound
from dataops_core.execution import graphs
from dataops_core.execution.runner import Runner
from dataops_core.orchestrator import orchestrator_graph
from dataops_core.plugin import manager
from dataops_core.plugin.discovery import read_manifest
from dataops_core.storage import opening
from dataops_core.workflow_registry import WORKFLOW_REGISTRY

FOLDER = Path(__file__).parents[1]
JIL = """\
/* nightly */
insert_job: NIGHTLY   job_type: b
condition: s(FEED_READY)

insert_job: EXTRACT_CUSTOMERS   job_type: c
box_name: NIGHTLY
command: extract

insert_job: LOAD_CUSTOMERS   job_type: c
box_name: NIGHTLY
condition: s(EXTRACT_CUSTOMERS, 0) & n(BACKUP)
command: load

insert_job: FEED_READY   job_type: f
watch_file: /data/feed

insert_job: REPORT   job_type: c
condition: s(NIGHTLY)
"""


@pytest.fixture(scope="module")
def workflow() -> JilParser:
    return JilParser()


@pytest.fixture
def jil(tmp_path: Path) -> Path:
    path = tmp_path / "nightly.jil"
    path.write_text(JIL)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A private home, with the stores of a fresh installation."""
    for name in ("DATAOPS_RECORDS_URL", "DATAOPS_BLOBS_URL", "REDIS_HOST", "AWS_DYNAMODB_TABLE", "ARTIFACT_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATAOPS_HOME", str(tmp_path / "home"))

    def forget() -> None:
        graphs.forget()
        manager.reset()
        WORKFLOW_REGISTRY.clear()

    forget()
    settings.use(settings.load())
    yield tmp_path / "home"
    opening.close_stores()
    forget()


def test_the_graph_runs_without_any_store(workflow: JilParser, jil: Path) -> None:
    state = workflow.get_compiled_graph().invoke({"file_path": str(jil), "job": "LOAD_CUSTOMERS"})
    assert state["success"] is True
    assert state["answer"].startswith("LOAD_CUSTOMERS is a CMD job, in box NIGHTLY, line 9.")
    assert state["dependencies"]["schema_version"] == 1 and state["dependencies"]["asked"]["named_by"] == "parameter"
    assert state["diagram"].startswith("flowchart LR\n")
    ast.parse(state["dag"])
    assert json.loads(json.dumps(state["dependencies"], allow_nan=False)) == state["dependencies"]
    assert state["definitions"] == state["nesting"] == {}


def test_boxes_are_resolved_round_by_round(workflow: JilParser, tmp_path: Path) -> None:
    path = tmp_path / "deep.jil"
    path.write_text("".join(f"insert_job: B{i} job_type: b\n" + f"box_name: B{i - 1}\n" * (i > 0) for i in range(40)))
    steps = [
        next(iter(part))
        for part in workflow.get_compiled_graph().stream({"file_path": str(path)}, stream_mode="updates")
    ]
    assert steps == ["read", *["nest"] * 6, "analyse"]


def test_progress_is_told(workflow: JilParser, jil: Path) -> None:
    told: list[Any] = list(workflow.get_compiled_graph().stream({"file_path": str(jil)}, stream_mode="custom"))
    assert [t["progress"] for t in told] == sorted(t["progress"] for t in told) and 0 < told[0]["progress"] <= 1
    assert "boxes, round 1" in [t["message"] for t in told]


def test_errors_reach_the_caller_as_they_are(workflow: JilParser, jil: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.jil"):
        workflow.get_compiled_graph().invoke({"file_path": str(tmp_path / "none.jil")})
    with pytest.raises(InvalidValue, match="is a folder"):
        workflow.get_compiled_graph().invoke({"file_path": str(tmp_path)})
    with pytest.raises(NotFound, match="no job 'LOAD_CUSTOMER'"):
        workflow.get_compiled_graph().invoke({"file_path": str(jil), "job": "LOAD_CUSTOMER"})


def test_a_run_keeps_three_artifacts(home: Path, jil: Path) -> None:
    result = Runner().run("jil_parser", {"file_path": str(jil), "job": "REPORT", "direction": "upstream"})
    assert result.status == "success" and "Before REPORT" in result.answer and "After REPORT" not in result.answer
    kept = {ArtifactStore().get_artifact(id).name: id for id in result.artifacts}
    assert set(kept) == {"dependencies.json", "dependencies.mmd", "airflow_dag.py"}
    with ArtifactStore().open_artifact(kept["dependencies.json"]) as stream:
        document = json.load(stream)
    assert document["asked"]["before"][0]["job"] == "NIGHTLY"
    with ArtifactStore().open_artifact(kept["airflow_dag.py"]) as stream:
        compile(stream.read(), "airflow_dag.py", "exec")


def test_the_job_that_the_query_names_is_answered_after_the_file_was_asked_for(home: Path, jil: Path) -> None:
    asked = Runner().run("jil_parser", {}, query="is EXTRACT_CUSTOMERS early enough?")
    assert asked.status == "interrupted" and "JIL file" in asked.answer
    result = Runner().answer(asked.run_id, str(jil), text=str(jil))
    assert result.status == "success"
    assert result.answer.startswith("The question names the job EXTRACT_CUSTOMERS, so this is about it.")
    assert "After EXTRACT_CUSTOMERS: 3 jobs." in result.answer


def test_a_question_in_plain_words(home: Path, jil: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(jil.parent)
    query = "what has to run before LOAD_CUSTOMERS in nightly.jil?"
    told = orchestrator_graph.invoke({"user_query": query})
    assert told["status"] == "success" and "Before LOAD_CUSTOMERS: 2 jobs." in told["final_response"]


def test_a_bad_file_ends_the_run_with_a_line(home: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jil").write_bytes(b"\0\0\0")
    result = Runner().run("jil_parser", {"file_path": str(tmp_path / "a.jil")})
    assert result.status == "error" and "is binary" in result.answer and "Traceback" not in result.answer


def test_the_manifest_is_valid_and_agrees(workflow: JilParser) -> None:
    manifest = read_manifest(FOLDER / "jil_parser" / "config.yaml")
    assert workflow.get_metadata().name == manifest.name == "jil_parser"
    assert f'version = "{manifest.version}"' in (FOLDER / "pyproject.toml").read_text()
    assert [(p.name, p.type, p.required) for p in manifest.parameters] == [
        ("file_path", "file_path", True),
        ("job", "string", False),
        ("direction", "enum", False),
    ]
    assert len(set(manifest.example_queries)) >= 8
    assert manifest.isolation == "process" and manifest.pattern == "iterative"
    assert set(workflow.build_graph().nodes) == {"read", "nest", "analyse"}


def test_being_installed_costs_nothing() -> None:
    heavy = ["lark", "networkx", "langgraph", "langchain_core", "pydantic", "numpy"]
    code = f"import sys, jil_parser; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_hook_registers_the_class() -> None:
    import jil_parser

    registered: list[type] = []

    class Registry:
        register = registered.append

    jil_parser.dataops_register_workflows(Registry())
    assert registered == [JilParser]
