"""From a query to an answer: a LangGraph graph of two nodes, route and run, with a tiny state.

The graph has no checkpointer: the records are its state. `route` decides: it picks the workflow and reads its values
without a model, or finds that the message answers a question, chooses among workflows, or asks for no run at all. `run`
executes the workflow on its own thread. A message that asks for no run is answered at once.
"""

from typing import TYPE_CHECKING, Any

from dataops_core.orchestrator.explaining import explain
from dataops_core.orchestrator.state import OrchestratorState

if TYPE_CHECKING:
    from dataops_core.orchestrator.graph import listening, orchestrator_graph

__all__ = ["OrchestratorState", "explain", "listening", "orchestrator_graph"]


def __getattr__(name: str) -> Any:
    # LangGraph takes most of a second to import, and who only explains does not need it.
    if name not in ("listening", "orchestrator_graph"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dataops_core.orchestrator import graph

    return getattr(graph, name)
