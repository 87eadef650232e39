"""The columns that a SELECT list, a star or a table function gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.postgres import Postgres

from sql_lineage.flow import Columns, Flow, Links, Opening, Origin
from sql_lineage.visible import Visible

FlowOf = Callable[[exp.Expr], Flow]
#: Columns that one relation may get by stars: stars of stars double with each step.
MOST_COLUMNS: Final = 10_000
_NAME_LENGTH: Final = 200
#: Functions that may read what is no column: files, other services, tables by their name.
_READERS = (exp.Anonymous, exp.ReadCSV, exp.ReadParquet)


class TooWide(Exception):
    """A relation gets too many columns by stars.

    Args:
        at: the star, or the query.
    """

    def __init__(self, at: exp.Expr) -> None:
        super().__init__(at)
        self.at = at


def limit(columns: Columns, at: exp.Expr) -> None:
    """Raises TooWide where stars made more columns than are followed."""
    if len(columns.ordered) + len(columns.open) > MOST_COLUMNS:
        raise TooWide(at)


def output_names(projection: exp.Expr, dialect: Dialect) -> list[str]:
    """Returns the names of a column of a SELECT list; one without a name is called by its SQL."""
    if isinstance(projection, exp.Aliases):
        return [identifier.name for identifier in projection.aliases]
    unnamed = isinstance(projection, exp.Cast) and not isinstance(dialect, Postgres)  # which names it by its column
    name = "" if unnamed else projection.output_name
    return [name or projection.sql(dialect, comments=False)[:_NAME_LENGTH]]


def star_columns(star: exp.Expr, seen: Visible, flow: FlowOf, links: Links) -> Columns:
    """Returns the columns that `*`, `t.*`, `* EXCEPT (…)` or `* REPLACE (…)` stands for.

    Args:
        star: the star.
        seen: what the SELECT sees.
        flow: follows an expression of it.
        links: joins flows.

    Raises:
        TooWide: they are too many.
    """
    if isinstance(star, exp.Dot):
        return Columns([("*", flow(star.this))])  # all fields of a structured column
    table = star.table if isinstance(star, exp.Column) else ""
    if table and table not in seen.tables:
        return Columns([("*", {Origin((table,), "*", "no table or alias is called %", ((table,),)): None})])
    options = star.this.args if isinstance(star, exp.Column) else star.args
    without = frozenset(column.name for column in options.get("except_") or ())
    replaced = {alias.alias: flow(alias.this) for alias in _aliases(options, "replace")}
    renamed = {alias.this.name: alias.alias for alias in _aliases(options, "rename")}
    made = Columns()
    done: set[str] = set()
    if not table and any(source.open for source in seen.tables.values()):
        # What USING names is there once, and first, whatever else the tables have.
        done.update(seen.using)
        shared = [(name, seen.merged(name, links) or {}) for name in seen.using if name not in without]
        made.ordered += [(renamed.get(name, name), replaced.get(name, origin)) for name, origin in shared]
    hidden = without | done
    for label, source in {table: seen.tables[table]}.items() if table else seen.tables.items():
        for name, given in source.ordered:
            if name in without or name in done:
                continue
            merged = set() if table or name == "*" else seen.joined(name)
            if label in merged:
                done.add(name)
                origin = links.union(seen.tables[other].known[name] for other in seen.having[name] if other in merged)
            else:
                origin = given
            made.ordered.append((renamed.get(name, name), replaced.get(name, origin)))
        made.open += [
            Opening(opening.table, _replacing(opening.flow, replaced), opening.without | hidden)
            for opening in source.open
        ]
        if source.open and not any(name == "*" for name, _ in source.ordered):
            made.ordered.append(("*", all_of(source.open)))
        limit(made, star)
    links.add(len(made.ordered))
    return made


def _aliases(options: Mapping[str, Any], name: str) -> list[exp.Alias]:
    found = options.get(name) or ()
    return [each for each in found if isinstance(each, exp.Alias) and isinstance(each.this, exp.Expr)]


def all_of(opened: Iterable[Opening]) -> Flow:
    """Returns what stands for all columns of tables whose columns are not known."""
    why = "its columns are not known"
    found: Flow = {}
    for opening in opened:
        for origin, path in opening.flow("*").items():
            found[Origin(origin.table, "*", origin.why or why, origin.names)] = path
    return found


def udtf_columns(function: exp.UDTF, inner: Columns | None, flow: FlowOf, links: Links) -> Columns:
    """Returns the columns of a table function, of VALUES, or of a lateral subquery.

    Args:
        function: UNNEST, LATERAL, VALUES, …
        inner: the columns of its subquery, if it is one.
        flow: follows an expression where the function stands.
        links: joins flows.
    """
    names = function.alias_column_names
    if inner is not None:
        return inner.renamed(names)
    if isinstance(function, exp.Values):
        rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in function.expressions]
        width = max((len(row) for row in rows), default=0)
        columns = [links.union(flow(row[i]) for row in rows if i < len(row)) for i in range(width)]
        return Columns([(names[i] if i < len(names) else f"column{i + 1}", made) for i, made in enumerate(columns)])
    arguments = [*function.expressions, *([function.this] if isinstance(function.this, exp.Expr) else [])]
    fed = links.union(flow(argument) for argument in arguments)
    offset = function.args.get("offset")
    extra = [(offset.name, Flow())] if isinstance(offset, exp.Identifier) else []
    if names:
        return Columns([(name, fed) for name in names] + extra)
    return Columns(extra, [Opening(f"{function.alias or function.key}()", lambda _: fed)])


def function_columns(call: exp.Table | exp.UDTF, flow: FlowOf) -> Columns | None:
    """Returns the columns of a function that stands for a table: they are made of what it is called with.

    Args:
        call: `jsonb_each(t.doc) AS j`.
        flow: follows an expression where the function stands.

    Returns:
        The columns, or None for a function that gives what no column was put into, such as `read_csv('x.csv')`.
    """
    fed = flow(call.this)
    if not fed and isinstance(call.this, _READERS):
        return None
    names = call.alias_column_names
    return (
        Columns([(name, fed) for name in names]) if names else Columns([], [Opening(f"{call.alias}()", lambda _: fed)])
    )


def _replacing(flow: Callable[[str], Flow], replaced: Mapping[str, Flow]) -> Callable[[str], Flow]:
    return lambda name: replaced[name] if name in replaced else flow(name)
