"""DataOps: ask for data-engineering workflows in plain words.

What a plugin author imports. Each name is imported when it is used: the command line lists a thousand plugins at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataops_core.artifact import Artifact, ArtifactType
    from dataops_core.artifact_store import ArtifactStore
    from dataops_core.base_workflow import BaseWorkflow, WorkflowInputParameter, WorkflowMetadata, WorkflowState
    from dataops_core.context_manager import ContextManager
    from dataops_core.contracts.hookspecs import hookimpl
    from dataops_core.contracts.middleware import NodeCall, NodeMiddleware
    from dataops_core.decorators import (
        with_artifacts,
        with_caching,
        with_error_recovery,
        with_session_context,
        with_telemetry,
    )
    from dataops_core.session_manager import SessionManager
    from dataops_core.workflow_registry import WORKFLOW_REGISTRY

__version__ = "0.1.0"

_LAZY = {
    "Artifact": "artifact",
    "ArtifactType": "artifact",
    "ArtifactStore": "artifact_store",
    "BaseWorkflow": "base_workflow",
    "NodeCall": "contracts.middleware",
    "NodeMiddleware": "contracts.middleware",
    "WorkflowInputParameter": "base_workflow",
    "WorkflowMetadata": "base_workflow",
    "WorkflowState": "base_workflow",
    "ContextManager": "context_manager",
    "SessionManager": "session_manager",
    "WORKFLOW_REGISTRY": "workflow_registry",
    "hookimpl": "contracts.hookspecs",
    "with_artifacts": "decorators",
    "with_caching": "decorators",
    "with_error_recovery": "decorators",
    "with_session_context": "decorators",
    "with_telemetry": "decorators",
}

__all__ = [
    "WORKFLOW_REGISTRY",
    "Artifact",
    "ArtifactStore",
    "ArtifactType",
    "BaseWorkflow",
    "ContextManager",
    "NodeCall",
    "NodeMiddleware",
    "SessionManager",
    "WorkflowInputParameter",
    "WorkflowMetadata",
    "WorkflowState",
    "__version__",
    "hookimpl",
    "with_artifacts",
    "with_caching",
    "with_error_recovery",
    "with_session_context",
    "with_telemetry",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
