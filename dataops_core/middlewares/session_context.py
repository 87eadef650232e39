"""Shows a node what its session is about."""

from __future__ import annotations

from copy import copy
from dataclasses import is_dataclass
from typing import Any

from dataops_core.contracts.middleware import Around, NodeCall, NodeMiddleware


class SessionContext(NodeMiddleware):
    """Puts `session_context` (summary, recent_messages, global_context) into the state that the node sees."""

    name = "with_session_context"
    order = 15  # outside of with_caching, which then tells sessions apart

    def around(self, call: NodeCall) -> Around:
        """Reads the session, then runs the node; outside a run the context is empty."""
        context: dict[str, Any] = {"summary": "", "recent_messages": [], "global_context": {}}
        if call.services is not None and call.session_id is not None:
            context = yield call.io(_read, call.services.sessions, call.session_id)
        if isinstance(call.state, dict):
            call.state = {**call.state, "session_context": context}
        elif hasattr(call.state, "model_copy"):
            call.state = call.state.model_copy(update={"session_context": context})
        elif is_dataclass(call.state):
            call.state = copy(call.state)
            object.__setattr__(call.state, "session_context", context)
        result = yield
        return result


def _read(sessions: Any, session_id: str) -> dict[str, Any]:
    session = sessions.get_session(session_id)
    return {
        "summary": sessions.get_context_summary(session_id),
        "recent_messages": [
            {"role": m.role, "content": m.content} for m in sessions.get_messages(session_id, limit=20)
        ],
        "global_context": session.global_context,
    }
