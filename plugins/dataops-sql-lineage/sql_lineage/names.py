"""Names as people read them: in the spelling of the script, and safe for a terminal."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from sql_lineage.flow import Key

_SPACES: Final = re.compile(r"\s+")


def shown(text: Any, most: int = 80) -> str:
    """Returns a text as one line of `most` characters at most, without control characters."""
    line = _SPACES.sub(" ", str(text)).strip()
    if not line.isprintable():
        line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return line if len(line) <= most else line[: most - 1] + "…"


def split_name(name: str) -> list[str]:
    """Returns the parts of `schema.table.column` in lower case, without the quotes around them."""
    return [part.strip().strip('`"[]').lower() for part in name.split(".")]


class Spelling:
    """Remembers how names are written that the dialect takes for one: `Revenue` for `revenue`."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._written: dict[str, str] = {}
        self._taken: dict[str, str] = {}

    def normalize(self, tree: exp.Expr) -> exp.Expr:
        """Gives all names of a statement the form in which the dialect compares them, and returns it."""
        before = [(node, node.name) for node in tree.find_all(exp.Identifier)]
        tree = normalize_identifiers(tree, dialect=self.dialect)
        for node, written in before:
            # Two names that differ keep apart: "a" and a are two in Snowflake.
            if self._taken.setdefault(written, node.name) == node.name:
                self._written.setdefault(node.name, written)
        return tree

    def name(self, name: str) -> str:
        """Returns a name as it was written first."""
        return self._written.get(name, name)

    def table(self, key: Key) -> str:
        """Returns the name of a table as it was written first."""
        return ".".join(map(self.name, key))
