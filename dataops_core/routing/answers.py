"""Whether a message answers the question that is open in its session, and with which value."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from dataops_core.contracts.manifest import Manifest, Parameter
from dataops_core.errors import InvalidValue, nearest
from dataops_core.routing.parameters import Extraction, extract
from dataops_core.routing.router import Decision
from dataops_core.routing.tokens import is_path, is_uri, tokens
from dataops_core.routing.validation import validate

_CANCEL: Final = re.compile(
    r"\s*/?(?:no,? )?(?:please )?(?:cancel|abort|stop|quit|never ?mind|forget (?:it|about it)|leave it|drop it)"
    r"(?: (?:it|that|this|the run))?(?: please)?[.!]*\s*",
    re.IGNORECASE,
)
_YES: Final = re.compile(
    r"\s*(?:yes|y|yep|yeah|yup|ok|okay|sure|right|correct|exactly|do it|go ahead|go on|that one|true)"
    r"(?:,? please|,? do it|,? go ahead|,? that one)?[.! ]*",
    re.IGNORECASE,
)
_NO: Final = re.compile(
    r"\s*(?:no|n|nope|nah|not now|don'?t|do not|false)(?:,? thanks?(?: you)?)?[.! ]*", re.IGNORECASE
)
#: A doubtful query that shares so many telling words with another workflow is no answer.
_WORDS_ELSEWHERE: Final = 3
_EXAMPLE: Final = 0.5  # score of a message that is nearly an example
_FILES: Final = 1000  # of a folder that are compared with a name that is not there
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


def is_yes(text: str) -> bool:
    """Says whether a message says yes, and nothing else."""
    return len(text) < 60 and _YES.fullmatch(text) is not None


def is_no(text: str) -> bool:
    """Says whether a message says no, and nothing else."""
    return len(text) < 60 and _NO.fullmatch(text) is not None


def is_elsewhere(text: str, decision: Decision, workflow: str | None) -> bool:
    """Says whether a message is surely about something else than a question of `workflow` that is not open any more.

    In doubt it was meant as the answer: a value alone starts no run, and neither does what leads to the same workflow.
    """
    if decision.outcome in ("capabilities", "recall") or _is_named(text, decision):
        return True
    is_bare = len(list(islice(tokens(text), 2))) == 1 or _is_keyed(text)
    return decision.outcome == "run" and decision.workflow != workflow and not is_bare


def understand(
    text: str,
    question: Mapping[str, Any],
    manifest: Manifest,
    decision: Decision,
    *,
    lacking: Sequence[str] = (),
    cwd: str | os.PathLike[str] | None = None,
    allowed_paths: Iterable[str | os.PathLike[str]] | None = None,
) -> Answer | None:
    """Returns the answer that a message gives to a question, or None when it asks for something else, or for nothing.

    A message that names a workflow, or clearly asks for another one, is no answer. What a question suggests is taken by
    "yes". Values that are said where a confirmation is asked for change what would be run. A file that is not there is
    asked for again, unless it is given as `name=path`.

    Args:
        text: the message.
        question: of the interrupted run.
        manifest: of its workflow.
        decision: what the router says of the message.
        lacking: the parameters that are asked for with this one: what is only likely to be theirs is taken.
        cwd, allowed_paths: for paths, as in `validate`.

    Raises:
        InvalidValue: it is meant as an answer, and breaks a rule of the parameter.
    """
    parameter = manifest.parameter(question["parameter"] or "")
    if decision.workflow != manifest.name and _is_named(text, decision):
        return None
    if question.get("confirms"):
        if is_yes(text) or is_no(text):
            return Answer(is_yes(text))
        keyed = decision.confidence != 1 and _is_keyed(text)
        if keyed:
            _require_known(text, manifest)
        elsewhere = decision.confidence == 1 or (not keyed and _leads_elsewhere(decision, manifest.name))
        changed = {} if elsewhere else extract(text, manifest, cwd=cwd).values
        checked = validate(changed, manifest, cwd=cwd, allowed_paths=allowed_paths)
        return Answer(False, {name: checked[name] for name in changed}) if changed else None
    if parameter is None:
        return _of_node(text, question.get("schema"), decision)
    if question.get("suggestion") is not None and parameter.type != "boolean" and is_yes(text):
        return Answer(question["suggestion"])
    asked = tuple(p for p in manifest.parameters if p.name in (parameter.name, *lacking))
    narrow = extract(text, replace(manifest, parameters=asked), cwd=cwd)
    likely = {name: suggestion.value for name, suggestion in narrow.suggestions.items()}
    extraction = extract(text, manifest, cwd=cwd)
    found = {**likely, **narrow.values, **extraction.values}
    if parameter.name not in found:
        if not _is_value(text, parameter, decision, manifest.name):
            return None
        found = {parameter.name: _unquoted(text)}
    elif _leads_elsewhere(decision, manifest.name) and not _is_plain(text, extraction):
        return None
    checked = validate(found, manifest, cwd=cwd, allowed_paths=allowed_paths)
    source = extraction.sources.get(parameter.name) or narrow.sources.get(parameter.name)
    if parameter.type == "file_path" and cwd is not None and (source is None or source.rule != "key=value"):
        _require_file(checked[parameter.name])
    return Answer(checked[parameter.name], {name: checked[name] for name in found if name != parameter.name})


def _is_named(text: str, decision: Decision) -> bool:
    """Says whether a message names the workflow that it wants; a name in quotes alone may be a value."""
    parts = list(islice(tokens(text), 2))
    return decision.confidence == 1 and decision.workflow is not None and not (len(parts) == 1 and parts[0].quoted)


def _is_keyed(text: str) -> bool:
    """Says whether a message is nothing but `name=value`, once or more."""
    return all([bool(token.key) for token in tokens(text)] or [False])


def _require_known(text: str, manifest: Manifest) -> None:
    known = [parameter.name for parameter in manifest.parameters]
    for token in tokens(text):
        if token.key not in known:
            hint = nearest(token.key, known) or f"it takes {', '.join(known) or 'none'}"
            raise InvalidValue(f"{manifest.name} has no parameter {token.key!r}", hint=hint)


def _is_plain(text: str, extraction: Extraction) -> bool:
    """Says whether a message with a value is nothing but that, or says whose it is."""
    return len(list(islice(tokens(text), 2))) == 1 or any(s.rule == "key=value" for s in extraction.sources.values())


def _require_file(path: str) -> None:
    if os.path.exists(path):
        return
    folder, name = os.path.split(path)
    with suppress(OSError):
        if hint := nearest(name, islice(os.listdir(folder), _FILES)):
            raise InvalidValue(f"there is no file {path!r:.200}", hint=hint)
    raise InvalidValue(f"there is no file {path!r:.200}")


def _is_value(text: str, parameter: Parameter, decision: Decision, workflow: str) -> bool:
    """Says whether a whole message can be a parameter's value."""
    parts = list(tokens(text))
    if parameter.type in _SHAPED:
        return (len(parts) == 1 and not parts[0].key) or _is_choice(text, parameter)
    if parameter.type == "file_path":
        # A bare word is taken when there is a file of that name, which `extract` has seen to, or for want of a better.
        return len(parts) == 1 and (parts[0].quoted or is_path(parts[0].text) or decision.outcome in ("ask", "none"))
    if parameter.type == "uri":
        return len(parts) == 1 and (parts[0].quoted or is_uri(parts[0].text))
    if len(parts) == 1 and parts[0].quoted and not parts[0].key:
        return True
    return not _leads_elsewhere(decision, workflow) and not _is_example(decision)


