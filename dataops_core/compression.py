"""Compressing a context without a model: what is redundant goes, what was decided stays, and the size has a limit.

Kept first are open runs, then facts, then what runs were given and made, then references to artifacts, and then
messages, the newest first. Of runs of one workflow with the same values, of artifacts of one name, and of messages that
say the same, only the newest is kept. Long texts lose their middle.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Final

from dataops_core.errors import InvalidValue
from dataops_core.history import count_tokens

#: Bytes of a tool's output, and of a value, above which it loses its middle.
TOOL_BYTES: Final = 600
VALUE_BYTES: Final = 400
#: A message that is cut to fewer bytes says nothing.
_LEAST: Final = 60
_IDENTITY: Final = ("schema_version", "snapshot_id", "session_id", "user_id", "created_at", "revision")
_FACTS: Final = ("preferences", "global_context")
_LISTS: Final = ("runs", "artifacts", "messages")
_REFERENCE: Final = ("artifact_id", "name", "version", "artifact_type", "workflow_name", "size_bytes")
#: An entry of a list, with its position in it.
Entry = tuple[int, dict[str, Any]]


def compress(context: Mapping[str, Any] | str, max_tokens: int) -> Any:
    """Returns a context, or a text, of at most `max_tokens`; unchanged when it is no longer anyway.

    Args:
        context: as `ContextManager.load_context` returns it, or a text.
        max_tokens: the limit, by `count_tokens` of the text, or of the context as JSON in UTF-8.

    Returns:
        The same shape, with fewer entries and shorter texts. The same input gives the same output.

    Raises:
        InvalidValue: `max_tokens` is not a whole number above 0, or the context is not JSON-able.
    """
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1:
        raise InvalidValue(f"max_tokens is a whole number above 0, not {max_tokens!r:.40}")
    if isinstance(context, str):
        return _text(context, 3 * max_tokens)
    if not isinstance(context, Mapping):
        raise InvalidValue(f"a context is a dict or a text, not {type(context).__name__}")
    try:
        whole = json.loads(_json(dict(context)).encode())
    except (TypeError, ValueError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidValue(f"the context is not made of JSON values: {error}") from None
    if count_tokens(_json(whole)) <= max_tokens:
        return whole
    return _Packed(whole, 3 * max_tokens).packed()


class _Packed:
    """A context that grows by what matters most, as long as there is room. Every byte is counted before it is taken."""

    def __init__(self, context: dict[str, Any], room: int) -> None:
        self._given, self._room = context, room - len("{}")
        self._out: dict[str, Any] = {}

    def packed(self) -> dict[str, Any]:
        runs = _newest(self._list("runs"), _same_run)
        for name in _LISTS:
            if isinstance(self._given.get(name), list):
                self._take(self._out, name, [])
        for name in _IDENTITY:
            if not isinstance(self._given.get(name), dict | list | None):
                self._take(self._out, name, self._given[name])
        self._runs([(n, run) for n, run in runs if run.get("open")])
        for name in _FACTS:
            self._dict(name)
        self._runs([(n, run) for n, run in runs if not run.get("open")])
        for n, artifact in _newest(self._list("artifacts"), _same_artifact):
            self._add("artifacts", n, {k: artifact[k] for k in _REFERENCE if artifact.get(k) is not None})
        self._messages()
        self._dict("metadata")
        for name, value in self._given.items():
            if name not in self._out and name not in _IDENTITY:
                self._fact(self._out, name, value)
        for name in _LISTS:
            if name in self._out:
                self._out[name] = [value for _, value in sorted(self._out[name], key=lambda entry: entry[0])]
        return {name: self._out[name] for name in self._given if name in self._out}

    def _runs(self, runs: Sequence[Entry]) -> None:
        for n, run in runs:
            # The answer is a message of its own.
            told = {k: v for k, v in run.items() if k != "answer" and v not in (None, [], {})}
            if not self._add("runs", n, told):
                self._add("runs", n, _shortened(told))

    def _messages(self) -> None:
        for n, message in _newest(self._list("messages"), _same_message):
            told = {k: v for k, v in message.items() if v not in (None, [], {})}
            if not isinstance(content := told.get("content", ""), str):
                continue
            if told.get("role") == "tool":
                told["content"] = content = cut(content, TOOL_BYTES)
            if self._add("messages", n, told):
                continue
            # The first that does not fit is cut; what is older is left out, so that no gap goes unseen.
            for size in _halves(min(len(content.encode()), self._room)):
                if self._add("messages", n, {**told, "content": cut(content, size)}):
                    break
            return

    def _dict(self, name: str) -> None:
        facts = self._given.get(name)
        if not isinstance(facts, dict) or not self._take(self._out, name, {}):
            return
        for key, value in facts.items():
            self._fact(self._out[name], key, value)

    def _fact(self, place: dict[str, Any], name: str, value: Any) -> None:
        if not self._take(place, name, value):
            self._take(place, name, _shortened(value))

    def _list(self, name: str) -> list[Entry]:
        given = self._given.get(name)
        return [(n, e) for n, e in enumerate(given) if isinstance(e, dict)] if isinstance(given, list) else []

    def _add(self, name: str, n: int, value: Any) -> bool:
        if name not in self._out or not self._afford(len(_json(value).encode())):
            return False
        self._out[name].append((n, value))
        return True

    def _take(self, place: dict[str, Any], name: str, value: Any) -> bool:
        if not self._afford(len(_json(name).encode()) + len(": ") + len(_json(value).encode())):
            return False
        place[name] = value
        return True

    def _afford(self, size: int) -> bool:
        size += len(", ")
        if size > self._room:
            return False
        self._room -= size
        return True


def cut(text: str, size: int) -> str:
    """Returns a text of at most `size` bytes (60 or more): its beginning, how much is left out, its end."""
    raw = text.encode()
    if len(raw) <= size:
        return text
    gap = f" … [{len(raw)} bytes] … "
    half = max(size - len(gap.encode()), 0) // 2
    return raw[:half].decode(errors="ignore") + gap + raw[len(raw) - half :].decode(errors="ignore")


def _text(text: str, room: int) -> str:
    try:
        if len(text.encode()) <= room:
            return text
    except UnicodeEncodeError:
        raise InvalidValue("the text is not valid Unicode") from None
    lines = list(dict.fromkeys(reversed(text.splitlines())))[::-1]
    once = "\n".join(lines)
    if len(once.encode()) <= room:
        return once
    return cut(once, room) if room >= _LEAST else once.encode()[:room].decode(errors="ignore")


def _newest(entries: Sequence[Entry], same: Callable[[dict[str, Any]], Hashable]) -> list[Entry]:
    """Returns the entries from the newest to the oldest, of those that are the same only the newest."""
    found: dict[Hashable, Entry] = {}
    for n, entry in reversed(entries):
        found.setdefault(same(entry), (n, entry))
    return list(found.values())


def _same_run(run: dict[str, Any]) -> Hashable:
    # A run that is not over is superseded by none.
    return _json(run.get("run_id") if run.get("open") else [run.get("workflow"), run.get("input")])


def _same_artifact(artifact: dict[str, Any]) -> Hashable:
    return _json([artifact["name"]] if artifact.get("name") is not None else artifact.get("artifact_id"))


def _same_message(message: dict[str, Any]) -> Hashable:
    return _json([message.get("role"), message.get("content")])


def _shortened(value: Any) -> Any:
    """Returns a value whose long texts have lost their middle, and whose long lists have lost their end."""
    if isinstance(value, str):
        return cut(value, VALUE_BYTES)
    if isinstance(value, list):
        return [_shortened(item) for item in value[:20]]
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in list(value.items())[:50]}
    return value


def _halves(size: int) -> Iterator[int]:
    while size >= _LEAST:
        yield size
        size = size * 3 // 4


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
