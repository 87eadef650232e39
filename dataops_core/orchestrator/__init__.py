"""From a query to an answer: a LangGraph graph of two nodes, route and run, with a tiny state.

The graph has no checkpointer: the records are its state. `route` decides: it picks the workflow and reads its values
without a model, or finds that the message answers a question, chooses among workflows, or asks for no run at all. `run`
executes the workflow on its own thread. A message that asks for no run is answered at once.
"""

from dataops_core.orchestrator.explaining import explain
from dataops_core.orchestrator.graph import listening, orchestrator_graph
from dataops_core.orchestrator.state import OrchestratorState

__all__ = ["OrchestratorState", "explain", "listening", "orchestrator_graph"]
