"""What five pass-through middlewares add to a node."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import workflows
from bench.measure import Row, quantiles

_NODES = 10


def rows() -> Iterator[Row]:
    """Measures graphs of ten sync and of ten async nodes in a run, bare and with five middlewares."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "site")
        for name, kind in (("ten_sync", "def"), ("ten_async", "async def")):
            workflows.install(site, name, nodes=_NODES, kind=kind, durability="exit")
        sys.path.insert(0, str(site))
        os.environ["DATAOPS_HOME"] = folder
        from dataops_core import settings
        from dataops_core.contracts.middleware import NodeMiddleware

        settings.use(settings.load())
        five = [type(f"Pass{n}", (NodeMiddleware,), {"name": f"pass{n}"})() for n in range(5)]
        loop = asyncio.new_event_loop()

        def sync(graph: Any) -> None:
            graph.invoke({"word": "x"})

        def in_loop(graph: Any) -> None:
            loop.run_until_complete(graph.ainvoke({"word": "x"}))

        for name, invoke, colour in (("ten_sync", sync, "sync"), ("ten_async", in_loop, "async")):
            cpu = quantiles({"bare": _run(name, [], invoke), "five": _run(name, five, invoke)}, rounds=1500, share=0.05)
            added = (cpu["five"] - cpu["bare"]) / _NODES * 1e6
            how = f"a run of {_NODES}: {cpu['five'] * 1e3:.3f} ms CPU with, {cpu['bare'] * 1e3:.3f} ms without"
            yield Row(f"five pass-through middlewares, {colour} node", added, 10.0, " µs", how)


def _run(name: str, middlewares: list[Any], invoke: Callable[[Any], None]) -> Callable[[], None]:
    """Returns a call that runs a workflow's graph once, in a run that keeps nothing."""
    from dataops_core.execution.graphs import build
    from dataops_core.execution.runner import Runner
    from dataops_core.execution.scope import current_run
    from dataops_core.workflow_registry import WORKFLOW_REGISTRY

    manifest = WORKFLOW_REGISTRY.manifest(name)
    graph = build(WORKFLOW_REGISTRY.get(name), manifest, None, middlewares)
    record = {"run_id": "s.r", "session_id": "s", "attempt": 1, "input": {}}
    runner = Runner()

    def call() -> None:
        token = current_run.set(runner.scope(record, "", manifest))
        invoke(graph)
        current_run.reset(token)

    return call
