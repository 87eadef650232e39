"""Finds what a name means where it stands, and what an expression is made of.

sqlglot's `qualify_columns` is not used: it gives up a whole query for one column that it cannot place, and says nothing
of a column that could be of several tables. Here such a column is an origin that says why it is not resolved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.optimizer.scope import Scope, walk_in_scope

from sql_lineage.flow import Columns, Flow, Links, Origin, one_of
from sql_lineage.projection import all_of
from sql_lineage.visible import Visible

#: Where `a.b` may be the field b of a column a, without parentheses around a.
FIELDS = frozenset(
    "athena bigquery clickhouse databricks duckdb hive presto redshift spark spark2 trino".split()
)  # fmt: skip
#: Where the alias of a table may stand for a whole row of it.
ROWS = frozenset({"bigquery", "duckdb", "materialize", "postgres", "redshift", "risingwave"})


class Lookup:
    """Looks names up, from a query outward to those around it.

    Args:
        dialect: says which names mean what.
        links: joins flows.
        visible: gives what a query sees.
        columns: gives the columns of a subquery, or None where it is none.
    """

    def __init__(
        self,
        dialect: Dialect,
        links: Links,
        visible: Callable[[Scope], Visible],
        columns: Callable[[exp.Expr], Columns | None],
    ) -> None:
        self._dialect, self._links, self._visible, self._query = dialect, links, visible, columns
        self.name = type(dialect).__name__.lower().removesuffix("dialect")
        self._named: dict[int, dict[str, exp.Expr]] = {}

    def flow(self, expression: exp.Expr, scope: Scope, aliases: Mapping[str, Flow] | None = None) -> Flow:
        """Returns where the value of an expression comes from.

        Args:
            expression: the expression.
            scope: where it stands.
            aliases: columns of the same SELECT that it may use.
        """
        flows: list[Flow] = []
        for node in walk_in_scope(expression):
            if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
                flows.append(self._aliased(node, scope, aliases or {}) or self.column(node, scope))
            elif isinstance(node, exp.Select | exp.SetOperation) and not isinstance(node.parent, exp.Exists):
                inner = self._query(node)
                flows += [self._links.row(inner)] if inner else []
            elif isinstance(node, exp.Window) and node.args.get("alias") and isinstance(scope.expression, exp.Select):
                # OVER w: what w is stands in the WINDOW clause.
                named = scope.expression.args.get("windows") or ()
                flows += [self.flow(w, scope) for w in named if w is not node and w.name == node.alias]
            elif isinstance(node, exp.Columns):
                flows.append(_missing(node.sql(self._dialect)[:100], "which columns it stands for is not known"))
        return flows[0] if len(flows) == 1 else self._links.union(flows)

    def column(self, column: exp.Column, scope: Scope) -> Flow:
        """Returns the origins of a column where it stands."""
        name, label = column.name, column.table
        if not label or label.lower() in self._pattern(scope):
            return self._unqualified(name, column, scope)
        for outer in outward(scope):
            source = self._visible(outer).tables.get(label)
            if source is not None:
                flow = source.flow(name)
                return _missing(name, "% has no such column", label) if flow is None else flow
        return self._field(column, scope)

    def _field(self, column: exp.Column, scope: Scope) -> Flow:
        """Returns the origins of a field of a structured column: `payload.id`, `t.payload.id`."""
        root, *fields = [part.name for part in column.parts]
        for outer in outward(scope):
            source = self._visible(outer).tables.get(root)
            if source is not None and len(fields) > 1:
                return source.flow(fields[0]) or _missing(fields[0], "% has no such column", root)
        if self.name in FIELDS or any(root in self._visible(outer).having for outer in outward(scope)):
            return self._unqualified(root, column, scope)
        table = (column.table,)
        return {Origin(table, column.name, "no table or alias is called %", (table,)): None}

    def _aliased(self, column: exp.Column, scope: Scope, aliases: Mapping[str, Flow]) -> Flow | None:
        """Returns what a column is that may be an alias of the same SELECT; a column of a table comes first."""
        name = column.name
        if column.table or name not in aliases:
            return None
        seen = self._visible(scope)
        if name in seen.having:
            return None
        unsure = seen.opens(name)
        if not unsure:
            return aliases[name]
        if len(unsure) == 1 and any(o.column == name and not o.why for o in aliases[name]):
            return None  # the alias itself is made of a column of that name, so the table has one
        tables = one_of(name, unsure)
        why = f"{tables.why} or the alias % of the same SELECT"
        return {Origin((), name, why, (*tables.names, (name,))): None}

    def _unqualified(self, name: str, column: exp.Column, scope: Scope) -> Flow:
        if name.upper() in self._dialect.PSEUDOCOLUMNS:
            return {}
        near: list[str] = []
        placed: Visible | None = None
        for outer in outward(scope):
            named = self._names_of(outer).pop(name, None)
            if named is not None:
                try:
                    return self.flow(named, outer)
                finally:
                    self._names_of(outer)[name] = named
            hidden = outer.semi_or_anti_join_tables
            # Such a join shows its table to its own condition only.
            seen = self._visible(outer).without(() if hidden and column.find_ancestor(exp.Join) else hidden)
            merged = seen.merged(name, self._links)
            if merged is not None:
                return merged
            having = seen.having.get(name, [])
            if (near and having) or len(having) > 1:
                return {one_of(name, [*near, *having]): None}
            if having:
                return seen.tables[having[0]].known[name]
            row = self._row(name, seen)
            if row is not None:
                return row
            # A subquery means its own table first; where both are unknown, nobody could tell otherwise.
            if not near:
                near, placed = seen.opens(name), seen
            if not outer.can_be_correlated:
                break
        if placed is not None and len(near) == 1:
            return placed.tables[near[0]].flow(name) or {}
        return {one_of(name, near): None} if near else _missing(name, "no table has such a column")

    def _row(self, name: str, seen: Visible) -> Flow | None:
        """Returns a whole row, where a name is the alias of a table and is not the table's own name."""
        source = seen.tables.get(name)
        if source is None or self.name not in ROWS:
            return None
        opened = [opening.table.split(".")[-1] for opening in source.open]
        if f"{name}()" in opened:
            return source.flow(name)  # FROM unnest(t.items) AS item: the one value that the function gives
        if name in opened:
            return None  # FROM status: the table may have a column of its own name
        known = [flow for _, flow in source.ordered]
        return self._links.union([*known, all_of(source.open)] if source.open else known)

    def _names_of(self, scope: Scope) -> dict[str, exp.Expr]:
        """Returns what a query itself names: ClickHouse's WITH and ARRAY JOIN, measures of MATCH_RECOGNIZE."""
        found = self._named.get(id(scope))
        if found is None:
            found = self._named[id(scope)] = {}
            args = scope.expression.args
            for cte in args["with_"].expressions if args.get("with_") else ():
                if cte.args.get("scalar"):
                    found[cte.alias] = cte.this
            for join in args.get("joins") or ():
                if join.kind == "ARRAY":
                    arrays = [each for each in (join.this, *join.expressions) if isinstance(each, exp.Alias)]
                    found.update((each.alias, each.this) for each in arrays)
            for measure in args["match"].args.get("measures") or () if args.get("match") else ():
                found[measure.this.alias] = measure.this.this
        return found

    def _pattern(self, scope: Scope) -> list[str]:
        """Returns what MATCH_RECOGNIZE calls the rows that it matches, and itself."""
        match = scope.expression.args.get("match")
        if not isinstance(match, exp.MatchRecognize):
            return []
        return [match.alias.lower(), *re.findall(r"\w+", str(match.args.get("pattern") or "").lower())]


def outward(scope: Scope) -> Iterator[Scope]:
    """Yields a scope and those around it. A function sees the tables before it, and not the SELECT that reads it."""
    inner: Scope | None = scope
    while inner is not None:
        yield inner
        inner = inner.parent.parent if inner.is_udtf and inner.parent else inner.parent


def _missing(name: str, why: str, *names: str) -> Flow:
    return {Origin((), name, why, tuple((each,) for each in names)): None}
