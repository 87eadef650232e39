"""`with_session_context` shows a node its session."""

from __future__ import annotations

from typing import Any

import pytest

from dataops_core import SessionManager
from dataops_core.decorators import (
    with_session_context,
)
from tests.graph_runs import GraphRuns
from tests.middlewares.nodes import COLOURS, DataclassState, PydanticState, State, coloured, one


@COLOURS
@pytest.mark.parametrize("schema", [State, PydanticState, DataclassState], ids=lambda s: s.__name__)
def test_a_node_sees_its_session(runs: GraphRuns, asynchronous: bool, schema: Any) -> None:
    sessions = SessionManager()
    sid = sessions.create_session("ann").session_id
    sessions.add_message(sid, "user", "what was said before")
    seen: list[Any] = []

    def node(state: Any) -> dict[str, Any]:
        seen.append(state["session_context"] if isinstance(state, dict) else state.session_context)
        return {"text": "told"}

    graph = one(with_session_context(coloured(node, asynchronous)), schema)
    result = runs(graph, session_id=sid, asynchronous=asynchronous)
    assert result.status == "success", result.error
    assert {"role": "user", "content": "what was said before"} in seen[0]["recent_messages"]
    assert "what was said before" in seen[0]["summary"]
    assert seen[0]["global_context"] == {}
    assert not hasattr(result.state, "session_context")
