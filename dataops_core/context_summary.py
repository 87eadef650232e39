"""What a session is about, as text of bounded size: what was decided first, then the newest messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dataops_core.contracts.records import Record
from dataops_core.history import Message, count_tokens
from dataops_core.session import Session


def summarize(session: Session, runs: Sequence[Record], messages: Sequence[Message], *, max_tokens: int) -> str:
    """Returns the summary.

    Args:
        session: its preferences and global context are what was decided.
        runs: records of its latest runs, oldest first.
        messages: its newest messages, oldest first.
        max_tokens: the text has at most that many tokens, by `count_tokens`.
    """
    lines = [f"{key}: {_short(value)}" for key, value in (session.preferences | session.global_context).items()]
    decided = _fit([*lines, *map(_run_line, runs)], max_tokens // 2)
    room = max_tokens - sum(count_tokens(line) + 1 for line in decided)
    spoken: list[str] = []
    for message in reversed(messages):
        line = f"{message.role}: {' '.join(message.content.split())}"
        cost = count_tokens(line) + 1
        if cost > room:
            cut = line.encode()[: max(room - 2, 0) * 3].decode(errors="ignore")
            if len(cut) > len(message.role) + 12:
                spoken.append(cut + "…")
            break
        spoken.append(line)
        room -= cost
    return "\n".join([*decided, *reversed(spoken)])


def _run_line(run: Record) -> str:
    values = ", ".join(f"{name}={_short(value)}" for name, value in (run.get("input") or {}).items())
    line = f"{run['status']}: {run.get('workflow')}({values})"
    return f"{line} -> {', '.join(run['artifacts'])}" if run.get("artifacts") else line


def _short(value: Any, width: int = 120) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= width else text[: width - 1] + "…"


def _fit(lines: list[str], max_tokens: int) -> list[str]:
    kept: list[str] = []
    for line in reversed(lines):
        cost = count_tokens(line) + 1
        if cost > max_tokens:
            break
        kept.append(line)
        max_tokens -= cost
    return kept[::-1]
