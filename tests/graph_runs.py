"""Real runs of graphs that a test makes, without installing a plugin for each."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from dataops_core.base_workflow import BaseWorkflow
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.middleware import NodeMiddleware
from dataops_core.execution import attempt, graphs
from dataops_core.execution.runner import Runner, RunResult
from dataops_core.execution.shim import shimmed
from dataops_core.storage.opening import Stores
from dataops_core.workflow_registry import WORKFLOW_REGISTRY

_numbers = itertools.count(1)


class Of(BaseWorkflow):
    """A workflow of a given builder."""

    def __init__(self, builder: Any) -> None:
        super().__init__()
        self.builder = builder

    def build_graph(self) -> Any:
        """Returns the builder."""
        return self.builder


class GraphRuns:
    """Runs builders as workflows of the embedded stores.

    Args:
        stores: where the runs are kept.
        monkeypatch: puts each builder in the place of an installed workflow.
    """

    def __init__(self, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stores, self._patch = stores, monkeypatch
        self.runner = Runner(stores)

    def __call__(
        self,
        builder: Any,
        values: dict[str, Any] | None = None,
        *,
        middlewares: Sequence[NodeMiddleware] = (),
        required: frozenset[str] = frozenset(),
        name: str | None = None,
        session_id: str | None = None,
        timeout: float | None = None,
        asynchronous: bool = False,
        edit: Callable[[Any], Any] = lambda compiled: compiled,
    ) -> RunResult:
        """Runs one; a workflow without a name gets one of its own."""
        manifest = Manifest(
            name=name or f"graph{next(_numbers)}", version="1.0.0", description="A graph.", timeout=timeout
        )
        saver = graphs.saver_of(self.stores)
        graph = shimmed(edit(builder.compile()), middlewares, required)
        graph.checkpointer = saver
        self._patch.setattr(WORKFLOW_REGISTRY, "manifest", lambda name: manifest)
        self._patch.setattr(attempt, "graph_of", lambda manifest, stores: graph)
        given = {"word": "ox"} if values is None else values
        if asynchronous:
            return asyncio.run(self.runner.arun(manifest.name, given, session_id=session_id))
        return self.runner.run(manifest.name, given, session_id=session_id)
