"""What the numbers of a column say: moments, quantiles, a histogram, outliers and sentinels.

Works on a table `numbers(rid, x)`, x a finite double.
"""

from __future__ import annotations

import math
from typing import Any

from data_profiler.engine import Engine
from data_profiler.shapes import NUMBERS

BINS = 24
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
#: Up to this many values quantiles are exact; above, they are a t-digest's.
MOST_EXACT = 2_000_000
_EXAMPLES = 5
_NINES = [float("9" * digits) for digits in range(2, 10)]
_SENTINELS = [-1.0, -9.0, *(-x for x in _NINES), *_NINES, -2147483648.0, 2147483647.0, 4294967295.0]


def number_sql(kinds: dict[str, int], value: str = "v") -> str:
    """Returns SQL that turns a text into a double, for the way the column writes numbers.

    Args:
        kinds: how many values are written in which kind.
        value: SQL for the text.
    """
    if not NUMBERS & kinds.keys() - {"integer", "decimal", "exponent"}:
        return f"TRY_CAST({value} AS DOUBLE)"
    plain = f"regexp_replace({value}, '[$€£¥%''’\\x{{00a0}}\\x{{202f}} ]', '', 'g')"
    plain = f"CASE WHEN {plain} LIKE '(%)' THEN '-' || {plain}[2:-2] ELSE {plain} END"
    comma_is_point = sum(n for kind, n in kinds.items() if kind.endswith("decimal comma") or kind == "grouped by dot")
    comma_groups = kinds.get("grouped by comma", 0)
    if comma_is_point and comma_is_point >= comma_groups:
        # 1.5 beside 1,5: a single dot without a comma and not before three digits is a point.
        return (
            f"TRY_CAST(CASE WHEN contains({plain}, ',') OR regexp_full_match({plain},"
            f" '[+-]?\\d{{1,3}}(\\.\\d{{3}}){{2,}}')"
            f" THEN replace(replace({plain}, '.', ''), ',', '.') ELSE {plain} END AS DOUBLE)"
        )
    return f"TRY_CAST(replace({plain}, ',', '') AS DOUBLE)"


def describe(engine: Engine) -> dict[str, Any] | None:
    """Returns moments and quantiles, or None when there is no number."""
    n, low, high, mean, deviation, total, zeros, negatives, whole = engine.row(
        "SELECT count(x), min(x), max(x), avg(x), stddev_samp(x), sum(x), count(*) FILTER (x = 0),"
        " count(*) FILTER (x < 0),"
        " count(*) FILTER (x = trunc(x)) FROM numbers"
    )
    if not n:
        return None
    exact = n <= MOST_EXACT
    wanted = "[" + ", ".join(map(str, QUANTILES)) + "]"
    function = "quantile_cont" if exact else "approx_quantile"
    quantiles = engine.row(f"SELECT {function}(x, {wanted}) FROM numbers")[0]
    return {
        "count": n,
        "min": _plain(low),
        "max": _plain(high),
        "mean": _plain(mean),
        "stddev": _plain(deviation),
        "sum": _plain(total),
        "zeros": zeros,
        "negatives": negatives,
        "whole": whole,
        "quantiles": {f"p{round(100 * q)}": _plain(value) for q, value in zip(QUANTILES, quantiles, strict=True)},
        "quantiles_exact": exact,
    }


