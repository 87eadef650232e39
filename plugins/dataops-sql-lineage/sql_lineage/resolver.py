"""Follows the columns of one query to their origins, scope by scope."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.optimizer.scope import Scope, traverse_scope, walk_in_scope

from sql_lineage.catalog import Catalog
from sql_lineage.flow import Columns, Flow, Key, Links, Opening
from sql_lineage.lookup import Lookup
from sql_lineage.projection import MOST_COLUMNS, function_columns, limit, output_names, star_columns, udtf_columns
from sql_lineage.tables import key_of, pivoted
from sql_lineage.visible import Visible

#: Where an alias of the same SELECT may be used in a later column of it.
LATERAL_ALIASES = frozenset(
    {"", "clickhouse", "databricks", "duckdb", "hive", "redshift", "snowflake", "spark", "teradata"}
)
#: The alias that sqlglot gives what has none.
INVENTED: Final = re.compile(r"_\d+|_q_\d+")
_CONDITIONS = (
    "prewhere", "where", "group", "having", "qualify", "order", "connect", "cluster", "distribute", "sort"
)  # fmt: skip
#: Clauses where an alias of the SELECT comes before a column of a table.
_ALIASES_FIRST = ("group", "having", "qualify", "order")


class Resolver:
    """The columns of a query that is normalized and whose tables have aliases.

    Args:
        query: the query.
        catalog: the tables that are known.
        dialect: its dialect.
        links: joins flows.
    """

    def __init__(self, query: exp.Query, catalog: Catalog, dialect: Dialect, links: Links) -> None:
        self.dialect, self.links = dialect, links
        self.lookup = Lookup(dialect, links, self.visible, self._subquery)
        self._catalog = catalog
        self._scopes = traverse_scope(query)
        self._by_expression = {id(scope.expression): scope for scope in self._scopes}
        self._columns: dict[int, Columns] = {}
        self._visible: dict[int, Visible] = {}
        self._tables: dict[Key, Columns] = {}
        #: Tables that the query reads, and the origins of what decides which rows there are.
        self.reads: dict[Key, None] = {}
        self.conditions: Flow = {}
        # In this order a scope comes after all that it reads.
        for scope in self._scopes:
            if not (scope.is_set_operation and isinstance(scope.expression, exp.SetOperation)):
                self.columns(scope)

    def output(self) -> Columns:
        """Returns the columns of the query."""
        return self.columns(self._scopes[-1]) if self._scopes else Columns()

    def columns(self, scope: Scope) -> Columns:
        """Returns the columns that a scope offers."""
        # The first part of a recursive CTE is offered to the second as a scope of its own, which nobody filled.
        scope = self._by_expression.get(id(scope.expression), scope)
        if id(scope) not in self._columns:
            self._columns[id(scope)] = Columns()  # what reads itself, in a form that is not valid, finds nothing
            made = self._made(scope)
            self._columns[id(scope)] = made.renamed(scope.outer_columns) if scope.outer_columns else made
        return self._columns[id(scope)]

    def visible(self, scope: Scope) -> Visible:
        """Returns what a scope selects from."""
        if id(scope) not in self._visible:
            seen = self._visible[id(scope)] = Visible(scope.expression)
            nodes: dict[str, exp.Expr | None] = dict(scope.references)
            for label in [*nodes, *(scope.lateral_sources if scope.is_udtf else ())]:
                source = scope.sources.get(label)
                node = nodes.get(label)
                pivots = node.args.get("pivots") if node is not None else None
                if label not in seen.tables and (source is not None or pivots):
                    offered = self._source(label, node, source, scope) if source is not None else Columns()
                    seen.add(label, pivoted(pivots, offered, self.links) if pivots else offered)
        return self._visible[id(scope)]

    def _source(self, label: str, node: exp.Expr | None, source: exp.Table | Scope, scope: Scope) -> Columns:
        call = source if isinstance(source, exp.Table) else source.expression
        if isinstance(call, exp.Table | exp.TableFromRows) and isinstance(call.this, exp.Func):
            where = source if isinstance(source, Scope) else scope
            made = function_columns(call, lambda e: self.lookup.flow(e, where))
            offered = self._read(call) if made is None else self._passed(made, label, "function")
        elif isinstance(source, exp.Table):
            offered = self._read(source)
        else:
            kind = "CTE" if isinstance(node, exp.Table) else "function" if source.is_udtf else "subquery"
            name = node.name if isinstance(node, exp.Table) else "" if INVENTED.fullmatch(label) else label
            offered = self._passed(self.columns(source), name, kind)
        # (SELECT …) AS x (a, b) is renamed by its scope already; a table or a CTE that is read as x (a, b) is not.
        return offered.renamed(node.alias_column_names) if isinstance(node, exp.Table) else offered

    def _read(self, table: exp.Table | exp.TableFromRows) -> Columns:
        key = key_of(table)
        self.reads[key] = None
        if key not in self._tables:
            self._tables[key] = self._catalog.columns(key, self.links)
        return self._tables[key]

    def _subquery(self, query: exp.Expr) -> Columns | None:
        inner = self._by_expression.get(id(query))
        return self.columns(inner) if inner else None

    def _passed(self, columns: Columns, label: str, kind: str) -> Columns:
        through = self.links.through
        ordered = [(name, through(flow, (label, kind, name))) for name, flow in columns.ordered]
        opened = [_passing(opening, label, kind, self.links) for opening in columns.open]
        return Columns(ordered, opened)

    def _made(self, scope: Scope) -> Columns:
        expression = scope.expression
        if isinstance(expression, exp.Select):
            return self._select(expression, scope)
        if isinstance(expression, exp.SetOperation):
            return self._union(scope)
        if isinstance(expression, exp.UDTF):
            inner = self._subquery(expression.this.unnest()) if expression.args.get("this") else None
            return udtf_columns(expression, inner, lambda e: self.lookup.flow(e, scope), self.links)
        offered = Columns()
        for source in self.visible(scope).tables.values():  # a bare table, or a query in parentheses
            offered.ordered += source.ordered
            offered.open += source.open
            limit(offered, expression)
        return offered

    def _select(self, select: exp.Select, scope: Scope) -> Columns:
        made = Columns()
        aliases: dict[str, Flow] = {}
        seen = self.visible(scope).without(scope.semi_or_anti_join_tables)
        usable = aliases if self.lookup.name in LATERAL_ALIASES else None
        for projection in select.expressions:
            if projection.is_star:
                stars = star_columns(projection, seen, lambda e: self.lookup.flow(e, scope), self.links)
                made.ordered += stars.ordered
                made.open += stars.open
                limit(made, projection)
                continue
            flow = self.lookup.flow(projection.unalias(), scope, usable)
            made.ordered += [(name, flow) for name in output_names(projection, self.dialect)]
            if isinstance(projection, exp.Alias):
                aliases[projection.alias] = flow
        self._collect_conditions(select, scope, aliases)
        return made

    def _collect_conditions(self, select: exp.Select, scope: Scope, aliases: dict[str, Flow]) -> None:
        clauses = [(name, select.args[name]) for name in _CONDITIONS if isinstance(select.args.get(name), exp.Expr)]
        clauses += [("on", join.args["on"]) for join in scope.find_all(exp.Join) if join.args.get("on")]
        flows = [self.visible(scope).merged(name, self.links) for name in self.visible(scope).using]
        for clause, expression in clauses:
            for node in walk_in_scope(expression):
                if isinstance(node, exp.Select | exp.SetOperation) and not isinstance(node.parent, exp.Exists):
                    inner = self._subquery(node)
                    flows += [self.links.row(inner)] if inner else []
                if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
                    continue
                alias = not node.table and node.name in aliases
                if alias and (clause in _ALIASES_FIRST or node.name not in self.visible(scope).having):
                    continue
                flows.append(self.lookup.column(node, scope))
        for flow in flows:
            for origin, path in (flow or {}).items():
                self.conditions.setdefault(origin, path)

    def _union(self, scope: Scope) -> Columns:
        parts = [self.columns(part) for part in _parts(scope)]
        opened = any(part.open for part in parts)
        if not (opened or scope.expression.args.get("by_name")):
            length = len(parts[0].ordered)
            rows = zip(*(part.ordered[:length] for part in parts if len(part.ordered) >= length), strict=True)
            return Columns([(row[0][0], self.links.union(flow for _, flow in row)) for row in rows])
        names = dict.fromkeys(name for part in parts for name, _ in part.ordered if name != "*")
        known = [(name, self.links.union(flow for part in parts if (flow := part.flow(name)))) for name in names]
        starred = ((name, flow) for part in parts for name, flow in part.ordered if name == "*")
        stars = list(islice(starred, MOST_COLUMNS + 1))
        rest = Opening(
            " and ".join(dict.fromkeys(opening.table for part in parts for opening in part.open)),
            lambda name: self.links.union(flow for part in parts if (flow := part.flow(name))),
        )
        made = Columns(known + stars, [rest] if opened else [])
        limit(made, scope.expression)
        return made


def _parts(scope: Scope) -> list[Scope]:
    """Returns the queries whose rows a chain of set operations gives: of A EXCEPT B only A."""
    found: list[Scope] = []
    waiting = [scope]
    while waiting:
        part = waiting.pop()
        if not isinstance(part.expression, exp.SetOperation) or len(part.set_operation_scopes) < 2:
            found.append(part)
        else:
            left, right = part.set_operation_scopes
            waiting += [left] if isinstance(part.expression, exp.Except) else [right, left]
    return found


def _passing(opening: Opening, label: str, kind: str, links: Links) -> Opening:
    return Opening(opening.table, lambda name: links.through(opening.flow(name), (label, kind, name)), opening.without)
