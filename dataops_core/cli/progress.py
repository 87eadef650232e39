"""What is seen of a run while it runs: a line a running node on a terminal, and the tree of `--trace`."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from dataops_core.cli.text import duration, line, size, tree
from dataops_core.contracts.events import Event

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_PER_SECOND: Final = 8


@dataclass(slots=True)
class Node:
    """One execution of a node. `ms` is None while it runs."""

    name: str
    step: int | None
    started: float = field(default_factory=time.monotonic)
    ms: float | None = None
    error: str | None = None
    progress: float | None = None
    message: str = ""


class Progress:
    """Hears the events of runs.

    Args:
        live: whether stderr shows what is going on; only on a terminal.
        finals: whether each node leaves a line when it ends.

    Attributes:
        run_id, session_id, workflow: of the run that was started last.
        nodes: of that run, in the order in which they started.
        over: whether that run has ended, or waits for an answer.
    """

    def __init__(self, *, live: bool, finals: bool = True) -> None:
        self.run_id: str | None = None
        self.session_id: str | None = None
        self.workflow: str | None = None
        self.nodes: list[Node] = []
        self.over = False
        self._live_wanted, self._finals = live, finals
        self._live: Live | None = None
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Takes one event; called from any thread."""
        told, ended = event.data, None
        with self._lock:
            if event.type in ("run.accepted", "run.started", "run.resumed"):
                self._begin(event)
            elif event.type == "node.started":
                self.nodes.append(Node(str(told.get("node")), told.get("step")))
            elif event.type in ("node.finished", "node.failed", "node.skipped"):
                ended = self._end(told)
            elif event.type == "node.progress":
                self._move(told)
            elif event.type in ("run.finished", "run.interrupted"):
                self.over = True
        # Not under the lock: the display takes its own lock first and then this one.
        if ended is not None and self._live is not None and self._finals:
            self._live.refresh()
            self._live.console.print(_text(f"  {_ended(ended)}"), soft_wrap=True)

    def __enter__(self) -> Progress:
        if self._live_wanted:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                console=Console(stderr=True, highlight=False, markup=False, emoji=False),
                get_renderable=self._running,
                refresh_per_second=_PER_SECOND,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def _begin(self, event: Event) -> None:
        from dataops_core import logs

        if event.run_id != self.run_id or event.type == "run.resumed":
            self.nodes = []
        self.over = False
        self.run_id, self.session_id, self.workflow = event.run_id, event.session_id, event.workflow
        logs.bind(event.session_id, event.run_id, event.workflow)

    def _end(self, told: Mapping[str, Any]) -> Node | None:
        mine = (n for n in self.nodes if n.ms is None and (n.name, n.step) == (told.get("node"), told.get("step")))
        node = next(mine, None)
        if node is not None:
            node.ms, node.error = float(told.get("ms") or 0), told.get("error")
        return node

    def _move(self, told: Mapping[str, Any]) -> None:
        running = [n for n in self.nodes if n.ms is None and told.get("node") in (None, n.name)]
        if running:  # an event that names no node is of the one that started last
            share = told.get("progress")
            running[-1].progress = float(share) if isinstance(share, int | float) else None
            running[-1].message = line(told.get("message") or "")[:200]

    def _running(self) -> RenderableType:
        from rich.console import Group

        now = time.monotonic()
        with self._lock:
            running = [n for n in self.nodes if n.ms is None]
        shown = [_text(_going(n, now)) for n in running] if running else [_text(f"  {self.workflow or 'starting'} ...")]
        return Group(*shown)


def trace(
    workflow: str | None, status: str, nodes: Iterable[Node], artifacts: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """Yields the tree of a run: each node with its step, time and error, below it what it kept."""
    kept: dict[str | None, list[tuple[str, list[Any]]]] = {}
    for a in artifacts:
        told = f"{line(a['name'] or a['artifact_type'])}  {size(a['size_bytes'])}  {a['artifact_id']}"
        kept.setdefault(a["node"], []).append((told, []))
    branches: list[tuple[str, list[Any]]] = []
    for node in nodes:
        step = "" if node.step is None else f"{node.step} "
        branches.append((f"{step}{_ended(node)}", kept.pop(node.name, [])))
    yield from tree(f"{line(workflow or '-')}  {status}", [*branches, *(b for rest in kept.values() for b in rest)])


def _ended(node: Node) -> str:
    name = line(node.name)
    if node.ms is None:
        return f"{name}  not finished"
    if node.error:
        return f"{name}  failed after {duration(node.ms)}: {line(node.error)}"
    return f"{name}  {duration(node.ms)}"


def _going(node: Node, now: float) -> str:
    share = "" if node.progress is None else f"  {min(max(node.progress, 0), 1):.0%}"
    return f"  {line(node.name)}  {now - node.started:.1f} s{share}  {node.message}".rstrip()


def _text(told: str) -> RenderableType:
    from rich.text import Text

    return Text(told, no_wrap=True, overflow="ellipsis")


def wanted(quiet: bool) -> bool:
    """Says whether live progress may be shown: on a terminal that can rewrite a line, and not with `--quiet`."""
    return not quiet and sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
