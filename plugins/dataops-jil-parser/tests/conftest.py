"""Small JIL files, written for one test each, and what is read from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jil_parser.boxes import begin, resolve
from jil_parser.definitions import Definitions, Job, define
from jil_parser.document import Direction, Document, ask, document
from jil_parser.network import Network, build
from jil_parser.order import Order, put_in_order
from jil_parser.related import Related
from jil_parser.source import open_source


class Batch:
    """What a JIL file defines, and what tests ask of it."""

    def __init__(self, path: Path) -> None:
        self.definitions: Definitions = define(open_source(str(path)), lambda _share, _message: None)
        self._network: Network | None = None
        self._order: Order | None = None

    @property
    def jobs(self) -> dict[str, Job]:
        return self.definitions["jobs"]

    @property
    def problems(self) -> list[str]:
        """Severity, place and message of each problem."""
        return [f"{p['severity']} {p['line']}:{p['column']} {p['message']}" for p in self.definitions["problems"]]

    @property
    def network(self) -> Network:
        if self._network is None:
            self._network = build(self.definitions)
        return self._network

    @property
    def order(self) -> Order:
        if self._order is None:
            self._order = put_in_order(self.network)
        return self._order

    def tree(self, job: str, attribute: str = "condition") -> Any:
        return self.jobs[job]["conditions"][attribute]["tree"]

    def related(self, job: str, direction: Direction) -> dict[str, Related]:
        asked = ask(self.network, self.order, job, direction, "parameter")
        return {item["job"]: item for item in (asked["before"] or []) + (asked["after"] or [])}

    def document(self, job: str = "", direction: Direction = "both") -> Document:
        nesting = begin(self.jobs)
        while not nesting["done"]:
            nesting = resolve(nesting)
        made = document(self.definitions, nesting, self.network, self.order)
        made["asked"] = ask(self.network, self.order, job, direction, "parameter") if job else None
        return made


@pytest.fixture
def batch(tmp_path: Path) -> Callable[[str | bytes], Batch]:
    """Writes a file and reads it."""

    def make(content: str | bytes) -> Batch:
        path = tmp_path / "batch.jil"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Batch(path)

    return make


@pytest.fixture(scope="session")
def job() -> Callable[..., str]:
    """Writes the statement of one job."""

    def write(name: str, condition: str = "", box: str = "", kind: str = "c", more: str = "") -> str:
        lines = [f"insert_job: {name}   job_type: {kind}"]
        lines += [f"box_name: {box}"] if box else []
        lines += [f"condition: {condition}"] if condition else []
        lines += [more] if more else []
        return "\n".join(lines) + "\n\n"

    return write
