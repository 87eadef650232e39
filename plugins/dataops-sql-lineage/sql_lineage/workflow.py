"""The workflow: one node that traces a script and tells what feeds what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_core.artifact import ArtifactType
from dataops_core.base_workflow import BaseWorkflow, WorkflowState
from dataops_core.decorators import with_artifacts

if TYPE_CHECKING:
    from langgraph.graph import StateGraph


class LineageState(WorkflowState, total=False):
    """What the node reads and gives. In the end `lineage` and `diagram` hold artifact ids where artifacts are kept."""

    file_path: str
    sql: str
    dialect: str
    column: str
    schema_file: str
    lineage: Any
    diagram: str


@with_artifacts(ArtifactType.RESULT, key="lineage", name="lineage.json", content_type="application/json")
@with_artifacts(ArtifactType.RESULT, key="diagram", name="lineage.mmd", content_type="text/vnd.mermaid")
def trace(state: LineageState) -> dict[str, Any]:
    """Traces the script."""
    from sql_lineage.answer import answer
    from sql_lineage.diagram import diagram
    from sql_lineage.lineage import trace as trace_script

    found, asked = trace_script(
        file_path=state.get("file_path"),
        sql=state.get("sql"),
        dialect=state.get("dialect") or "auto",
        column=state.get("column"),
        schema_file=state.get("schema_file"),
    )
    return {"lineage": found, "diagram": diagram(found), "answer": answer(found, asked), "success": True}


class SqlLineage(BaseWorkflow):
    """Tells which columns of which tables feed the columns of a SQL query or script."""

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        """Returns the graph of the one node."""
        from langgraph.graph import END, START, StateGraph

        graph = StateGraph(LineageState)
        graph.add_node("trace", trace)
        graph.add_edge(START, "trace")
        graph.add_edge("trace", END)
        return graph
