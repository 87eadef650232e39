"""A Mermaid diagram of what feeds what, of a size that can be looked at."""

from __future__ import annotations

from typing import Final

from sql_lineage.document import Edge, Lineage, Named
from sql_lineage.names import shown, split_name

#: Arrows that a diagram has at most.
MOST_EDGES: Final = 150
_LABEL: Final = 60


def diagram(found: Lineage) -> str:
    """Returns a flowchart: columns by table, an arrow from each source to what it feeds.

    Args:
        found: the lineage of the script. Where a column was asked for, only what feeds it is drawn, or what it feeds.
    """
    edges = list(dict.fromkeys((_pair(edge["source"]), _pair(edge["target"])) for edge in _wanted(found)))
    drawn = edges[:MOST_EDGES]
    nodes = {pair: f"c{i}" for i, pair in enumerate(dict.fromkeys(pair for edge in drawn for pair in edge))}
    by_table: dict[str, list[tuple[str, str]]] = {}
    for (table, column), node in nodes.items():
        by_table.setdefault(table, []).append((node, column))
    lines = ["flowchart LR"]
    for i, (table, columns) in enumerate(by_table.items()):
        lines.append(f'  subgraph t{i}["{_label(table) or "result of the query"}"]')
        lines += [f'    {node}["{_label(column)}"]' for node, column in columns]
        lines.append("  end")
    lines += [f"  {nodes[source]} --> {nodes[target]}" for source, target in drawn]
    if not edges:
        lines.append('  none["no column feeds another"]')
    if len(edges) > len(drawn):
        lines.append(f'  more["only {len(drawn)} of {len(edges)} arrows are drawn; lineage.json has all"]')
    return "\n".join(lines) + "\n"


def _wanted(found: Lineage) -> list[Edge]:
    """Returns what feeds the column that was asked for, or else what it feeds, or else everything."""
    if not found["asked"]:
        return found["edges"]
    *table, name = split_name(found["asked"])
    into = [edge for edge in found["edges"] if _is(edge["target"], table, name)]
    return into or [edge for edge in found["edges"] if _is(edge["source"], table, name)]


def _is(named: Named, table: list[str], name: str) -> bool:
    parts = (named["table"] or "").lower().split(".")
    return named["column"].lower() == name and (not table or parts[-len(table) :] == table)


def _pair(named: Named) -> tuple[str, str]:
    return named["table"] or "", named["column"]


def _label(text: str) -> str:
    """Returns a text in which no character means anything to Mermaid or HTML."""
    return "".join(c if c.isalnum() or c in " _.-," else f"#{ord(c)};" for c in shown(text, _LABEL))
