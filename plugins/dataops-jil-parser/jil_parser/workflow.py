"""The workflow: read the file, resolve the boxes round by round, put the jobs in order, answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_core.base_workflow import BaseWorkflow, WorkflowState
from dataops_core.decorators import with_artifacts

if TYPE_CHECKING:
    from langgraph.graph import StateGraph


class JilState(WorkflowState, total=False):
    """What passes from node to node. In the end `dependencies`, `diagram` and `dag` hold artifact ids where artifacts
    are kept; `definitions` and `nesting` are empty by then, since the document has what was in them."""

    file_path: str
    job: str
    direction: str
    user_query: str
    definitions: dict[str, Any]
    nesting: dict[str, Any]
    dependencies: Any
    diagram: str
    dag: str


def read(state: JilState) -> dict[str, Any]:
    """Reads what the file defines."""
    from jil_parser.boxes import begin
    from jil_parser.definitions import define
    from jil_parser.source import open_source

    definitions = define(open_source(state["file_path"]), _progress())
    return {"definitions": definitions, "nesting": begin(definitions["jobs"])}


def nest(state: JilState) -> dict[str, Any]:
    """Looks twice as far up the boxes as the round before."""
    from jil_parser.boxes import resolve

    nesting = resolve(state["nesting"])  # type: ignore[arg-type]
    _progress()(0.7, f"boxes, round {nesting['rounds']}")
    return {"nesting": nesting}


def further(state: JilState) -> str:
    """Says whether the boxes need another round."""
    return "analyse" if state["nesting"]["done"] else "nest"


@with_artifacts(key="dependencies", name="dependencies.json", content_type="application/json")
@with_artifacts(key="diagram", name="dependencies.mmd", content_type="text/plain; charset=utf-8")
@with_artifacts(key="dag", name="airflow_dag.py", content_type="text/x-python")
def analyse(state: JilState) -> dict[str, Any]:
    """Puts the jobs in order, looks at the job that is asked for, and writes it all down."""
    from jil_parser.report import report

    made = report(
        state["definitions"],  # type: ignore[arg-type]
        state["nesting"],  # type: ignore[arg-type]
        state.get("job", ""),
        state.get("direction", "both"),  # type: ignore[arg-type]
        state.get("user_query", ""),
        _progress(),
    )
    return {**made, "definitions": {}, "nesting": {}, "success": True}


class JilParser(BaseWorkflow):
    """Reads AutoSys JIL."""

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        """Returns read → nest ⟲ → analyse."""
        from langgraph.graph import END, START, StateGraph

        graph = StateGraph(JilState)
        graph.add_node("read", read)
        graph.add_node("nest", nest)
        graph.add_node("analyse", analyse)
        graph.add_edge(START, "read")
        graph.add_conditional_edges("read", further, ["nest", "analyse"])
        graph.add_conditional_edges("nest", further, ["nest", "analyse"])
        graph.add_edge("analyse", END)
        return graph


def _progress() -> Any:
    """Returns what tells the run how far a node is; outside of a graph it tells nobody."""
    from langgraph.config import get_stream_writer

    try:
        write = get_stream_writer()
    except RuntimeError:
        return lambda share, message: None
    return lambda share, message: write({"progress": round(share, 3), "message": message})
