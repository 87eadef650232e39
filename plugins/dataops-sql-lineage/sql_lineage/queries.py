"""The queries that compute what statements write: each form of SQL as one SELECT."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp


def queried(statement: exp.Expr) -> exp.Query | None:
    """Returns the query of `INSERT … SELECT` or `CREATE … AS`, with the CTEs that stand before the statement."""
    body = statement.args["expression"]
    if not isinstance(body, exp.Query | exp.Values):
        return None
    query = whole(body)
    before = statement.args.get("with_")
    if before:
        own = query.args.get("with_")
        query.set("with_", exp.With(
            expressions=[*before.expressions, *(own.expressions if own else [])],
            recursive=before.recursive or bool(own and own.recursive),
        ))  # fmt: skip
    return query


def whole(query: exp.Query | exp.Values) -> exp.Query:
    """Returns a query without the parentheses around it; VALUES, which is none, as a SELECT of all its columns."""
    while isinstance(query, exp.Subquery) and isinstance(query.this, exp.Query) and not query.args.get("pivots"):
        inner = query.this
        if query.args.get("with_") and not inner.args.get("with_"):
            inner.set("with_", query.args["with_"])
        query = inner
    if isinstance(query, exp.Values):
        return _rows(query)
    query.pop()
    return query


def value_queries(query: exp.Query) -> None:
    """Turns VALUES with queries among the values, for which sqlglot makes no scopes, into queries."""
    for values in list(query.find_all(exp.Values)):
        if values.find(exp.Query) and isinstance(values.parent, exp.From | exp.Join):
            values.replace(exp.Subquery(this=_rows(values), alias=values.args.get("alias")))


def _rows(values: exp.Values) -> exp.Query:
    """Returns VALUES as a SELECT of its rows; of rows of constants only the first."""
    rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in values.expressions]
    fed = [row for row in rows if any(value.find(exp.Query, exp.Column) for value in row)] or rows[:1]
    made: exp.Query | None = None
    for row in fed:
        columns = [
            exp.Alias(this=value.copy(), alias=exp.to_identifier(f"column{i}")) for i, value in enumerate(row, 1)
        ]
        select = exp.Select(expressions=columns)
        made = select if made is None else exp.Union(this=made, expression=select, distinct=False)
    return made or exp.Select(expressions=[])


def assigned(expressions: Sequence[exp.Expr]) -> list[tuple[exp.Column, exp.Expr]]:
    """Returns the columns of `SET a = x, (b, c) = (y, z)` or `(b, c) = (SELECT …)`, each with its value."""
    sets: list[tuple[exp.Expr, exp.Expr]] = []
    for each in expressions:
        columns, value = each.this, each.expression
        if not isinstance(each, exp.EQ):
            continue
        if isinstance(columns, exp.Tuple):
            query = value.unnest() if isinstance(value, exp.Subquery) else value
            sets += zip(columns.expressions, _parts(query, len(columns.expressions)), strict=False)
        else:
            sets.append((columns, value))
    return [(column, value) for column, value in sets if isinstance(column, exp.Column)]


def _parts(value: exp.Expr, count: int) -> list[exp.Expr]:
    """Returns the values that a row or a query of `count` columns gives."""
    if isinstance(value, exp.Tuple):
        return value.expressions
    if not isinstance(value, exp.Select) or len(value.selects) != count:
        return [value] * count
    found: list[exp.Expr] = []
    for i in range(count):
        one = value.copy()
        one.set("expressions", [one.expressions[i]])
        found.append(exp.Subquery(this=one))
    return found


def returned(statement: exp.Expr) -> exp.Query:
    """Returns what INSERT, UPDATE, DELETE or MERGE … RETURNING gives, as a query of the table that it writes."""
    returning = statement.args.get("returning")
    table = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
    columns = [each.copy() for each in returning.expressions] if isinstance(returning, exp.Returning) else []
    return exp.Select(expressions=columns, from_=exp.From(this=table.copy()))


def reading(statement: exp.Expr) -> exp.Query | None:
    """Returns the queries in a statement that is not followed as one that gives nothing: it tells what is read."""
    found: list[exp.Expr] = []
    for node in statement.walk(prune=lambda node: isinstance(node, exp.Query)):
        if isinstance(node, exp.Select | exp.SetOperation | exp.Subquery):
            query = node if isinstance(node, exp.Subquery) else exp.Subquery(this=node.copy())
            found.append(query)
    return computed([], found, exp.Select()) if found else None


def computed(sets: Sequence[tuple[exp.Expr, exp.Expr]], sources: list[exp.Expr], statement: exp.Expr) -> exp.Select:
    """Returns the SELECT that computes what an UPDATE, MERGE or DELETE writes."""
    columns = [exp.Alias(this=value.copy(), alias=exp.to_identifier(column.name)) for column, value in sets]
    first, *rest = [source.copy() for source in sources]
    select = exp.Select(expressions=columns, from_=exp.From(this=first))
    joins = [exp.Join(this=source) for source in rest]
    on = statement.args.get("on")
    if on is not None and joins:
        joins[-1].set("on", on.copy())
    select.set("joins", joins)
    for part in ("where", "with_"):
        if statement.args.get(part):
            select.set(part, statement.args[part].copy())
    return select


def names_target(statement: exp.Expr, alias: str, sets: Sequence[tuple[exp.Expr, exp.Expr]]) -> bool:
    """Says whether the values that are written name the table that they are written into."""
    return any(column.table == alias for _, value in sets for column in value.find_all(exp.Column))
