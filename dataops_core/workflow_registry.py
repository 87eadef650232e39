"""WORKFLOW_REGISTRY: the installed workflows by name. Code is imported when a workflow is asked for, not before."""

from __future__ import annotations

import threading
from typing import Any

from dataops_core.base_workflow import BaseWorkflow, WorkflowMetadata
from dataops_core.contracts.manifest import Manifest
from dataops_core.errors import InvalidValue
from dataops_core.plugin.manager import plugins


class WorkflowRegistry:
    """The workflows of the process's plugins."""

    def __init__(self) -> None:
        self._instances: dict[str, BaseWorkflow] = {}
        self._lock = threading.Lock()

    def list_workflows(self) -> list[str]:
        """Returns the names of the workflows whose manifests are sound, sorted; imports no plugin code."""
        return sorted(plugins().manifests())

    def manifest(self, name: str) -> Manifest:
        """Returns a workflow's manifest; raises NotFound with the nearest name, or PluginFailed with the cause."""
        return plugins().manifest(name)

    def metadata(self, name: str) -> WorkflowMetadata:
        """Returns a workflow's metadata without importing its code; raises as `manifest` does."""
        return WorkflowMetadata.from_manifest(self.manifest(name))

    def get(self, name: str) -> BaseWorkflow:
        """Returns the workflow; its code is imported, and it is made, once a process.

        Raises:
            NotFound: no installed plugin announces it; the hint has the nearest name.
            PluginFailed: its plugin does not load or keep its contract.
        """
        with self._lock:
            if name not in self._instances:
                plugins().verify.setdefault("dataops.workflows", _verify)
                self._instances[name] = plugins().workflow_class(name)()
            return self._instances[name]

    def clear(self) -> None:
        """Forgets the workflows that were made; for tests that change what is installed."""
        with self._lock:
            self._instances.clear()


def _verify(entry: Any, manifest: Manifest | None, cls: Any) -> None:
    """Refuses what a plugin registered when it is no workflow."""
    if not (isinstance(cls, type) and issubclass(cls, BaseWorkflow)):
        raise InvalidValue(f"{cls!r:.80} is no subclass of BaseWorkflow", hint="register a workflow class")


WORKFLOW_REGISTRY = WorkflowRegistry()
