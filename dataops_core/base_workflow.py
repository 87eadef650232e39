"""BaseWorkflow: what an author writes. The manifest beside the code is the one source of what is known about it."""

from __future__ import annotations

import operator
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typing_extensions import TypedDict

from dataops_core.contracts.manifest import Manifest, Parameter
from dataops_core.contracts.middleware import current_call
from dataops_core.errors import ConfigError
from dataops_core.plugin.manifests import read_manifest

if TYPE_CHECKING:
    from langgraph.graph import StateGraph
    from langgraph.graph.state import CompiledStateGraph

#: One value that a workflow takes; the same type that a manifest's `parameters` are read into.
WorkflowInputParameter = Parameter


@dataclass(frozen=True, slots=True)
class WorkflowMetadata:
    """What the catalogue, the router and the questions know of a workflow.

    Args:
        name, description, version, category, author, pattern: texts, as in the manifest.
        capabilities: what it can do, a line each.
        example_queries: what people ask to get it.
        required_inputs: the parameters that a run needs.
        optional_inputs: the parameters that it may be given.
        tags: words to find it by.
    """

    name: str
    description: str
    capabilities: list[str] = field(default_factory=list)
    example_queries: list[str] = field(default_factory=list)
    category: str = ""
    required_inputs: list[WorkflowInputParameter] = field(default_factory=list)
    optional_inputs: list[WorkflowInputParameter] = field(default_factory=list)
    version: str = ""
    author: str = ""
    pattern: str = ""
    tags: list[str] = field(default_factory=list)

    @classmethod
    def from_manifest(cls, manifest: Manifest) -> WorkflowMetadata:
        """Builds the metadata that a manifest describes."""
        return cls(
            name=manifest.name,
            description=manifest.description,
            capabilities=list(manifest.capabilities),
            example_queries=list(manifest.example_queries),
            category=manifest.category,
            required_inputs=[p for p in manifest.parameters if p.required],
            optional_inputs=[p for p in manifest.parameters if not p.required],
            version=manifest.version,
            author=manifest.author,
            pattern=manifest.pattern,
            tags=list(manifest.tags),
        )


class WorkflowState(TypedDict, total=False):
    """The keys that DataOps knows in a workflow's state; an author's state extends it.

    `artifacts` collects the ids of what the nodes store, `answer` is what the asker reads, `success` says whether the
    workflow did what it was asked.
    """

    session_id: str
    workflow_name: str
    artifacts: Annotated[list[str], operator.add]
    success: bool
    answer: str


class BaseWorkflow:
    """A workflow: a graph, and the manifest (`config.yaml`) in the folder of its module.

    Override `build_graph` (preferred), or `get_compiled_graph` to compile it yourself.
    """

    def __init__(self) -> None:
        self._compiled: CompiledStateGraph[Any, Any, Any, Any] | None = None

    @property
    def manifest(self) -> Manifest:
        """The manifest; raises ConfigError when there is none beside the class's module."""
        module = sys.modules[type(self).__module__]
        folder = Path(module.__file__ or ".").parent
        if not (folder / "config.yaml").is_file():
            raise ConfigError(
                f"workflow class {type(self).__qualname__} has no config.yaml in {str(folder)!r}",
                hint="put the manifest beside the module (docs/manifest.md)",
            )
        return read_manifest(folder / "config.yaml")

    def get_metadata(self) -> WorkflowMetadata:
        """Returns what is known of the workflow, from its manifest."""
        return WorkflowMetadata.from_manifest(self.manifest)

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        """Returns the graph, not compiled; DataOps adds its middleware and checkpoints."""
        raise ConfigError(
            f"workflow class {type(self).__qualname__} gives no graph",
            hint="override build_graph(), or get_compiled_graph()",
        )

    def get_compiled_graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """Returns the graph, compiled and without DataOps around it: it runs in a plain unit test."""
        if self._compiled is None:
            self._compiled = self.build_graph().compile()
        return self._compiled

    def invoke(self, input: Mapping[str, Any]) -> dict[str, Any]:
        """Runs the plain graph and returns its final state; nothing is stored."""
        result: dict[str, Any] = self.get_compiled_graph().invoke(dict(input))
        return result

    @property
    def llm(self) -> Any:
        """The chat model of the run (a langchain-core `BaseChatModel`).

        Raises:
            ConfigError: there is none, or the workflow does not run in DataOps.
        """
        call = current_call.get()
        model = call.services.llm if call is not None and call.services is not None else None
        if model is None:
            raise ConfigError("this workflow asks for a chat model and none is configured")
        return model
