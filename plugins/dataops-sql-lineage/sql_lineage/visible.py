"""What a SELECT sees: the columns of the tables, subqueries and functions that it reads."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from sql_lineage.flow import Columns, Flow, Links


class Visible:
    """Columns by the alias of what has them. Names are looked up in time that does not grow with the tables.

    Args:
        query: the SELECT; its joins with USING and NATURAL make one column of several.
    """

    def __init__(self, query: exp.Expr) -> None:
        #: The columns of each table.
        self.tables: dict[str, Columns] = {}
        #: By column: the tables that are known to have it.
        self.having: dict[str, list[str]] = {}
        self._open: list[str] = []  # tables that have whatever is asked of them
        self._partly: list[str] = []  # tables of which some columns are known, or are known not to be
        from_ = query.args.get("from_")
        self._order = [from_.alias_or_name] if from_ else []
        #: By column of USING: how many of the tables are joined by it.
        self.using: dict[str, int] = {}
        self._natural = False
        for join in query.args.get("joins") or ():
            self._order.append(join.alias_or_name)
            self.using.update((used.name, len(self._order)) for used in join.args.get("using") or ())
            self._natural = self._natural or join.method == "NATURAL"

    def add(self, label: str, columns: Columns) -> None:
        """Adds a table."""
        self.tables[label] = columns
        for name in columns.known:
            self.having.setdefault(name, []).append(label)
        if columns.open:
            plain = not columns.known and not any(opening.without for opening in columns.open)
            (self._open if plain else self._partly).append(label)

    def without(self, labels: Iterable[str]) -> Visible:
        """Returns what is left when some tables are hidden."""
        hidden = set(labels)
        if not hidden:
            return self
        rest = Visible(exp.Select())
        rest._order, rest.using, rest._natural = self._order, self.using, self._natural
        for label, columns in self.tables.items():
            if label not in hidden:
                rest.add(label, columns)
        return rest

    def opens(self, name: str) -> list[str]:
        """Returns the tables that may have a column of that name: not all of their columns are known."""
        partly = [label for label in self._partly if self.tables[label].opens(name)]
        return self._open + partly if partly else self._open

    def joined(self, name: str) -> set[str]:
        """Returns the tables of which a join makes one column of that name, or nothing."""
        found = set(self._order[: self.using.get(name, 0)])
        having = self.having.get(name, [])
        return found.union(having) if self._natural and len(having) > 1 else found

    def merged(self, name: str, links: Links) -> Flow | None:
        """Returns the one column that a join makes of those with that name, or None where it makes none."""
        tables = self.joined(name)
        if not tables:
            return None
        having = [*self.having.get(name, ()), *self.opens(name)]
        return links.union(self.tables[label].flow(name) or {} for label in having if label in tables)
