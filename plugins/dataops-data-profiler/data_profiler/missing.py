"""Values that are none: blanks, and the many ways to write "no value"."""

from __future__ import annotations

from data_profiler.document import Column, Counted, counted
from data_profiler.engine import Engine, literal
from data_profiler.privacy import shown
from data_profiler.shapes import missing_list

_EXAMPLES = 5
#: SQL for what is trimmed: spaces, tabs, line ends, no-break spaces, byte order marks.
_BLANKS = literal(" \t\n\v\f\r\xa0\ufeff")
#: Trimming is dear, looking at both ends is cheap.
_PADDED = f"(contains({_BLANKS}, left(v, 1)) OR contains({_BLANKS}, right(v, 1)))"
_TRIMMED = f"CASE WHEN {_PADDED} THEN trim(v, {_BLANKS}) ELSE v END"
_CONTROL = "(contains(v, chr(0)) OR contains(v, '\ufffd'))"


def set_aside_missing(engine: Engine, column: Column, declared: str | None) -> None:
    """Trims the values of `counts(v, n, r)`, takes out those that mean "missing", and notes both in the column.

    Args:
        engine: with the table `counts`.
        column: gets `missing`, `whitespace` and `control_characters`.
        declared: the type that the file declares, or None for text.
    """
    if declared is not None:
        _set_aside_nan(engine, column, declared)
        return
    marker = f"(length(v) <= 10 AND lower({_TRIMMED}) IN {missing_list()})"
    padded, control, marked = engine.row(
        f"SELECT count(*) FILTER ({_PADDED}), count(*) FILTER ({_CONTROL}), count(*) FILTER ({marker}) FROM counts"
    )
    if control:
        column["control_characters"] = _counted(engine, _CONTROL)
    if marked:
        column["missing"]["markers"] = dict(
            engine.rows(
                f"SELECT {_TRIMMED} AS t, sum(n)::BIGINT FROM counts WHERE {marker} GROUP BY t ORDER BY 2 DESC, 1"
            )
        )
        _keep_codes(engine, column)
    if padded:
        column["whitespace"] = _counted(engine, f"{_PADDED} AND trim(v, {_BLANKS}) <> ''")
        (blank,) = engine.row(
            f"SELECT coalesce(sum(n), 0)::BIGINT FROM counts WHERE {_PADDED} AND trim(v, {_BLANKS}) = ''"
        )
        column["missing"]["blank"] = blank
    if padded or column["missing"]["markers"]:
        kept = " OR v = 'NA'" if column["missing"]["kept_na"] else ""
        engine.run(
            f"CREATE OR REPLACE TEMP TABLE cleaned AS SELECT t AS v, sum(n)::BIGINT AS n, min(r) AS r FROM"
            f" (SELECT {_TRIMMED} AS t, n, r FROM counts WHERE NOT {marker}{kept}) WHERE t <> '' GROUP BY t"
        )
        engine.run("DROP TABLE counts")
        engine.run("ALTER TABLE cleaned RENAME TO counts")


def _keep_codes(engine: Engine, column: Column) -> None:
    """Among two-letter codes NA is Namibia, North America or sodium."""
    markers = column["missing"]["markers"]
    if "NA" not in markers:
        return
    codes, others = engine.row(
        "SELECT count(*) FILTER (regexp_full_match(v, '[A-Z]{2}')), count(*) FROM (SELECT v FROM"
        " counts WHERE v <> 'NA' LIMIT 1000)"
    )
    if others and codes > 0.8 * others:
        del markers["NA"]
        column["missing"]["kept_na"] = True


def _set_aside_nan(engine: Engine, column: Column, declared: str) -> None:
    if declared != "decimal":
        return
    # NaN is what a program writes when it has no number.
    found = dict(engine.rows("SELECT 'NaN', n FROM counts WHERE lower(v) = 'nan'"))
    if found:
        column["missing"]["markers"] = found
        engine.run("DELETE FROM counts WHERE lower(v) = 'nan'")


def _counted(engine: Engine, condition: str) -> Counted:
    (count,) = engine.row(f"SELECT coalesce(sum(n), 0)::BIGINT FROM counts WHERE {condition}")
    if not count:
        return counted()
    found = engine.rows(f"SELECT r, v FROM counts WHERE {condition} ORDER BY r LIMIT {_EXAMPLES}")
    return {"count": count, "examples": [{"row": row, "value": shown(value)} for row, value in found]}
