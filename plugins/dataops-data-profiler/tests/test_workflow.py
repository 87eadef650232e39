from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from data_profiler.workflow import DataProfiler

from dataops_core.errors import NotFound
from dataops_core.plugin.discovery import read_manifest

FOLDER = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def workflow() -> DataProfiler:
    return DataProfiler()


def test_the_graph_runs_without_any_store(workflow: DataProfiler, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id,amount\n1,2\n2,x\n3,4\n")
    state = workflow.get_compiled_graph().invoke({"file_path": str(tmp_path / "orders.csv")})
    assert state["success"] is True
    assert state["answer"].startswith("orders.csv: 3 rows × 2 columns")
    assert state["report"].startswith("<!doctype html>")
    assert state["profile"]["schema_version"] == 1
    assert [f["code"] for f in state["profile"]["findings"]] == ["mixed_types"]
    # What the nodes pass on is kept as JSON between them.
    assert json.loads(json.dumps(state["profile"], allow_nan=False)) == state["profile"]


def test_progress_is_told_by_node_and_column(workflow: DataProfiler, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,amount\n1,2\n2,5\n")
    told: list[Any] = list(
        workflow.get_compiled_graph().stream(
            {"file_path": str(tmp_path / "a.csv"), "sample_rows": 1}, stream_mode="custom"
        )
    )
    assert "column 2 of 2: amount" in [t["message"] for t in told]
    assert all(0 <= t["progress"] <= 1 for t in told)


def test_errors_reach_the_caller_as_they_are(workflow: DataProfiler, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.csv"):
        workflow.get_compiled_graph().invoke({"file_path": str(tmp_path / "none.csv")})


def test_the_manifest_is_valid_and_agrees(workflow: DataProfiler) -> None:
    manifest = read_manifest(FOLDER / "data_profiler" / "config.yaml")
    assert workflow.get_metadata().name == manifest.name == "data_profiler"
    project = (FOLDER / "pyproject.toml").read_text()
    assert f'version = "{manifest.version}"' in project
    assert [(p.name, p.type, p.required) for p in manifest.parameters] == [
        ("file_path", "file_path", True),
        ("sample_rows", "integer", False),
    ]
    assert len(set(manifest.example_queries)) >= 6
    assert set(workflow.build_graph().nodes) == {"detect", "profile", "judge", "report"}


def test_being_installed_costs_nothing() -> None:
    heavy = ["duckdb", "matplotlib", "langgraph", "langchain_core", "jinja2", "charset_normalizer", "numpy", "pydantic"]
    code = f"import sys, data_profiler; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_hook_registers_the_class() -> None:
    import data_profiler

    registered: list[type] = []

    class Registry:
        register = registered.append

    data_profiler.dataops_register_workflows(Registry())
    assert registered == [DataProfiler]


@pytest.mark.slow
def test_memory_stays_bounded(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    line = "A{0},{0}.5,2024-01-01,some words of a note,{0}\n"
    with path.open("w") as out:
        out.write("id,amount,day,note,number\n")
        out.writelines(line.format(i) for i in range(120_000))
    code = (
        "import resource, sys\n"
        "from data_profiler import engine\n"
        "engine.IN_MEMORY, engine._SETTINGS['memory_limit'] = 0, '60MB'\n"
        "from data_profiler.detect import detect\n"
        "from data_profiler.profile import profile\n"
        "import duckdb, charset_normalizer\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "made = profile(detect(sys.argv[1]))\n"
        "assert made['rows']['total'] == 120_000\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    assert path.stat().st_size > 5 * 2**20
    out = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(out.stdout) < 180
