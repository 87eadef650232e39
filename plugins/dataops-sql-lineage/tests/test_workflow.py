from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sql_lineage.lineage import ALSO, dialect_of
from sql_lineage.workflow import SqlLineage
from sqlglot.dialects.dialect import Dialects

from dataops_core import ArtifactStore, settings
from dataops_core.errors import NotFound
from dataops_core.execution import graphs
from dataops_core.execution.runner import Runner
from dataops_core.orchestrator import orchestrator_graph
from dataops_core.plugin import manager
from dataops_core.plugin.discovery import read_manifest
from dataops_core.storage import opening
from dataops_core.workflow_registry import WORKFLOW_REGISTRY

FOLDER = Path(__file__).parents[1]
REPORT = """CREATE TEMP TABLE paid AS SELECT id, amount FROM sales.orders WHERE status = 'paid';
INSERT INTO mart.revenue (revenue) SELECT sum(amount) FROM paid;
"""


@pytest.fixture(scope="module")
def workflow() -> SqlLineage:
    return SqlLineage()


def test_the_graph_runs_without_any_store(workflow: SqlLineage, tmp_path: Path) -> None:
    (tmp_path / "report.sql").write_text("SELECT sum(amount) AS revenue FROM orders")
    state = workflow.get_compiled_graph().invoke({"file_path": str(tmp_path / "report.sql"), "column": "revenue"})
    assert state["success"] is True
    assert state["answer"].splitlines()[1] == "  orders.amount"
    assert state["diagram"].startswith("flowchart LR\n")
    assert state["lineage"]["schema_version"] == 1
    assert state["lineage"]["edges"] == [
        {
            "source": {"table": "orders", "column": "amount"},
            "target": {"table": None, "column": "revenue"},
            "statement": 1,
        }
    ]
    assert json.loads(json.dumps(state["lineage"], allow_nan=False)) == state["lineage"]


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


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.sql"
    path.write_text(REPORT)
    return path


def test_a_run_keeps_two_artifacts(home: Path, report: Path) -> None:
    result = Runner().run("sql_lineage", {"file_path": str(report), "column": "revenue"})
    assert result.status == "success"
    assert result.answer is not None and result.answer.splitlines()[:2] == [
        "revenue of mart.revenue (report.sql, line 2) comes from:",
        "  sales.orders.amount, through temporary table paid.amount",
    ]
    kept = {ArtifactStore().get_artifact(id).name: id for id in result.artifacts}
    assert set(kept) == {"lineage.json", "lineage.mmd"}
    with ArtifactStore().open_artifact(kept["lineage.json"]) as stream:
        document = json.load(stream)
    assert document["tables"] == {
        "read": ["sales.orders", "paid"],
        "written": ["paid", "mart.revenue"],
        "made": ["paid"],
    }
    with ArtifactStore().open_artifact(kept["lineage.mmd"]) as stream:
        assert stream.read().decode().splitlines()[1] == '  subgraph t0["sales.orders"]'


def test_a_question_in_plain_words(home: Path, report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(report.parent)
    told = orchestrator_graph.invoke({"user_query": "which columns feed revenue in report.sql?"})
    assert told["status"] == "success" and "  sales.orders.amount, through" in told["final_response"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\0\0\1", "is not a text"),
        (b"", "is empty"),
        (b"SELECT (a FROM t", "report.sql, line 1, column 11: Expecting ) at 'FROM'"),
        (b"SELECT " + b"(" * 200_000, "nested too deeply"),
    ],
)
def test_a_bad_file_ends_the_run_with_a_line(home: Path, report: Path, data: bytes, said: str) -> None:
    report.write_bytes(data)
    result = Runner().run("sql_lineage", {"file_path": str(report)})
    assert result.status == "error" and result.answer is not None
    assert said in result.answer and "Traceback" not in result.answer and len(result.answer) < 400


def test_a_text_needs_no_file(workflow: SqlLineage) -> None:
    assert workflow.get_compiled_graph().invoke({"sql": "SELECT a FROM t"})["success"] is True


def test_errors_reach_the_caller_as_they_are(workflow: SqlLineage, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.sql"):
        workflow.get_compiled_graph().invoke({"file_path": str(tmp_path / "none.sql")})


def test_the_manifest_is_valid_and_agrees(workflow: SqlLineage) -> None:
    manifest = read_manifest(FOLDER / "sql_lineage" / "config.yaml")
    assert workflow.get_metadata().name == manifest.name == "sql_lineage"
    assert f'version = "{manifest.version}"' in (FOLDER / "pyproject.toml").read_text()
    assert [(p.name, p.type, p.required) for p in manifest.parameters] == [
        ("file_path", "file_path", True),
        ("column", "string", False),
        ("dialect", "enum", False),
        ("schema_file", "file_path", False),
        ("sql", "string", False),
    ]
    assert len(set(manifest.example_queries)) >= 6
    assert set(workflow.build_graph().nodes) == {"trace"}


def test_the_dialects_of_the_manifest_are_those_of_sqlglot() -> None:
    choices = read_manifest(FOLDER / "sql_lineage" / "config.yaml").parameter("dialect").choices  # type: ignore[union-attr]
    no_sql = {"", "dax", "prql", "solr"}
    assert set(choices) == {d.value for d in Dialects} - no_sql | ALSO.keys()
    for name in choices:
        assert dialect_of(str(name))


def test_being_installed_costs_nothing() -> None:
    heavy = ["sqlglot", "langgraph", "langchain_core", "pydantic", "yaml"]
    code = f"import sys, sql_lineage; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_hook_registers_the_class() -> None:
    import sql_lineage

    registered: list[Any] = []

    class Registry:
        register = registered.append

    sql_lineage.dataops_register_workflows(Registry())
    assert registered == [SqlLineage]
