"""What is known of tables: declared columns, and what earlier statements of the script wrote into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from sql_lineage.flow import Columns, Flow, Key, Links, Opening, Origin


@dataclass(slots=True)
class Table:
    """A table or view.

    Args:
        key: its name.
        kind: "table", "view" or "temporary table".
        declared: its columns in their order, or None where they are not known.
        written: the columns that the script wrote so far.
        made: whether the script made it, so that nothing was in it before.
    """

    key: Key
    kind: str = "table"
    declared: list[str] | None = None
    written: Columns = field(default_factory=Columns)
    made: bool = False


class Catalog:
    """Tables by name. `orders` finds `sales.orders` where it is the only one of that name."""

    def __init__(self) -> None:
        self._tables: dict[Key, Table] = {}
        self._by_name: dict[str, list[Key]] = {}

    def __len__(self) -> int:
        return len(self._tables)

    def __contains__(self, key: object) -> bool:
        return key in self._tables

    def find(self, key: Key) -> Table | None:
        """Returns the table of a name, which may lack the schema or database."""
        if key in self._tables:
            return self._tables[key]
        alike = [k for k in self._by_name.get(key[-1], ()) if _ends(k, key) or _ends(key, k)] if key else []
        return self._tables[alike[0]] if len(alike) == 1 else None

    def add(self, table: Table) -> Table:
        """Puts a table in place of one of the same name."""
        if table.key not in self._tables:
            self._by_name.setdefault(table.key[-1], []).append(table.key)
        self._tables[table.key] = table
        return table

    def drop(self, key: Key) -> None:
        """Forgets a table."""
        table = self.find(key)
        if table is not None:
            del self._tables[table.key]
            self._by_name[table.key[-1]].remove(table.key)

    def declare(self, key: Key, columns: Sequence[str]) -> None:
        """Notes the columns of a table that exists."""
        self.add(Table(key, declared=list(dict.fromkeys(columns)) or None))

    def settle(self) -> None:
        """Takes all tables as they are now for the tables that exist; nothing was written into them yet."""
        for table in self._tables.values():
            if table.declared is None and not table.written.open:
                table.declared = list(table.written.known) or None
            table.written, table.made = Columns(), False

    def columns(self, key: Key, links: Links) -> Columns:
        """Returns what a table offers to the query that reads it."""
        table = self.find(key)
        if table is None:
            return Columns([], [Opening(".".join(key), lambda name: {Origin(key, name): None})])
        name, written = ".".join(table.key), table.written  # later statements write into another

        @cache
        def flow(column: str) -> Flow:
            found = written.flow(column)
            if found is None or (column not in written.known and not table.made):
                return {Origin(table.key, column): None}
            return links.through(found, (name, table.kind, column))

        if table.declared is not None:
            return Columns([(column, flow(column)) for column in table.declared])
        if table.made:
            offered = [(column, flow(column)) for column, _ in written.ordered if column != "*"]
            opened = written.open
            without = frozenset.intersection(*(o.without for o in opened)) if opened else frozenset()
            return Columns(offered, [Opening(name, flow, without)] if opened else [])
        return Columns([], [Opening(name, flow)])

    def write(self, key: Key, columns: Columns, links: Links) -> None:
        """Adds what a statement writes into a table to what earlier ones wrote."""
        table = self.find(key) or self.add(Table(key))
        before = table.written
        names = dict.fromkeys(name for name, _ in [*before.ordered, *columns.ordered] if name != "*")
        merged = [
            (name, links.union(c.known[name] for c in (before, columns) if name in c.known)) for name in names
        ]  # fmt: skip
        table.written = Columns(merged, before.open + columns.open)


def _ends(longer: Key, shorter: Iterable[str]) -> bool:
    tail = tuple(shorter)
    return longer[-len(tail) :] == tail
