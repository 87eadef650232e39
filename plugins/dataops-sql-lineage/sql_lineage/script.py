"""Follows a script statement by statement: what each reads and writes, and where its columns come from."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify_tables import qualify_tables

from dataops_core.errors import InvalidValue
from sql_lineage.catalog import Catalog, Table
from sql_lineage.chains import balance, deeper
from sql_lineage.changes import Change, changes
from sql_lineage.flow import Columns, Flow, Key, Links
from sql_lineage.names import Spelling, shown
from sql_lineage.projection import MOST_COLUMNS, TooWide, all_of
from sql_lineage.queries import value_queries
from sql_lineage.resolver import INVENTED, Resolver
from sql_lineage.statements import Problem, parse_script, too_deep

#: Statements that a script may have.
MOST_STATEMENTS: Final = 20_000
#: CTEs and table functions that a statement may have: time and memory grow with their square.
MOST_CTES: Final = 1_000
#: CTEs of a statement that write: each is followed as a statement of its own, with all CTEs before it.
MOST_WRITING: Final = 100
#: Tables of INSERT ALL, times the names in its query, which is followed for each.
MOST_SHARED: Final = 500_000
_HOLDS = (exp.With, exp.From, exp.Join, exp.Select)
UNEXPECTED: Final = "the statement has a form that nobody expected"


@dataclass(slots=True)
class Traced:
    """What one statement does.

    Args:
        line: where it begins.
        kind: "SELECT", "INSERT", "CREATE VIEW", …
        target: the table that it writes, or None.
        columns: the columns that it writes or returns.
        reads, writes: tables.
        makes: whether it makes the table that it writes.
        conditions: the columns that decide which rows there are (WHERE, ON, GROUP BY, …).
        problem: why it could not be read or followed, or None.
        notes: what else is to be said.
    """

    line: int
    kind: str = ""
    target: Key | None = None
    columns: Columns = field(default_factory=Columns)
    reads: list[Key] = field(default_factory=list)
    writes: list[Key] = field(default_factory=list)
    makes: bool = False
    conditions: Flow = field(default_factory=dict)
    problem: Problem | None = None
    notes: list[str] = field(default_factory=list)


class Script:
    """A script, followed from its first statement to its last.

    Args:
        dialect: its dialect.
        catalog: the tables that are known before it begins.
        spelling: how names are written.
    """

    def __init__(self, dialect: Dialect, catalog: Catalog, spelling: Spelling) -> None:
        self.dialect, self.catalog, self.spelling = dialect, catalog, spelling
        self.links = Links()

    def trace(self, sql: str) -> list[Traced]:
        """Follows all statements.

        Raises:
            InvalidValue: the script is too large to be followed.
        """
        log = logging.getLogger("sqlglot")
        quiet, log.disabled = log.disabled, True  # it would print pieces of the script
        try:
            found = parse_script(sql, self.dialect)
            if len(found) > MOST_STATEMENTS:
                raise InvalidValue(
                    f"the script has {len(found)} statements; {MOST_STATEMENTS} are the most that are followed",
                    hint="split it into several files",
                )
            traced: list[Traced] = []
            for statement in found:
                if statement.tree is None:
                    traced.append(Traced(statement.line, "", problem=statement.problem))
                else:
                    traced += self._statement(statement.tree, statement.line)
            return traced
        finally:
            log.disabled = quiet

    def _statement(self, tree: exp.Expr, line: int) -> Iterator[Traced]:
        kind = _kind(tree)
        if message := _too_many(tree):
            yield Traced(line, kind, problem=Problem(line, 1, message, "write it as several statements"))
            return
        try:
            balance(tree)
            if deeper(tree):
                yield Traced(line, kind, problem=too_deep(line))
                return
            for change in changes(self.spelling.normalize(tree), self.catalog):
                yield self._change(change, line, kind)
        except RecursionError:
            yield Traced(line, kind, problem=too_deep(line))
        except TooWide as wide:
            yield Traced(line, kind, problem=self._too_wide(wide.at, line))
        except SqlglotError as error:
            yield Traced(line, kind, problem=Problem(line, 1, shown(error, 200)))
        except InvalidValue:
            raise
        except Exception as error:  # what the parser lets pass may be in any form; the other statements are followed
            problem = Problem(line, 1, f"{UNEXPECTED} ({type(error).__name__}: {shown(error, 100)})")
            yield Traced(line, kind, problem=problem)

    def _too_wide(self, at: exp.Expr, line: int) -> Problem:
        held = at.find_ancestor(exp.CTE, exp.Subquery)
        name = held.alias if held is not None and not INVENTED.fullmatch(held.alias) else ""
        place = next((star.meta for star in at.find_all(exp.Star) if "line" in star.meta), {"line": line, "col": 1})
        told = shown(self.spelling.name(name)) if name else "a subquery" if held is not None else "the result"
        message = f"{told} gets more than {MOST_COLUMNS} columns by *, the most that are followed"
        return Problem(place["line"], place["col"], message, "name the columns that are needed instead of *")

    def _change(self, change: Change, line: int, kind: str) -> Traced:
        traced = Traced(line, change.kind or kind, change.target, makes=bool(change.makes), notes=list(change.notes))
        traced.writes = [change.target, *change.also] if change.target else list(change.also)
        if change.query is not None:
            value_queries(change.query)
            query = qualify_tables(change.query, dialect=self.dialect)
            resolver = Resolver(query, self.catalog, self.dialect, self.links)
            traced.columns = self._bound(resolver.output(), change, traced.notes)
            traced.conditions = resolver.conditions
            traced.reads = [key for key in resolver.reads if key != change.unread]
        if change.copies is not None:
            traced.reads.append(change.copies)
            traced.columns = self.catalog.columns(change.copies, self.links)
            if traced.columns.open:
                traced.columns.ordered.append(("*", all_of(traced.columns.open)))
        self._remember(change, traced)
        return traced

    def _bound(self, columns: Columns, change: Change, notes: list[str]) -> Columns:
        """Returns what a query gives under the names of the columns that it is written into."""
        if change.by_name or change.target is None or not columns.ordered:
            return columns
        names = change.names
        if not names and not change.makes:
            table = self.catalog.find(change.target)
            declared = table.declared if table is not None and not table.made else None
            declared = declared or (table.declared if table is not None else None)
            names = [name for name in declared or () if name not in change.partition]
            if columns.open or len(names) != len(columns.ordered):
                if names and not columns.open:
                    count = len(columns.ordered)
                    told = "1 column is" if count == 1 else f"{count} columns are"
                    notes.append(f"{told} written into a table of {len(names)}")
                names = []
        return columns.renamed(names) if names else columns

    def _remember(self, change: Change, traced: Traced) -> None:
        for key in change.drops:
            self.catalog.drop(key)
        if change.target is None:
            return
        if change.makes:
            known = [name for name, _ in traced.columns.ordered if name != "*"]
            declared = change.declared or (None if traced.columns.open or not known else known)
            made = self.catalog.add(Table(change.target, change.makes, declared, made=True))
            made.written = traced.columns
        elif traced.columns.ordered:
            self.catalog.write(change.target, traced.columns, self.links)


def _kind(tree: exp.Expr) -> str:
    if isinstance(tree, exp.Create | exp.Drop | exp.Alter):
        return f"{tree.key.upper()} {str(tree.args.get('kind') or '').upper()}".strip()
    if isinstance(tree, exp.Command):
        return shown(tree.name.upper(), 30)
    if isinstance(tree, exp.Query):
        return "SELECT"
    return "TRUNCATE" if isinstance(tree, exp.TruncateTable) else tree.key.upper()


def _too_many(tree: exp.Expr) -> str:
    """Returns what a statement has too many of, or ""."""
    ctes = writing = 0
    for node in tree.find_all(exp.CTE, exp.UDTF):
        ctes += isinstance(node.parent, _HOLDS)
        writing += isinstance(node, exp.CTE) and isinstance(node.this, exp.DML)
    if ctes > MOST_CTES:
        return f"the statement has {ctes} CTEs and table functions; {MOST_CTES} are the most that are followed"
    if writing > MOST_WRITING:
        return f"the statement has {writing} CTEs that write; {MOST_WRITING} are the most that are followed"
    source = tree.args.get("source")
    if isinstance(tree, exp.MultitableInserts) and isinstance(source, exp.Expr):
        names = sum(1 for _ in source.find_all(exp.Identifier))
        if names * len(tree.expressions) > MOST_SHARED:
            told = f"the statement writes {len(tree.expressions)} tables from a query of {names} names"
            return f"{told}; {MOST_SHARED} is the most that the one times the other may be"
    return ""
