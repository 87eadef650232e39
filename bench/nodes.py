"""What five pass-through middlewares add to a node."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import workflows
from bench.measure import Row, interleaved

_NODES = 10


def rows() -> Iterator[Row]:
    """Measures a graph of ten nodes in a run, with and without five middlewares."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "site")
        workflows.install(site, "ten_nodes", nodes=_NODES, durability="exit")
        sys.path.insert(0, str(site))
        os.environ["DATAOPS_HOME"] = folder
        from dataops_core import settings
        from dataops_core.contracts.middleware import NodeMiddleware
        from dataops_core.execution.graphs import build
        from dataops_core.execution.runner import Runner
        from dataops_core.execution.scope import current_run
        from dataops_core.plugin import manager
        from dataops_core.workflow_registry import WORKFLOW_REGISTRY

        settings.use(settings.load())
        manager.reset()
        runner = Runner()
        manifest = WORKFLOW_REGISTRY.manifest("ten_nodes")
        workflow = WORKFLOW_REGISTRY.get("ten_nodes")
        five = [type(f"Pass{n}", (NodeMiddleware,), {"name": f"pass{n}"})() for n in range(5)]
        run = {"run_id": "s.r", "session_id": "s", "attempt": 1, "input": {}}
        loop = asyncio.new_event_loop()

        def side(middlewares: list[Any]) -> Any:
            graph = build(workflow, manifest, None, middlewares)

            def call() -> None:
                token = current_run.set(runner.scope(run, "", manifest))
                loop.run_until_complete(graph.ainvoke({"word": "x"}))
                current_run.reset(token)

            return call

        cpu = interleaved({"none": side([]), "five": side(five)}, rounds=41, repeat=10, cpu=True)
        added = (cpu["five"] - cpu["none"]) / _NODES * 1e6
        how = f"a run of {_NODES} async nodes: {cpu['five'] * 1e3:.2f} ms with, {cpu['none'] * 1e3:.2f} ms without"
        yield Row("five pass-through middlewares, a node", added, 10.0, " µs", how)
