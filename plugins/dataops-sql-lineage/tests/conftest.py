"""Scripts traced in a line, for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from sql_lineage.document import Lineage, Step
from sql_lineage.lineage import trace


class Traced:
    """A lineage, and what tests ask of it."""

    def __init__(self, found: Lineage) -> None:
        self.found = found

    @property
    def last(self) -> Step:
        return self.found["statements"][-1]

    @property
    def columns(self) -> dict[str, set[str]]:
        """The columns of the last statement, each with its sources; `?x: why` where it is not resolved."""
        return self.of(-1)

    def of(self, index: int) -> dict[str, set[str]]:
        return {
            c["name"]: {f"{s['table']}.{s['column']}" for s in c["sources"]}
            | {f"?{u['column']}: {u['reason']}" for u in c["unresolved"]}
            for c in self.found["statements"][index]["columns"]
        }

    def path(self, column: str, source: str) -> list[str]:
        """The way from a column of the last statement to a source."""
        feeds = next(c["sources"] for c in self.last["columns"] if c["name"] == column)
        path = next(s["path"] for s in feeds if f"{s['table']}.{s['column']}" == source)
        return [f"{p['kind']} {p['relation']}.{p['column']}" for p in path]

    @property
    def conditions(self) -> set[str]:
        return {f"{c['table']}.{c['column']}" for c in self.last["conditions"]}


Tracer = Callable[..., Traced]


@pytest.fixture
def traced(tmp_path: Path) -> Tracer:
    """Traces a script; `schema` says which columns tables have."""

    def make(sql: str, dialect: str = "auto", schema: Mapping[str, Sequence[str]] | None = None) -> Traced:
        file = None
        if schema is not None:
            path = tmp_path / "schema.yaml"
            path.write_text(yaml.safe_dump({table: list(columns) for table, columns in schema.items()}))
            file = str(path)
        return Traced(trace(sql=sql, dialect=dialect, schema_file=file)[0])

    return make
