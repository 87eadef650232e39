"""Whether a message answers the question that is open in its session, and with which value."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from dataops_core.contracts.manifest import Manifest, Parameter
from dataops_core.routing.parameters import extract
from dataops_core.routing.router import Decision
from dataops_core.routing.tokens import is_path, is_uri, tokens
from dataops_core.routing.validation import validate

#: A query that is so near to an example of a workflow is no answer to an open question of another kind.
ELSEWHERE: Final = 0.5
_CANCEL: Final = re.compile(
    r"\s*/?(?:please )?(?:cancel|abort|never ?mind|forget it)(?: (?:it|that|this|the run))?[.!]*\s*", re.IGNORECASE
)
_WORDS: Final = {"yes": True, "y": True, "ok": True, "true": True, "no": False, "n": False, "false": False}
#: Types whose values have a shape of their own: a message that is nothing but one is an answer.
_SHAPED: Final = ("integer", "number", "boolean", "date", "enum")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a message answers.

    Args:
        value: the answer; of a parameter, validated.
        values: what it says of other parameters, validated.
    """

    value: Any
    values: Mapping[str, Any] = field(default_factory=dict)


def is_cancel(text: str) -> bool:
    """Says whether a message wishes to end what is being asked."""
    return len(text) < 60 and _CANCEL.fullmatch(text) is not None


def understand(
    text: str,
    question: Mapping[str, Any],
    manifest: Manifest,
    decision: Decision,
    *,
    cwd: str | os.PathLike[str] | None = None,
    allowed_paths: Iterable[str | os.PathLike[str]] | None = None,
) -> Answer | None:
    """Returns the answer that a message gives to a question, or None when it asks for something else, or for nothing.

    A message that names a workflow, or is nearly an example of another one, asks for that.

    Args:
        text: the message.
        question: of the interrupted run.
        manifest: of its workflow.
        decision: what the router says of the message.
        cwd, allowed_paths: for paths, as in `validate`.

    Raises:
        InvalidValue: it is meant as an answer, and breaks a rule of the parameter.
    """
    parameter = manifest.parameter(question["parameter"] or "")
    if parameter is None:
        return _of_node(text, question.get("schema"), decision)
    found = extract(text, manifest, cwd=cwd).values
    if parameter.name not in found:
        if not _is_value(text, parameter, decision):
            return None
        found = {parameter.name: _unquoted(text)}
    elif _leads_elsewhere(decision, manifest.name):
        return None
    checked = validate(found, manifest, cwd=cwd, allowed_paths=allowed_paths)
    return Answer(checked[parameter.name], {name: checked[name] for name in found if name != parameter.name})


def _is_value(text: str, parameter: Parameter, decision: Decision) -> bool:
    """Says whether a whole message can be a parameter's value."""
    parts = list(tokens(text))
    if parameter.type in _SHAPED:
        return (len(parts) == 1 and not parts[0].key) or _is_choice(text, parameter)
    if parameter.type in ("file_path", "uri"):
        # A bare word is taken when there is a file of that name, which `extract` has seen to.
        return len(parts) == 1 and (parts[0].quoted or is_path(parts[0].text) or is_uri(parts[0].text))
    return not _leads_elsewhere(decision)


def _is_choice(text: str, parameter: Parameter) -> bool:
    return _unquoted(text).lower() in {str(choice).lower() for choice in parameter.choices}


def _leads_elsewhere(decision: Decision, workflow: str | None = None) -> bool:
    if decision.outcome == "none" or (workflow is not None and decision.workflow == workflow):
        return False
    return decision.outcome == "capabilities" or decision.candidates[0].score >= ELSEWHERE


def _of_node(text: str, schema: Any, decision: Decision) -> Answer | None:
    if not schema or (schema.get("type") == "string" and "enum" not in schema):
        return None if _leads_elsewhere(decision) else Answer(text.strip())
    import jsonschema

    for value in _readings(text.strip(), schema):
        try:
            jsonschema.validate(value, schema)
        except jsonschema.ValidationError:
            continue
        except jsonschema.SchemaError:
            break  # the node's own check decides
        return Answer(value)
    return None if decision.outcome != "none" else Answer(_readings(text.strip(), schema)[0])


def _readings(text: str, schema: Mapping[str, Any]) -> list[Any]:
    """Returns what a text can mean as JSON, the likeliest first."""
    found: list[Any] = []
    with suppress(ValueError, RecursionError):
        found.append(json.loads(text))
    if text.lower().rstrip(".!") in _WORDS:
        found.append(_WORDS[text.lower().rstrip(".!")])
    found += [choice for choice in schema.get("enum", ()) if str(choice).lower() == text.lower()]
    properties = schema.get("properties")
    if properties:
        keyed = {token.key: token.text for token in tokens(text) if token.key in properties}
        if keyed:
            found.append({key: _scalar(value, properties[key]) for key, value in keyed.items()})
        required = schema.get("required") or list(properties)
        if len(required) == 1:
            found.append({required[0]: _scalar(text, properties.get(required[0], {}))})
    return [*found, text]


def _scalar(text: str, schema: Mapping[str, Any]) -> Any:
    if schema.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _WORDS.get(text.lower(), text) if schema.get("type") == "boolean" else text


def _unquoted(text: str) -> str:
    parts = list(tokens(text))
    return parts[0].text if len(parts) == 1 and not parts[0].key and parts[0].quoted else text.strip()
