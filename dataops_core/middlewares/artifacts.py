"""Keeps what a node returns as an artifact."""

from __future__ import annotations

import logging
from dataclasses import is_dataclass, replace
from typing import Any

from dataops_core.artifact import ArtifactType
from dataops_core.contracts.middleware import Around, NodeCall, NodeMiddleware

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
        changed = dict(update)
        if self.key is not None:
            changed[self.key] = artifact_id
        if call.has_artifacts_key:
            changed["artifacts"] = [*(update.get("artifacts") or ()), artifact_id]
        elif (call.workflow, call.node) not in _said:
            _said.add((call.workflow, call.node))
            log.warning(
                "the state of workflow %r has no key 'artifacts': node %r keeps its artifacts without listing them",
                call.workflow,
                call.node,
            )
        return _with_update(result, changed)


def _update_of(result: Any) -> dict[str, Any] | None:
    """Returns the state update that a node's result carries, or None when it carries none."""
    if isinstance(result, dict):
        return result
    if hasattr(result, "model_dump") and hasattr(result, "model_fields_set"):
        return {name: getattr(result, name) for name in result.model_fields_set}
    if type(result).__name__ == "Command" and is_dataclass(result):
        return _update_of(getattr(result, "update", None))
    return None


def _with_update(result: Any, update: dict[str, Any]) -> Any:
    if type(result).__name__ == "Command" and is_dataclass(result) and not isinstance(result, type):
        return replace(result, update=update)
    return update


def _storable(content: Any) -> Any:
    if isinstance(content, str | bytes | bytearray) or hasattr(content, "read") or hasattr(content, "to_parquet"):
        return content
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(content, serialize_unknown=True, inf_nan_mode="strings")
