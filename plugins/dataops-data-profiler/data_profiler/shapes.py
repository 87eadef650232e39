"""The form of values: digits become 9, letters a or A. A column of millions has few forms, and they tell its type."""

from __future__ import annotations

from dataclasses import dataclass

from data_profiler.engine import Engine, literal

#: Values are judged by this many characters; what is longer is text.
LONGEST = 40
#: Of more distinct values than this a sample of about so many is judged first.
MOST_JUDGED = 200_000
SAMPLE = 50_000
#: How missing values are written, in lower case.
MARKERS = (
    "na", "n/a", "n.a.", "#n/a", "#na", "<na>", "nan", "null", "none", "nil", "-", "--", "---", "?", "??", ".", "..",
    "(null)", "(none)", "\\n", "missing", "#null!", "#value!", "#ref!", "#div/0!",
)  # fmt: skip

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FROM = _LETTERS + _LETTERS.upper() + "123456780"
_TO = "a" * 26 + "A" * 26 + "9" * 9
_TIME = r"9?9:99(:99([.,]9+)?)?( ?[aA]\.?[aA]\.?)?"
_ZONE = r" ?(A|AAA|[+-]99(:?99)?)"
_SPACE = r"['’\x{00a0}\x{202f} ]"

#: Kind, regular expression over shapes. The first that matches counts.
KINDS: tuple[tuple[str, str], ...] = (
    ("integer", r"[+-]?9+"),
    ("decimal", r"[+-]?(9+\.9*|\.9+)"),
    ("exponent", r"[+-]?9+\.9*[aA][+-]?9{1,3}|[+-]?9[aA][+-]9{1,3}"),
    ("grouped by comma", r"[+-]?9{1,3}(,999)+(\.9+)?"),
    ("decimal comma", r"[+-]?9+,9+|[+-]?9{1,3}(\.999)+,9+"),
    ("grouped by dot", r"[+-]?9{1,3}(\.999){2,}"),
    ("grouped by space", rf"[+-]?9{{1,3}}({_SPACE}999)+(\.9+)?"),
    ("grouped by space, decimal comma", rf"[+-]?9{{1,3}}({_SPACE}999)+,9+"),
    ("percent", r"[+-]?9+(\.9+)? ?%"),
    ("percent, decimal comma", r"[+-]?9+,9+ ?%"),
    ("money, decimal comma", rf"[+-]?[$€£¥] ?[+-]?9[9.]*,99?|[+-]?9[9.]*,99?{_SPACE}?[$€£¥]"),
    ("money", rf"[+-]?[$€£¥] ?[+-]?9[9.,]*|[+-]?9[9.,]*{_SPACE}?[$€£¥]"),
    ("in parentheses", r"\([$€£¥]?9[9.,]*\)"),
    ("date y-m-d", r"9999-9?9-9?9"),
    ("date-time y-m-d", rf"9999-9?9-9?9[ A]{_TIME}"),
    ("date-time y-m-d with zone", rf"9999-9?9-9?9[ A]{_TIME}{_ZONE}"),
    ("date y/m/d", rf"9999/9?9/9?9( {_TIME})?"),
    ("date with slashes", rf"9?9/9?9/9999( {_TIME})?"),
    ("date with slashes, short year", rf"9?9/9?9/99( {_TIME})?"),
    ("date d.m.y", rf"9?9\.9?9\.9999( {_TIME})?"),
    ("date d-m-y", rf"9?9-9?9-9999( {_TIME})?"),
    ("date with month name", r"9?9\.?[ -]Aa{2,8}[ -]9999|Aa{2,8}\.? 9?9,? 9999"),
    ("time", _TIME),
    ("time with zone", rf"{_TIME}{_ZONE}"),
    ("uuid", r"[9aA]{8}-[9aA]{4}-[9aA]{4}-[9aA]{4}-[9aA]{12}"),
)
NUMBERS = frozenset(kind for kind, _ in KINDS[:13])
DATES = frozenset(kind for kind, _ in KINDS if kind.startswith("date"))
TIMES = frozenset({"time", "time with zone"})


