"""The child process of `isolation: process`: `python -m dataops_core.execution.child FD`.

The job comes as one line on standard input, which then stays open: another line tells the child to stop after its step;
when it ends, the parent is gone, and so is the child.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dataops_core.contracts.events import Event


def main() -> int:
    """Executes the run that the parent names and returns the exit status: 0 when the run is finished in the store."""
    pipe = os.fdopen(int(sys.argv[1]), "wb", buffering=0)
    # Unbuffered: a thread that waits in a buffered read would block the interpreter's end.
    given = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115
    job = json.loads(given.readline())
    sys.path[:] = job["path"]

    from dataops_core import logs, settings
    from dataops_core.errors import DataOpsError, FenceLost
    from dataops_core.execution.attempt import execute
    from dataops_core.execution.scope import Drained, draining
    from dataops_core.execution.supervisor import DRAINED
    from dataops_core.execution.worker import Worker
    from dataops_core.plugin.manager import plugins
    from dataops_core.workflow_registry import WORKFLOW_REGISTRY

    def follow_parent() -> None:
        while given.read(4096):
            draining.set()
        os._exit(70)

    threading.Thread(target=follow_parent, daemon=True).start()

    def send(event: Event) -> None:
        tell(event.as_dict())

    def tell(line: Mapping[str, Any]) -> None:
        pipe.write(json.dumps(line, default=str).encode() + b"\n")

    level = job["log_level"]
    logs.configure(replace(settings.current(), log_level=level), tracebacks=level == "DEBUG")
    logs.bind(job["session_id"], job["run_id"], job["workflow"])
    try:
        plugins().load_middleware()
        worker = Worker(listener=send)
        run = worker.runs.get(job["run_id"])
        scope = worker.scope(run, job["fence"], WORKFLOW_REGISTRY.manifest(run["workflow"]), supervised=True)
        ending, _state = execute(scope)
        worker.finish(scope, ending)
        worker.stores.close()
    except FenceLost:
        return 0
    except Drained:
        return DRAINED
    except DataOpsError as error:
        # The store refuses (full, locked, gone): the parent, who holds the lease, says so and decides.
        tell({"lost": error.message})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
