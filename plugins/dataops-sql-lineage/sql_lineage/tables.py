"""Tables as a statement names them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from sql_lineage.flow import Columns, Key, Links

_FUNCTION_LENGTH = 100


def key_of(table: exp.Table | exp.UDTF) -> Key:
    """Returns the name of a table in parts; a function in its place is called by its SQL."""
    found = table.parts if isinstance(table, exp.Table) else []
    parts = tuple("#" * bool(part.args.get("temporary")) + part.name for part in found if part.name)
    if parts and not isinstance(table.this, exp.Func):
        return parts
    return (table.this.sql()[:_FUNCTION_LENGTH] if isinstance(table.this, exp.Expr) else "?",)


def named(node: exp.Expr | None) -> exp.Table | None:
    """Returns the table that a statement writes into: `t`, `t (a, b)`."""
    inner = node.this if isinstance(node, exp.Schema) else node
    return inner if isinstance(inner, exp.Table) else None


def column_list(node: exp.Expr | None) -> list[str]:
    """Returns the columns that stand behind a table's name, as in `t (a, b)` or `t (a INT, b TEXT)`."""
    if not isinstance(node, exp.Schema | exp.Tuple):
        return []
    wanted = (exp.Identifier, exp.ColumnDef, exp.Column)
    return [column.name for column in node.expressions if isinstance(column, wanted)]


def pivoted(pivots: Sequence[exp.Pivot], columns: Columns, links: Links) -> Columns:
    """Returns the columns of a table behind PIVOT or UNPIVOT; what the operator makes comes from all that it names."""
    for pivot in pivots:
        taken = {column.name for column in pivot.find_all(exp.Column) if not isinstance(column.this, exp.Star)}
        fed = links.union(flow for name in sorted(taken) if (flow := columns.flow(name)))
        made = pivot.output_columns([name for name, _ in columns.ordered if name != "*"])
        kept = [(name, flow) for name, flow in columns.ordered if name not in taken]
        names = {name for name, _ in kept}
        columns = Columns(kept + [(name, fed) for name in made if name not in names], columns.open)
    return columns