def sentinels(engine: Engine, numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns numbers that stand for "unknown": -999, 9999 and the like, at an end and away from all the rest.

    Args:
        engine: with the table `numbers`.
        numbers: the result of `describe`.
    """
    # The outermost of them are the ends of the column.
    if not {numbers["min"], numbers["max"]} & set(_SENTINELS):
        return []
    listed = ", ".join(f"{x:.1f}" for x in _SENTINELS)
    found = engine.rows(
        f"SELECT x, count(*), list(rid ORDER BY rid)[:{_EXAMPLES}] FROM numbers WHERE x IN ({listed})"
        " GROUP BY x ORDER BY x"
    )
    if not found:
        return []
    n, low, high = engine.row(f"SELECT count(x), min(x), max(x) FROM numbers WHERE x NOT IN ({listed})")
    if n < 4 or all(low <= x <= high and not x < 0 <= low for x, _, _ in found):
        return []
    q1, q3 = engine.row(
        f"SELECT approx_quantile(x, 0.25), approx_quantile(x, 0.75) FROM numbers WHERE x NOT IN ({listed})"
    )
    out = []
    spread = max(q3 - q1, abs(q3) * 0.05)
    for x, count, rows in found:
        only_negative = x < 0 <= low and (count >= 2 or x <= -99)
        far = (x > high and x > q3 + 3 * spread) or (x < low and x < q1 - 3 * spread)
        if only_negative or (far and (count >= 2 or abs(x) >= 999)):
            out.append({"value": _plain(x), "count": count, "rows": rows})
    return out


def outliers(engine: Engine, numbers: dict[str, Any], known: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Returns the values far from all the rest by two robust rules, or None.

    A value is far when it lies three interquartile ranges outside the quartiles, on the plain scale and (for positive
    numbers) on the logarithmic one, and its distance from the median exceeds five scaled median deviations.

    Args:
        engine: with the table `numbers`.
        numbers: the result of `describe`.
        known: sentinels, which are not counted.
    """
    left_out = " AND x NOT IN (" + ", ".join(str(float(s["value"])) for s in known) + ")" if known else ""
    n, low, high = numbers["count"], numbers["min"], numbers["max"]
    q1, middle, q3 = (numbers["quantiles"][p] for p in ("p25", "p50", "p75"))
    if known:
        n, low, high = engine.row(f"SELECT count(x), min(x), max(x) FROM numbers WHERE true{left_out}")
        q1, middle, q3 = (_quantile(engine, "x", q, n, left_out) for q in (0.25, 0.5, 0.75))
    if n < 5 or q3 <= q1:
        return None
    lower, upper = q1 - 3 * (q3 - q1), q3 + 3 * (q3 - q1)
    if low > 0:
        ratio = (q3 / q1) ** 3
        lower, upper = min(lower, q1 / ratio), max(upper, q3 * ratio)
    if (lower <= low and high <= upper) or not (math.isfinite(lower) and math.isfinite(upper)):
        return None
    deviation = 5 * 1.4826 * _quantile(engine, f"abs(x - {middle!r})", 0.5, n, left_out)
    lower, upper = min(lower, middle - deviation), max(upper, middle + deviation)
    condition = f"(x < ? OR x > ?){left_out}"
    count = engine.row(f"SELECT count(*) FROM numbers WHERE {condition}", [lower, upper])[0]
    # Many far values are a heavy tail, and nothing to be looked at one by one.
    if not count or (count > 1 and count > 0.02 * n):
        return None
    rows = engine.rows(
        f"SELECT rid, x FROM numbers WHERE {condition} ORDER BY abs(x - ?) DESC, rid LIMIT {_EXAMPLES}",
        [lower, upper, middle],
    )
    return {
        "count": count,
        "low_fence": _plain(lower),
        "high_fence": _plain(upper),
        "examples": [{"row": rid, "value": number_text(x)} for rid, x in rows],
    }


def histogram(engine: Engine, low: float, high: float, relation: str = "numbers", weight: str = "1") -> dict[str, Any]:
    """Counts values in equal bins from low to high; what lies outside is counted beside them.

    Args:
        engine: with the relation.
        low, high: the ends of the bins.
        relation: has the values in `x`.
        weight: SQL for how many rows each value stands for.
    """
    out: dict[str, Any] = {"low": _plain(low), "high": _plain(high), "counts": [], "below": 0, "above": 0}
    width = (high - low) / BINS
    if not math.isfinite(width) or width <= 0:
        return out
    out["counts"] = [0] * BINS
    found = engine.rows(
        f"SELECT least(greatest(floor((x - ?) / ?), -1), {BINS})::INT, sum({weight})::BIGINT FROM {relation}"
        " WHERE x IS NOT NULL GROUP BY 1",
        [low, width],
    )
    for position, count in found:
        if position < 0:
            out["below"] = count
        elif position < BINS:
            out["counts"][position] += count
        else:
            # The upper end itself belongs to the last bin.
            (out["above"],) = engine.row(
                f"SELECT coalesce(sum({weight}), 0)::BIGINT FROM {relation} WHERE x > ?", [high]
            )
            out["counts"][BINS - 1] += count - out["above"]
    return out


def _quantile(engine: Engine, expression: str, q: float, n: int, left_out: str) -> float:
    function = "quantile_cont" if n <= MOST_EXACT else "approx_quantile"
    return float(engine.row(f"SELECT {function}({expression}, {q}) FROM numbers WHERE true{left_out}")[0])


def number_text(x: float | int) -> str:
    """Returns a number as people write it: no needless zeros, no needless exponent."""
    if isinstance(x, float) and x.is_integer() and abs(x) < 1e15:
        return str(int(x))
    return f"{x:.10g}" if isinstance(x, float) else str(x)


def _plain(x: float | None) -> float | int | None:
    """JSON knows no infinity, and 3.0 is better read as 3."""
    if x is None or not math.isfinite(x):
        return None
    return int(x) if float(x).is_integer() and abs(x) < 2**53 else x
