"""Keeps what a node returns as an artifact."""

from __future__ import annotations

import logging
import sys
from dataclasses import fields, is_dataclass, replace
from typing import Any

from dataops_core.artifact import ArtifactType
from dataops_core.contracts.middleware import Around, NodeCall, NodeMiddleware
from dataops_core.errors import InvalidValue

log = logging.getLogger(__name__)
_said: set[tuple[str, str]] = set()


class Artifacts(NodeMiddleware):
    """Stores the node's update, or one value of it, and appends the artifact's id to `artifacts`.

    Args:
        artifact_type: what the artifact is for.
        key: store only the value under this key; the id takes its place, so the state stays small.
        name: the artifact's name; the node's name by default.
        content_type: MIME type; by the value's Python type when it is not given.
    """

    name = "with_artifacts"
    order = 50

    def __init__(
        self,
        artifact_type: ArtifactType | str = ArtifactType.RESULT,
        *,
        key: str | None = None,
        name: str | None = None,
        content_type: str | None = None,
    ) -> None:
        self.artifact_type = ArtifactType.of(artifact_type)
        self.key, self.artifact_name, self.content_type = key, name, content_type

    def around(self, call: NodeCall) -> Around:
        """Runs the node, then stores; outside a run nothing is stored."""
        result = yield
        update = _update_of(result)
        if call.services is None or call.session_id is None or update is None:
            return result
        if self.key is not None and update.get(self.key) is None:
            return result
        content = update if self.key is None else update[self.key]
        artifact_id = yield call.io(
            call.services.artifacts.store_artifact,
            _storable(content),
            call.session_id,
            call.workflow,
            self.artifact_type,
            name=self.artifact_name or call.node,
            content_type=self.content_type,
        )
        changes: dict[str, Any] = {} if self.key is None else {self.key: artifact_id}
        if call.has_artifacts_key:
            changes["artifacts"] = [*(update.get("artifacts") or ()), artifact_id]
        elif (call.workflow, call.node) not in _said:
            _said.add((call.workflow, call.node))
            log.warning(
                "the state of workflow %r has no list 'artifacts': node %r keeps its artifacts without listing them",
                call.workflow,
                call.node,
            )
        return _with_update(result, {**update, **changes}) if changes else result


def _update_of(result: Any) -> dict[str, Any] | None:
    """Returns the state update that a node's result carries, or None when it carries none."""
    if isinstance(result, dict):
        return result
    if _is_command(result):
        return _update_of(result.update)
    if hasattr(result, "model_dump") and hasattr(result, "model_fields_set"):
        values = {name: getattr(result, name) for name in type(result).model_fields}
        return {k: v for k, v in values.items() if v is not None or k in result.model_fields_set}
    if is_dataclass(result) and not isinstance(result, type):
        return {field.name: getattr(result, field.name) for field in fields(result)}
    return None


def _with_update(result: Any, update: dict[str, Any]) -> Any:
    return replace(result, update=update) if _is_command(result) else update


def _is_command(result: Any) -> bool:
    # Where a node can return one, LangGraph is loaded; a plain unit test of a function need not load it.
    types = sys.modules.get("langgraph.types")
    return types is not None and isinstance(result, types.Command)


def _storable(content: Any) -> Any:
    if isinstance(content, str | bytes | bytearray) or hasattr(content, "read") or hasattr(content, "to_parquet"):
        return content
    from pydantic_core import from_json, to_json

    try:
        return from_json(to_json(content, serialize_unknown=True, inf_nan_mode="strings", bytes_mode="base64"))
    except ValueError as error:
        raise InvalidValue(f"what a node returned cannot be kept as an artifact: {error}") from error
