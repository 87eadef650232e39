"""Long chains of operators. sqlglot hangs them one below the other, and looks up from each: the square of time."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

#: Operators in a row from which a chain is put in order.
LONG: Final = 100
#: Levels of what a statement is made of: sqlglot looks up through them from each column.
MOST_LEVELS: Final = 3_000
_OF_UNION = frozenset({"this", "expression", "distinct", "side", "kind"})


def balance(tree: exp.Expr) -> None:
    """Rebuilds each long `a AND b AND …`, `a + b - …` or `SELECT … UNION SELECT …` as a flat tree.

    Columns stay the same and in their order; for what feeds what, all operators of a chain are alike.
    """
    tops = [node for node in tree.find_all(exp.Binary, exp.Union) if not _continues(node.parent, node)]
    for top in tops:
        operands: list[exp.Expr] = []
        node: exp.Expr = top
        while _links(node) and (node is top or _continues(node.parent, node)):
            operands.append(node.args["expression"])
            node = node.this
        if len(operands) >= LONG:
            level = [node, *reversed(operands)]
            while len(level) > 2:
                level = [_pair(type(top), level[i : i + 2]) for i in range(0, len(level), 2)]
            top.set("this", level[0])
            top.set("expression", level[1])


def deeper(tree: exp.Expr) -> bool:
    """Says whether a statement has more levels than are followed."""
    level = [tree]
    for _ in range(MOST_LEVELS):
        level = [inner for node in level for inner in node.iter_expressions()]
        if not level:
            return False
    return True


def _links(node: exp.Expr | None) -> bool:
    if isinstance(node, exp.Union):
        return not node.args.get("by_name")
    return isinstance(node, exp.Binary) and not isinstance(node, exp.Dot)


def _continues(parent: exp.Expr | None, node: exp.Expr) -> bool:
    """Says whether a node is one more link of the chain that its parent belongs to."""
    if parent is None or parent.this is not node or not (_links(parent) and _links(node)):
        return False
    # A part with clauses of its own (ORDER BY, LIMIT, WITH) is no link.
    return isinstance(node, exp.Binary) or not any(node.args.get(key) for key in node.args.keys() - _OF_UNION)


def _pair(kind: type[exp.Expr], nodes: list[exp.Expr]) -> exp.Expr:
    return kind(this=nodes[0], expression=nodes[1]) if len(nodes) == 2 else nodes[0]
