"""Questions: what an interrupted run asks, and whether a value answers it.

A question is a dict: `id` (unique in its run; an answer names it), `parameter` (or None when a node asks), `prompt`,
`suggestion`, and `schema` (JSON Schema, or None when anything will do).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dataops_core.contracts.manifest import Parameter
from dataops_core.contracts.records import Record
from dataops_core.errors import InvalidValue

#: A larger answer belongs into a file or an artifact: the run's record holds it.
ANSWER_BYTES: Final = 64_000
#: Answers that a run's record keeps, the newest.
ANSWERS: Final = 20
_PROMPT_CHARS: Final = 4_000
_TYPES: Final = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "file_path": {"type": "string", "format": "path"},
    "uri": {"type": "string", "format": "uri"},
    "date": {"type": "string", "format": "date"},
    "list": {"type": "array"},
    "object": {"type": "object"},
}


def for_parameter(parameter: Parameter, number: int = 1, note: str = "") -> Record:
    """Returns the question for a parameter that has no value.

    Args:
        parameter: which.
        number: how many questions the run asks with this one.
        note: what was seen in the query and not used.
    """
    return {
        "id": f"q{number}",
        "parameter": parameter.name,
        "prompt": f"{parameter.question}{f' ({note})' if note else ''}"[:_PROMPT_CHARS],
        "suggestion": None,
        "schema": {"enum": list(parameter.choices)} if parameter.choices else dict(_TYPES.get(parameter.type, {})),
    }


def for_interrupt(interrupt: Any) -> Record:
    """Returns the question that LangGraph's `interrupt(value)` asks; `value` is a text, or has `prompt`."""
    value = interrupt.value
    told = value if isinstance(value, Mapping) else {}
    prompt = told.get("prompt") or told.get("question") or value
    schema = interrupt.response_schema
    return {
        "id": str(interrupt.id),
        "parameter": None,
        "prompt": (prompt if isinstance(prompt, str) else json.dumps(prompt, default=str))[:_PROMPT_CHARS],
        "suggestion": told.get("suggestion"),
        "schema": schema if isinstance(schema, Mapping) else None,
    }


def for_pause(checkpoint_id: str, following: Sequence[str]) -> Record:
    """Returns the question of a graph that was compiled to pause before or after a node."""
    return {
        "id": checkpoint_id,
        "parameter": None,
        "prompt": f"Paused before {', '.join(following)}. Go on?",
        "suggestion": True,
        "schema": {"const": True},
    }


def check(value: Any, question: Mapping[str, Any]) -> None:
    """Raises InvalidValue unless a value is one that a record can hold and that the question's schema allows."""
    prompt = question["prompt"]
    try:
        size = len(json.dumps(value, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError):
        raise InvalidValue("the answer is not made of JSON values", hint=prompt) from None
    if size > ANSWER_BYTES:
        raise InvalidValue(f"the answer has {size} bytes, at most {ANSWER_BYTES} are taken", hint="name a file instead")
    schema = question.get("schema")
    # A parameter's own rules are stricter and were kept before; its schema is for forms.
    if not schema or question.get("parameter"):
        return
    import jsonschema

    try:
        jsonschema.validate(value, schema)
    except jsonschema.ValidationError as wrong:
        where = "".join(f"[{part!r}]" for part in wrong.absolute_path)
        raise InvalidValue(f"the answer{where}: {wrong.message[:300]}", hint=prompt) from None
    except jsonschema.SchemaError:
        return  # the node's own check decides