@dataclass(frozen=True)
class Shape:
    """Values of one form.

    Args:
        shape: the form. kind: what it is, "text" when nothing else. count: rows. row, example: the first such value.
    """

    shape: str
    kind: str
    count: int
    row: int
    example: str


def family(kind: str) -> str:
    """Returns what a kind belongs to: number, date, time, uuid or text."""
    if kind in NUMBERS:
        return "number"
    if kind in DATES:
        return "date"
    return "time" if kind in TIMES else kind


def missing_list() -> str:
    """Returns the markers as a list for SQL."""
    return "(" + ", ".join(literal(marker) for marker in MARKERS) + ")"


def make_shapes(engine: Engine, distinct: int) -> bool:
    """Creates `shapes(shape, kind, n, r, example)` from `counts(v, n, r)`.

    Of very many distinct values a sample is judged first. When it holds words only it is enough; a number or a date in
    it has all values judged.

    Returns:
        Whether all values were judged.
    """
    if distinct > MOST_JUDGED:
        _judge(engine, f"hash(v) % {distinct // SAMPLE} = 0")
        if engine.row("SELECT bool_and(kind = 'text') FROM shapes")[0]:
            return False
    _judge(engine, "true")
    return True


def _judge(engine: Engine, condition: str) -> None:
    # Letters followed by digits twice are no number and no date; this spares random ids two dozen patterns.
    quick = f"WHEN s NOT LIKE '%9%' OR length(s) >= {LONGEST} OR (s LIKE '%a9%a9%' AND length(s) <> 36) THEN 'text'"
    cases = " ".join(f"WHEN regexp_full_match(s, {literal(pattern)}) THEN {literal(kind)}" for kind, pattern in KINDS)
    engine.run(
        "CREATE OR REPLACE TEMP TABLE shapes AS SELECT s AS shape, n, r, example,"
        f" CASE {quick} {cases} ELSE 'text' END AS kind"
        f" FROM (SELECT {shape_sql('v')} AS s, sum(n)::BIGINT AS n, min(r) AS r, arg_min(v, r) AS example FROM counts"
        f" WHERE {condition} GROUP BY s)"
    )


def shape_sql(value: str) -> str:
    """Returns SQL for the form of a text."""
    return f"translate(left({value}, {LONGEST}), {literal(_FROM)}, {literal(_TO)})"


def kind_counts(engine: Engine) -> dict[str, int]:
    """Returns how many rows hold each kind, most first."""
    return dict(engine.rows("SELECT kind, sum(n)::BIGINT FROM shapes GROUP BY kind ORDER BY 2 DESC, 1"))


def examples(engine: Engine, kinds: list[str], limit: int) -> list[Shape]:
    """Returns the first values of some kinds, in the order of rows; of very many values the first of each form."""
    listed = "SELECT shape, kind, n, r, example FROM shapes WHERE list_contains(?, kind)"
    (distinct,) = engine.row("SELECT count(*) FROM counts")
    if distinct <= MOST_JUDGED:
        listed = (
            "SELECT shape, kind, c.n, c.r, c.v FROM counts c JOIN shapes ON shape = "
            f"{shape_sql('c.v')} WHERE list_contains(?, kind)"
        )
    return [Shape(*row) for row in engine.rows(f"{listed} ORDER BY r LIMIT ?", [kinds, limit])]


def patterns(engine: Engine, limit: int) -> list[tuple[str, int]]:
    """Returns the commonest forms and how many rows have them; letters of all alphabets are made alike."""
    merged: dict[str, int] = {}
    for shape, count in engine.rows("SELECT shape, n FROM shapes ORDER BY n DESC, shape LIMIT 200"):
        form = "".join(("A" if c.isupper() else "a") if c.isalpha() else c for c in shape)
        merged[form] = merged.get(form, 0) + count
    return sorted(merged.items(), key=lambda item: (-item[1], item[0]))[:limit]
