"""The graph of a workflow as DataOps runs it: shimmed, with our checkpointer; built once a workflow and process."""

from __future__ import annotations

import threading
from typing import Any

from dataops_core.base_workflow import BaseWorkflow
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.middleware import NodeMiddleware
from dataops_core.errors import PluginFailed
from dataops_core.execution.checkpointer import RecordSaver
from dataops_core.execution.shim import shimmed
from dataops_core.plugin.manager import plugins
from dataops_core.storage.opening import Stores
from dataops_core.workflow_registry import WORKFLOW_REGISTRY

_lock = threading.Lock()
_savers: dict[int, RecordSaver] = {}
_graphs: dict[tuple[str, int], Any] = {}


def saver_of(stores: Stores) -> RecordSaver:
    """Returns the checkpointer over these stores, one a process."""
    with _lock:
        found = _savers.get(id(stores.records))
        if found is None or found.stores.records is not stores.records:
            found = _savers[id(stores.records)] = RecordSaver(stores)
        return found


def graph_of(manifest: Manifest, stores: Stores) -> Any:
    """Returns the compiled graph of a workflow, with the middlewares of hooks around its nodes.

    Raises:
        NotFound, PluginFailed: the workflow is not installed, or its plugin does not work.
    """
    saver = saver_of(stores)
    key = (manifest.name, id(saver))
    with _lock:
        if key not in _graphs:
            workflow = WORKFLOW_REGISTRY.get(manifest.name)
            _graphs[key] = build(workflow, manifest, saver, plugins().node_middleware(manifest))
        return _graphs[key]


def build(workflow: BaseWorkflow, manifest: Manifest, saver: Any, middlewares: list[NodeMiddleware]) -> Any:
    """Builds a workflow's graph: a copy of the compiled one, with the shim around its nodes and our checkpointer.

    Args:
        workflow: whose graph.
        manifest: its manifest.
        saver: the checkpointer, or None.
        middlewares: for every node.

    Raises:
        PluginFailed: the author's code fails to build the graph.
    """
    required = frozenset(plugins().required_middlewares)
    try:
        if type(workflow).get_compiled_graph is BaseWorkflow.get_compiled_graph:
            compiled = workflow.build_graph().compile(name=manifest.name)
        else:
            compiled = workflow.get_compiled_graph()
        graph = shimmed(compiled, middlewares, required)
        graph.checkpointer = saver
        return graph
    except Exception as error:
        raise PluginFailed(
            f"workflow {manifest.name!r} fails to build its graph: {type(error).__name__}: {error}",
            hint=f"dataops plugins validate {manifest.name}",
        ) from error


def async_only(graph: Any) -> bool:
    """Says whether a graph, or a subgraph that is one of its nodes, has a node without a sync function."""
    for node in graph.nodes.values():
        inner = getattr(node.bound, "inner", node.bound)
        if hasattr(inner, "nodes"):
            if async_only(inner):
                return True
        elif getattr(inner, "afunc", None) is not None and getattr(inner, "func", None) is None:
            return True
    return False


def forget() -> None:
    """Forgets every built graph; for tests that change what is installed."""
    with _lock:
        _graphs.clear()
        _savers.clear()
