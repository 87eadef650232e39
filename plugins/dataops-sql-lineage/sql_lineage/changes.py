"""What a statement changes: each form of SQL as a query whose columns are written into a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from sql_lineage.catalog import Catalog
from sql_lineage.flow import Key
from sql_lineage.queries import assigned, computed, names_target, queried, reading, returned, whole
from sql_lineage.tables import column_list, key_of, named


@dataclass(slots=True)
class Change:
    """One table that a statement reads into or makes, or what it returns.

    Args:
        kind: as `Traced.kind`, where it is not that of the whole statement.
        target: the table that is written.
        query: gives the columns that are written.
        names: the columns that they become, by position; [] takes the table's own.
        by_name: the query's names are the table's.
        partition: columns of the table that the query does not give.
        makes: "table", "view" or "temporary table" where the table is made anew.
        declared: the columns that a new table is said to have.
        copies: the table whose columns the new one has.
        drops: tables that are gone after it.
        also: tables that are written beside the target.
        unread: the target, where a query names it only to place columns.
        notes: what else is to be said.
    """

    kind: str = ""
    target: Key | None = None
    query: exp.Query | None = None
    names: list[str] = field(default_factory=list)
    by_name: bool = False
    partition: frozenset[str] = frozenset()
    makes: str = ""
    declared: list[str] = field(default_factory=list)
    copies: Key | None = None
    drops: list[Key] = field(default_factory=list)
    also: list[Key] = field(default_factory=list)
    unread: Key | None = None
    notes: list[str] = field(default_factory=list)


def changes(tree: exp.Expr, catalog: Catalog) -> Iterator[Change]:
    """Yields what a statement does, one table after the other.

    Args:
        tree: the statement, with normalized names.
        catalog: the tables that are known, for `MERGE … INSERT *`.
    """
    yield from _in_ctes(tree, catalog)
    if isinstance(tree, exp.Query | exp.Values):
        yield _select(tree)
    elif isinstance(tree, exp.Insert):
        yield _insert(tree)
    elif isinstance(tree, exp.Create):
        yield _create(tree, catalog)
    elif isinstance(tree, exp.Update):
        yield _update(tree)
    elif isinstance(tree, exp.Merge):
        yield _merge(tree, catalog)
    elif isinstance(tree, exp.Delete):
        yield _delete(tree)
    elif isinstance(tree, exp.MultitableInserts):
        yield from _several(tree)
    else:
        yield _other(tree)


def _in_ctes(tree: exp.Expr, catalog: Catalog) -> Iterator[Change]:
    """Yields what `WITH d AS (DELETE … RETURNING …)` does, and puts what it returns in its place."""
    with_ = tree.args.get("with_")
    before: list[exp.Expr] = []
    for cte in with_.expressions if isinstance(with_, exp.With) else ():
        inner = cte.this
        before.append(cte)
        if isinstance(inner, exp.Insert | exp.Update | exp.Delete | exp.Merge) and named(inner.this) is not None:
            cte.set("this", returned(inner))
            if len(before) > 1:
                inner.set("with_", exp.With(expressions=[each.copy() for each in before[:-1]]))
            for change in changes(inner, catalog):
                change.kind = change.kind or inner.key.upper()
                yield change


def _select(query: exp.Query | exp.Values) -> Change:
    into = query.args.get("into")
    target = named(into.this) if isinstance(into, exp.Into) else None
    if not isinstance(into, exp.Into) or target is None:
        return Change(query=whole(query))
    into.pop()
    return Change("SELECT INTO", key_of(target), whole(query), makes=_made(into, "table"))


def _insert(insert: exp.Insert) -> Change:
    target = named(insert.this)
    if target is None:  # INSERT OVERWRITE DIRECTORY
        return Change(query=queried(insert))
    partition = target.args.get("partition")
    fixed = [e.this.name for e in partition.expressions if isinstance(e, exp.EQ)] if partition else []
    return Change(
        target=key_of(target),
        query=queried(insert),
        names=column_list(insert.this),
        by_name=bool(insert.args.get("by_name")),
        partition=frozenset(fixed),
    )


def _create(create: exp.Create, catalog: Catalog) -> Change:
    kind = str(create.args.get("kind") or "").upper()
    body = create.expression
    target = named(create.this)
    if kind not in ("TABLE", "VIEW") or target is None:
        return Change(query=reading(create), notes=["what it does is not followed"] if body else [])
    made = Change(target=key_of(target), makes=_made(create, kind.lower()))
    like = create.find(exp.LikeProperty)
    into = create.find(exp.ToTableProperty)  # ClickHouse: a view that writes into a table
    clone = create.args.get("clone")
    copied = named(clone.this if clone else like.this if like else None)
    if isinstance(body, exp.Query):
        made.query, made.names = queried(create), column_list(create.this)
        made.also = [key_of(into.this)] if into else []
    elif copied is not None:
        made.copies = key_of(copied)
    else:
        made.declared = column_list(create.this)
    if create.args.get("exists") and catalog.find(made.target or ()):
        made.makes = ""  # IF NOT EXISTS, and it does: what was written before stays
    return made


def _update(update: exp.Update) -> Change:
    from_ = update.args.get("from_")
    target = update.this
    sources = [from_.this] if from_ else []
    aliases = {table.alias_or_name: table for source in sources for table in source.find_all(exp.Table)}
    if isinstance(target, exp.Table) and not target.db and target.name in aliases:
        written = aliases[target.name]  # UPDATE t … FROM orders AS t
    else:
        written = target
        sources.insert(0, target)
    sets = assigned(update.expressions)
    # MySQL: UPDATE a JOIN b SET b.x = a.y writes into b.
    joined = {table.alias_or_name: table for table in target.find_all(exp.Table)}
    written = next((joined[column.table] for column, _ in sets if column.table in joined), written)
    return Change(
        target=key_of(written),
        query=computed(sets, sources, update),
        by_name=True,
        unread=None if names_target(update, written.alias_or_name, sets) else key_of(written),
    )


def _merge(merge: exp.Merge, catalog: Catalog) -> Change:
    target, using = merge.this, merge.args["using"]
    sets: list[tuple[exp.Expr, exp.Expr]] = []
    notes: list[str] = []
    stars = False
    for when in merge.args["whens"].expressions:
        then = when.args.get("then")
        if isinstance(then, exp.Update):
            listed = then.args.get("expressions")
            pairs = assigned(listed) if isinstance(listed, list) else []  # UPDATE *
            stars = stars or not pairs
            sets += pairs
        elif isinstance(then, exp.Insert):
            values = then.expression.expressions if isinstance(then.expression, exp.Tuple) else []
            if not values:
                stars = True
                continue
            into = then.this.expressions if isinstance(then.this, exp.Tuple) else []
            table = catalog.find(key_of(target))
            names = [c.name for c in into] or (table.declared if table else None) or []
            if not names:
                notes.append("INSERT without a list of columns is not followed: the table's columns are not known")
            sets += [(exp.column(n), value) for n, value in zip(names, values, strict=False)]
    query = computed(sets, [target, using], merge)
    if stars:
        query.append("expressions", exp.Column(this=exp.Star(), table=exp.to_identifier(using.alias_or_name)))
    unread = None if names_target(merge, target.alias_or_name, sets) else key_of(target)
    return Change(target=key_of(target), query=query, by_name=True, unread=unread, notes=notes)


def _delete(delete: exp.Delete) -> Change:
    using = delete.args.get("using") or []
    target = delete.this
    written = [key_of(table) for table in delete.args.get("tables") or [] if isinstance(table, exp.Table)]
    if not isinstance(target, exp.Table):
        return Change(also=written)
    query = computed([], [target, *using], delete)
    aliases = {table.alias_or_name: key_of(table) for table in query.find_all(exp.Table)}
    also = [aliases.get(key[0], key) for key in written]
    return Change(query=query, also=also or [key_of(target)], unread=None if also else key_of(target))


def _several(inserts: exp.MultitableInserts) -> Iterator[Change]:
    source = inserts.args["source"]
    for each in inserts.expressions:
        insert = each.this if isinstance(each, exp.ConditionalInsert) else each
        target, body = named(insert.this), insert.expression
        if target is None:
            continue
        shared = source.copy()
        if isinstance(shared, exp.Query) and not isinstance(shared, exp.Subquery):
            shared = exp.Subquery(this=shared)
        if isinstance(body, exp.Select):  # Hive: FROM s INSERT INTO t SELECT …
            query = body.copy()
            query.set("from_", exp.From(this=shared))
        else:  # Oracle: INSERT ALL INTO t VALUES (…) SELECT …
            rows = body.expressions if isinstance(body, exp.Values) else []
            row = rows[0].expressions if rows else [exp.Star()]
            query = exp.Select(expressions=[e.copy() for e in row], from_=exp.From(this=shared))
        yield Change("INSERT", key_of(target), query, names=column_list(insert.this))


def _other(tree: exp.Expr) -> Change:
    if isinstance(tree, exp.Drop):
        gone = [key_of(table) for table in tree.args.get("tables") or () if isinstance(table, exp.Table)]
        return Change(drops=gone if str(tree.args.get("kind")).upper() in ("TABLE", "VIEW") else [])
    target = named(tree.this)
    if isinstance(tree, exp.Cache) and target is not None and tree.expression:  # CACHE TABLE … AS, in Spark
        return Change(target=key_of(target), query=queried(tree), makes="view")
    if isinstance(tree, exp.Copy) and isinstance(tree.this, exp.Query):  # COPY (SELECT …) TO
        return Change(query=whole(tree.this))
    if isinstance(tree, exp.Alter) and target is not None:
        renamed = next((a.this for a in tree.args.get("actions") or () if isinstance(a, exp.AlterRename)), None)
        if isinstance(renamed, exp.Table):
            key = key_of(target)
            return Change(target=key_of(renamed), makes="table", copies=key, drops=[key])
        return Change(also=[key_of(target)])
    if isinstance(tree, exp.TruncateTable) and not tree.args.get("is_database"):
        return Change(also=[key_of(table) for table in tree.expressions if isinstance(table, exp.Table)])
    if isinstance(tree, exp.Copy | exp.LoadData) and target is not None:
        return Change(also=[key_of(target)])
    return Change(query=reading(tree), notes=["this form is not followed"] if isinstance(tree, exp.Command) else [])


def _made(statement: exp.Expr, kind: str) -> str:
    """Returns what a statement makes: "view", "table" or "temporary table"."""
    temporary = statement.args.get("temporary") or statement.find(exp.TemporaryProperty)
    return "temporary table" if temporary and kind == "table" else kind
