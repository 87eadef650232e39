"""The column that was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from dataops_core.errors import NotFound, nearest
from sql_lineage.document import Output
from sql_lineage.flow import Flow, Key
from sql_lineage.names import Spelling, shown, split_name
from sql_lineage.outputs import output
from sql_lineage.script import Traced

#: Columns of that name that are told about.
MOST: Final = 5


@dataclass(slots=True)
class Answered:
    """What is known of the column.

    Args:
        outputs: the columns of that name that the script makes, each with the number of its statement from 1.
        more: how many more there are.
        feeds: where it is only read: the columns that it feeds.
    """

    outputs: list[tuple[int, Output]]
    more: int = 0
    feeds: list[str] = field(default_factory=list)


def ask(column: str, traced: list[Traced], spelling: Spelling, where: str) -> Answered:
    """Finds the column that is asked for.

    Args:
        column: `revenue`, or `report.revenue` for that of one table.
        traced: the script.
        spelling: how its names are written.
        where: the script's name, for the error.

    Raises:
        NotFound: the script has no such column; the hint has the nearest name.
    """
    *above, name = split_name(column)
    table = tuple(above)
    found = _outputs(traced, table, name)
    if not found:
        # It may be one of the columns behind a star that could not be expanded.
        folded = normalize_identifiers(exp.to_identifier(name), dialect=spelling.dialect).name
        for index, each in enumerate(traced, 1):
            flow = each.columns.flow(folded) if each.columns.open and _is(each.target, table) else None
            found += [(index, folded, flow)] if flow else []
    if found:
        # The last statement is what most people mean.
        told = [(index, output(spelling, made, flow)) for index, made, flow in found[::-1][:MOST]]
        return Answered(told, max(len(found) - MOST, 0))
    feeds = [
        ".".join([*(each.target or ()), made])
        for each in traced
        for made, flow in each.columns.ordered
        if any(o.column.lower() == name and not o.why and _is(o.table, table) for o in flow)
    ]
    if feeds:
        return Answered([], feeds=[shown(feed) for feed in dict.fromkeys(feeds)])
    names = list(dict.fromkeys(spelling.name(made) for each in traced for made, _ in each.columns.ordered))
    hint = nearest(name, names) or "it has " + ", ".join(shown(n, 40) for n in names[:10]) if names else ""
    raise NotFound(f"{where} gives no column {shown(column)!r}", hint=hint)


def _outputs(traced: list[Traced], table: Key, name: str) -> list[tuple[int, str, Flow]]:
    return [
        (index, made, flow)
        for index, each in enumerate(traced, 1)
        for made, flow in each.columns.ordered
        if made.lower() == name and _is(each.target, table)
    ]


def _is(target: Key | None, table: Key) -> bool:
    if not table:
        return True
    return target is not None and tuple(part.lower() for part in target)[-len(table) :] == table
