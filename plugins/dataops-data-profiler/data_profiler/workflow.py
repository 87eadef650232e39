"""The workflow: detect what the file is, profile it, judge the profile, write the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_core.artifact import ArtifactType
from dataops_core.base_workflow import BaseWorkflow, WorkflowState
from dataops_core.decorators import with_artifacts

if TYPE_CHECKING:
    from langgraph.graph import StateGraph


class ProfilerState(WorkflowState, total=False):
    """What passes from node to node. In the end `profile` and `report` hold artifact ids where artifacts are kept."""

    file_path: str
    sample_rows: int
    source: dict[str, Any]
    profile: Any
    report: str


def detect(state: ProfilerState) -> dict[str, Any]:
    """Decides format, encoding and dialect."""
    from data_profiler.detect import detect as detect_file

    return {"source": detect_file(state["file_path"], _progress())}


def profile(state: ProfilerState) -> dict[str, Any]:
    """Describes rows and columns."""
    from data_profiler.profile import profile as profile_file

    return {"profile": profile_file(state["source"], state.get("sample_rows", 0), _progress())}  # type: ignore[arg-type]


def judge(state: ProfilerState) -> dict[str, Any]:
    """Finds what is wrong with the data."""
    from data_profiler.findings import judge as judge_profile

    return {"profile": {**state["profile"], "findings": judge_profile(state["profile"])}}


@with_artifacts(ArtifactType.RESULT, key="profile", name="profile.json", content_type="application/json")
@with_artifacts(ArtifactType.RESULT, key="report", name="report.html", content_type="text/html")
def report(state: ProfilerState) -> dict[str, Any]:
    """Writes the report and the answer."""
    from data_profiler.report import answer, page

    found = state["profile"]
    return {"profile": found, "report": page(found), "answer": answer(found), "success": True}


class DataProfiler(BaseWorkflow):
    """Profiles a data file."""

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        """Returns detect → profile → judge → report."""
        from langgraph.graph import StateGraph

        graph = StateGraph(ProfilerState)
        graph.add_sequence([detect, profile, judge, report])
        graph.set_entry_point("detect")
        return graph


def _progress() -> Any:
    """Returns what tells the run how far a node is; outside of a graph it tells nobody."""
    from langgraph.config import get_stream_writer

    try:
        write = get_stream_writer()
    except RuntimeError:
        return lambda share, message: None
    return lambda share, message: write({"progress": round(share, 3), "message": message})
