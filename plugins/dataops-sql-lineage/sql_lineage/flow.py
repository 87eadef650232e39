"""Where values come from: origins, the way they took, and the columns that a relation offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from dataops_core.errors import InvalidValue

#: A table's name in parts, as the dialect normalizes them: ("sales", "orders").
Key = tuple[str, ...]
#: One relation on the way, from the output to the origin: (name, kind, column).
Step = tuple[str, str, str]
#: The way from a column to its origin; tails are shared.
Path = tuple[Step, "Path"] | None

#: Pairs of a column and an origin that one script may have; beyond it stands no query that people wrote.
MOST_LINKS: Final = 2_000_000
_TOLD: Final = 10


@dataclass(frozen=True, slots=True)
class Origin:
    """A column of a table that the script does not make, or a name that could not be resolved.

    Args:
        table: the table; () where it is not known.
        column: the column's name, "*" for all columns of a table whose columns are not known.
        why: why it is not resolved, or ""; a % stands for each of `names`.
        names: the names in `why`, in parts.
    """

    table: Key
    column: str
    why: str = ""
    names: tuple[Key, ...] = ()


#: The origins of one column, each with the way it took.
Flow = dict[Origin, Path]


@dataclass(frozen=True, slots=True)
class Opening:
    """A table whose columns are not known: any name may be one of them.

    Args:
        table: what it is called in messages.
        flow: gives the flow of a column by its name.
        without: names that are not among them (`SELECT * EXCEPT`).
    """

    table: str
    flow: Callable[[str], Flow]
    without: frozenset[str] = frozenset()


@dataclass(slots=True)
class Columns:
    """The columns that a relation offers.

    Args:
        ordered: in their order, each with its name and flow; a star that could not be expanded is one named "*".
        open: the tables behind such stars.
    """

    ordered: list[tuple[str, Flow]] = field(default_factory=list)
    open: list[Opening] = field(default_factory=list)
    _index: dict[str, Flow] = field(default_factory=dict)
    _indexed: int = 0

    @property
    def known(self) -> dict[str, Flow]:
        """The flows by name; of two columns with one name the first."""
        if self._indexed < len(self.ordered):
            self._indexed = len(self.ordered)
            self._index = {name: flow for name, flow in reversed(self.ordered) if name != "*"}
        return self._index

    def opens(self, name: str) -> list[Opening]:
        """Returns the unknown tables that may have a column of that name."""
        return [] if name in self.known else [opening for opening in self.open if name not in opening.without]

    def flow(self, name: str) -> Flow | None:
        """Returns the flow of a column, or None when there is none of that name."""
        if name in self.known:
            return self.known[name]
        opens = self.opens(name)
        if len(opens) == 1:
            return opens[0].flow(name)
        tables = list(dict.fromkeys(opening.table for opening in opens))
        return {one_of(name, tables): None} if opens else None

    def renamed(self, names: list[str]) -> Columns:
        """Returns the columns with other names, by position; a star that could not be expanded keeps the rest."""
        out: list[tuple[str, Flow]] = []
        for position, (name, flow) in enumerate(self.ordered):
            if name == "*":
                return Columns(out + self.ordered[position:], self.open)
            out.append((names[position] if position < len(names) and names[position] else name, flow))
        return Columns(out, self.open)


def one_of(name: str, tables: Sequence[str]) -> Origin:
    """Returns what stands for a column that could be of several tables."""
    told = ", ".join("%" for _ in tables[:_TOLD])
    more = f" and {len(tables) - _TOLD} more" if len(tables) > _TOLD else ""
    return Origin((), name, f"one of {told}{more}", tuple((*table.split("."), name) for table in tables[:_TOLD]))


class Links:
    """Joins flows, and counts what it makes, so that no script fills the memory.

    Raises:
        InvalidValue: the script has too many links between columns.
    """

    def __init__(self) -> None:
        self._count = 0

    def through(self, flow: Flow, step: Step) -> Flow:
        """Returns a flow that passed one more relation."""
        self.add(len(flow))
        return {origin: (step, path) for origin, path in flow.items()}

    def union(self, flows: Iterable[Flow]) -> Flow:
        """Returns the origins of several flows, each with the way that is met first."""
        merged: Flow = {}
        for flow in flows:
            self.add(len(flow))
            for origin, path in flow.items():
                merged.setdefault(origin, path)
        return merged

    def row(self, columns: Columns) -> Flow:
        """Returns the origins of all columns of a relation."""
        flows = [flow for _, flow in columns.ordered]
        return flows[0] if len(flows) == 1 else self.union(flows)

    def add(self, count: int) -> None:
        """Counts what is made elsewhere, such as the columns of a star."""
        self._count += count
        if self._count > MOST_LINKS:
            raise InvalidValue(
                f"the script has more than {MOST_LINKS} links between columns",
                hint="split it and trace its parts, one at a time",
            )


def steps(path: Path, most: int) -> list[Step]:
    """Returns the relations on the way, from the output to the origin, `most` at most."""
    out: list[Step] = []
    while path is not None and len(out) < most:
        out.append(path[0])
        path = path[1]
    return out
