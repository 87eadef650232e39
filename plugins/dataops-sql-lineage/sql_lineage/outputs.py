"""Columns and their origins as they are written down."""

from __future__ import annotations

from typing import Final

from sql_lineage.document import Output, Passed
from sql_lineage.flow import Flow, steps
from sql_lineage.names import Spelling

#: Steps of one way that are written down.
MOST_STEPS: Final = 20


def output(spelling: Spelling, name: str, flow: Flow) -> Output:
    """Returns a column and where it comes from, in the spelling of the script."""
    made: Output = {"name": spelling.name(name), "sources": [], "unresolved": []}
    for origin, path in flow.items():
        if origin.why:
            told = ".".join([*map(spelling.name, origin.table), spelling.name(origin.column)])
            names = [*map(spelling.table, origin.names), ""]
            reason = "".join(f"{text}{name}" for text, name in zip(origin.why.split("%"), names, strict=True))
            made["unresolved"].append({"column": told, "reason": reason})
            continue
        passed: list[Passed] = [
            {
                "relation": ".".join(map(spelling.name, relation.split("."))),
                "kind": kind,
                "column": spelling.name(column),
            }
            for relation, kind, column in steps(path, MOST_STEPS)
        ]
        table, column = spelling.table(origin.table), spelling.name(origin.column)
        made["sources"].append({"table": table, "column": column, "path": passed})
    return made
