"""Histograms as pictures that a page can carry inside itself."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

_INK, _BAR = "#64748b", "#3b82f6"
# No text of the file is ever drawn, only numbers and dates made from numbers; the salt makes equal input equal output.
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "data-profiler",
    "font.size": 8,
    "text.parse_math": False,
    "axes.unicode_minus": False,
}


def histogram(column_histogram: dict[str, Any], *, dates: bool) -> str:
    """Draws a histogram and returns it as a data URI, or "" when there is nothing to draw.

    Args:
        column_histogram: `low`, `high` and `counts` of equal bins.
        dates: the axis is in seconds since 1970, to be written as dates.
    """
    counts, low, high = column_histogram["counts"], column_histogram["low"], column_histogram["high"]
    if not counts or low is None or high is None:
        return ""
    width = (high - low) / len(counts)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(4.2, 1.5), layout="constrained")
        axes = figure.add_subplot()
        axes.bar(
            [low + width * (i + 0.5) for i in range(len(counts))], counts, width=width * 0.92, color=_BAR, linewidth=0
        )
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(_INK)
        axes.tick_params(colors=_INK, length=2)
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis="y", color=_INK, alpha=0.15)
        axes.set_axisbelow(True)
        written = FuncFormatter(lambda x, _: _day(x)) if dates else FuncFormatter(lambda x, _: _short(x))
        axes.xaxis.set_major_formatter(written)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: _short(y)))
        picture = io.BytesIO()
        figure.savefig(picture, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(picture.getvalue()).decode()


def _short(x: float) -> str:
    for limit, sign in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(x) >= limit:
            return f"{x / (limit if sign != 'k' else 1e3):.3g}{sign}" if abs(x) < 1e15 else f"{x:.1e}"
    return f"{x:.4g}"


def _day(seconds: float) -> str:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%d")
    except OverflowError:
        return f"{1970 + seconds / 31556952:.0f}"
