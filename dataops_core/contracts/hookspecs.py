"""The hooks that plugins implement. All are sync and return objects; what must be async lives in those objects.

Order never means anything. The hooks grow by new fields on the objects that they pass, not by new arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dataops_core.contracts.blobs import BlobStore
    from dataops_core.contracts.events import Event
    from dataops_core.contracts.manifest import Manifest
    from dataops_core.contracts.middleware import NodeMiddleware
    from dataops_core.contracts.records import RecordStore, Table

PROJECT: Final = "dataops"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class WorkflowRegistrar(Protocol):
    """What `dataops_register_workflows` is handed. It keeps nothing until the plugin is verified."""

    def register(self, cls: type[Any]) -> None:
        """Announces a workflow class, a subclass of `BaseWorkflow`."""


@hookspec(historic=True)
def dataops_register_workflows(registry: WorkflowRegistrar) -> None:
    """Register workflow classes.

    Args:
        registry: call `registry.register(cls)` once per workflow that the plugin's entry points announce.
    """


@hookspec(firstresult=True)
def dataops_record_store(url: str, tables: Sequence[Table]) -> RecordStore | None:
    """Open a record store. Called on the plugin that owns the URL's scheme and on no other.

    Args:
        url: the whole URL, e.g. `sqlite:////home/me/dataops.db`.
        tables: every table that will be used.
    """


@hookspec(firstresult=True)
def dataops_blob_store(url: str) -> BlobStore | None:
    """Open a blob store. Called on the plugin that owns the URL's scheme and on no other.

    Args:
        url: the whole URL, e.g. `file:///home/me/blobs`.
    """


@hookspec(firstresult=True)
def dataops_chat_model(name: str, settings: Mapping[str, Any]) -> Any:
    """Make a langchain-core chat model. Called on the plugin that owns the provider's name and on no other.

    Args:
        name: the provider's name, e.g. `anthropic`.
        settings: the settings of this provider.
    """


@hookspec(firstresult=True)
def dataops_executor(name: str, settings: Mapping[str, Any]) -> Any:
    """Make an executor. Called on the plugin that owns the engine's name and on no other.

    Args:
        name: the engine's name.
        settings: the settings of this engine.
    """


@hookspec
def dataops_decorators() -> Mapping[str, type[NodeMiddleware]]:  # type: ignore[empty-body]
    """Offer middlewares by name, usable as `dataops_core.decorators.<name>`. A duplicate name is an error."""


@hookspec
def dataops_node_middleware(manifest: Manifest) -> Sequence[NodeMiddleware]:  # type: ignore[empty-body]
    """Return middlewares for every node of a workflow.

    Args:
        manifest: of the workflow whose graph is being built.
    """


@hookspec
def dataops_event(event: Event) -> None:
    """Hear of an event. Each implementation is called alone; one that raises is logged and skipped.

    Args:
        event: what happened.
    """
