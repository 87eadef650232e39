"""Finding personal data in a column: by the form of its values, then by checking them."""

from __future__ import annotations

from typing import Any

from data_profiler.engine import Engine, literal
from data_profiler.privacy import kinds_for, shown
from data_profiler.shapes import LONGEST, shape_sql
from data_profiler.table import Field

#: So many values of a suspicious form are checked one by one.
MOST_CHECKED = 1000
#: No personal datum is shorter, in characters: a@b.de, 1.2.3.4.
SHORTEST = 6
_EXAMPLES = 5


def personal_kind(engine: Engine, field: Field, count: int, judged: int, kind_of_column: str) -> dict[str, Any] | None:
    """Returns what personal data a column holds, or None.

    Args:
        engine: with the tables `counts` and `shapes`.
        field: the column.
        count: how many rows have a value.
        judged: of how many of them `shapes` tells.
        kind_of_column: its type; decimals and dates are never personal.

    Returns:
        kind, severity, about how many rows, whether the whole column is of this kind, and masked examples.
    """
    if kind_of_column in ("decimal", "date", "time", "boolean", "uuid"):
        return None
    kinds = kinds_for(field.header)
    formed = [kind for kind in kinds if kind.share]
    sums = ", ".join(f"sum(n) FILTER (regexp_full_match(shape, {literal(kind.shape)}))::BIGINT" for kind in formed)
    parts = engine.row(f"SELECT {sums} FROM shapes")
    of_form = {kind: round((part or 0) * count / judged) for kind, part in zip(formed, parts, strict=True)}
    for kind in kinds:
        if kind.share:
            condition = f"length(v) <= {LONGEST} AND regexp_full_match({shape_sql('v')}, {literal(kind.shape)})"
            suspects = of_form[kind]
        else:
            condition = "contains(v, '@')"
            (suspects,) = engine.row(f"SELECT coalesce(sum(n), 0)::BIGINT FROM counts WHERE {condition}")
        if not suspects or suspects < kind.share * count:
            continue
        # No ORDER BY: the scan may stop as soon as there are enough.
        values = engine.rows(f"SELECT v, n, r FROM counts WHERE {condition} LIMIT {MOST_CHECKED}")
        hits = sorted(((row, value, n) for value, n, row in values if kind.matches(value)))
        checked, matching = sum(n for _, n, _ in values), sum(n for _, _, n in hits)
        about = round(suspects * matching / checked) if checked else 0
        # Chance makes one number in ten pass as a card; a whole column does not.
        if not matching or about < kind.share * count or matching < kind.share * checked:
            continue
        whole = about >= 0.5 * count
        return {
            "kind": kind.name,
            "severity": kind.severity,
            "count": about,
            "exact": checked >= suspects and judged == count,
            "whole": whole,
            "examples": [{"row": row, "value": shown(value, personal=whole)} for row, value, _ in hits[:_EXAMPLES]],
        }
    return None
