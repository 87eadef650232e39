"""Questions: what an interrupted run asks, and whether a value answers it.

A question is a dict: `id` (unique in its run; an answer names it), `parameter` (or None when a node asks), `prompt`,
`suggestion`, and `schema` (JSON Schema, or None when anything will do). One that asks whether the run may begin at all
has `confirms`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from dataops_core.contracts.manifest import Manifest, Parameter
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


def for_parameters(
    lacking: Sequence[Parameter], number: int = 1, note: str = "", suggested: Mapping[str, Any] = MappingProxyType({})
) -> Record:
    """Returns the question for parameters that have no value; one answer may give all of them, and must the first.

    Args:
        lacking: which, at least one.
        number: how many questions the run asks with this one.
        note: what was seen in the query and not used.
        suggested: values that may be meant, by name; that of the first one is the question's suggestion.
    """
    first = lacking[0]
    suggestion = suggested.get(first.name, first.default)
    prompts = [parameter.question for parameter in lacking]
    if note:
        prompts[0] += f" ({note})"
    return {
        "id": f"q{number}",
        "parameter": first.name,
        "prompt": " ".join(prompts)[:_PROMPT_CHARS],
        "suggestion": suggestion,
        "schema": {"enum": list(first.choices)} if first.choices else dict(_TYPES.get(first.type, {})),
    }


def for_confirmation(manifest: Manifest, values: Mapping[str, Any], number: int = 1) -> Record:
    """Returns the question whether a workflow that does not run without it may run.

    Args:
        manifest: of the workflow.
        values: what it would run with.
        number: how many questions the run asks with this one.
    """
    told = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    return {
        "id": f"q{number}",
        "parameter": None,
        "prompt": f"Run {manifest.name}{f' with {told}' if told else ''}? (yes or no)"[:_PROMPT_CHARS],
        "suggestion": None,
        "schema": {"type": "boolean"},
        "confirms": True,
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