def _is_example(decision: Decision) -> bool:
    """Says whether a message is nearly an example of a workflow."""
    return bool(decision.candidates) and decision.candidates[0].score >= _EXAMPLE


def _is_choice(text: str, parameter: Parameter) -> bool:
    return _unquoted(text).lower() in {str(choice).lower() for choice in parameter.choices}


def _leads_elsewhere(decision: Decision, workflow: str | None = None) -> bool:
    """Says whether a message asks for something else than the workflow whose question is open."""
    if decision.outcome == "none":
        return False
    if decision.outcome != "ask":
        return workflow is None or decision.workflow != workflow
    best = decision.candidates[0]
    return workflow is not None and best.workflow != workflow and len(best.words) >= _WORDS_ELSEWHERE


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
    return None if _leads_elsewhere(decision) else Answer(_readings(text.strip(), schema)[0])


def _readings(text: str, schema: Mapping[str, Any]) -> list[Any]:
    """Returns what a text can mean as JSON, the likeliest first."""
    found: list[Any] = []
    with suppress(ValueError, RecursionError):
        found.append(json.loads(text))
    if is_yes(text) or is_no(text):
        found.append(is_yes(text))
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
        said = is_yes(text) or is_no(text)
        return is_yes(text) if said and schema.get("type") == "boolean" else text


def _unquoted(text: str) -> str:
    parts = list(tokens(text))
    return parts[0].text if len(parts) == 1 and not parts[0].key and parts[0].quoted else text.strip()
