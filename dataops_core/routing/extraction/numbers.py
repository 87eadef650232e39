"""Numbers as people write them: digits, thousands, powers, words, signs, currencies, percents, units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from dataops_core.routing.extraction.units import Unit, units_of
from dataops_core.routing.tokens import Token

_NUMBER = re.compile(
    r"""(?P<money>[$€£¥₹])? (?P<sign>[+\-−])? (?P<money2>[$€£¥₹])?
    (?P<digits>[0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,18}|(?=\.[0-9]))(?P<fraction>\.[0-9]{1,18})?
    (?P<power>[eE][+\-]?[0-9]{1,3})?
    (?: (?P<percent>%) | (?P<times>[kKM](?![A-Za-z])|bn|mn) | -?(?P<unit>[^\W\d_]{1,14}|°[CF]?|Ω|[µμ][A-Za-z]{1,2})
        (?P<of>[²³]|\^[23]|/\w{1,4}\^?\d?)? )?""",
    re.VERBOSE | re.ASCII,
)
SMALL: Final = {
    word: value
    for value, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
        seventeen eighteen nineteen""".split()
    )
}
"""Number words below twenty."""

_TENS: Final = {w: 10 * (i + 2) for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())}
_LARGE: Final = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "dozen": 12}
_TIMES: Final = {"k": 1000, "K": 1000, "M": 10**6, "mn": 10**6, "bn": 10**9}
_PERCENT: Final = ("percent", "pct", "percentage")
_WORDED: Final = frozenset((*SMALL, *_TENS, *_LARGE))
_BEGINNINGS: Final = frozenset("0123456789+-−.$€£¥₹")
_ORDINAL = ("st", "nd", "rd", "th", "am", "pm", "x", "d")


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a query.

    Args:
        value: it, thousands and millions multiplied out; a percent as it is written.
        first, last: the positions of its first and last token; that of its unit is no part of them.
        start, end: its span in the query, with sign and currency, without the unit.
        units: what its unit may be.
        unit: the unit or word right after it, in lower case, or "".
        percent: whether it is one.
        worded: whether it is written in words.
        scaled: the suffix that was multiplied out ("k"), or "".
    """

    value: Decimal
    first: int
    last: int
    start: int
    end: int
    units: tuple[Unit, ...] = ()
    unit: str = ""
    percent: bool = False
    worded: bool = False
    scaled: str = ""


def numbers_in(tokens: Sequence[Token], apart: Sequence[bool], taken: frozenset[int] | set[int]) -> list[Number]:
    """Returns the numbers of a query in order.

    Not among them: parts of dates, paths and quoted texts, ordinals ("3rd"), times of day ("3pm", "11 PM"), versions,
    ranges and sizes ("2019-2020", "12x18").

    Args:
        tokens: of the query.
        apart: for each token, whether punctuation stands between it and the one before.
        taken: positions of tokens that are something else.
    """
    found: list[Number] = []
    position = 0
    while position < len(tokens):
        number = None
        if position not in taken and not (tokens[position].quoted or tokens[position].key):
            number = _digits(tokens, apart, position) or _words(tokens, apart, position)
        if number is None:
            position += 1
            continue
        position = number.last + 1
        if (number.unit or "") not in _ORDINAL:
            found.append(number)
    return found


def _digits(tokens: Sequence[Token], apart: Sequence[bool], position: int) -> Number | None:
    token = tokens[position]
    if token.text[:1] not in _BEGINNINGS:
        return None
    match = _NUMBER.fullmatch(token.text)
    if match is None or not (match["digits"] or match["fraction"]):
        return None
    value = Decimal(
        (match["sign"] or "").replace("−", "-")
        + (match["digits"].replace(",", "") or "0")
        + (match["fraction"] or "")
        + (match["power"] or "")
    )
    times = match["times"] or ""
    money = match["money"] or match["money2"]
    last, unit = position, (match["unit"] or "")
    following = _after(tokens, apart, last)
    if not unit and not times and following in ("thousand", "million", "billion", "hundred", "dozen"):
        times, last = following, last + 1
        following = _after(tokens, apart, last)
    value *= _TIMES.get(times) or _LARGE.get(times, 1)
    percent = bool(match["percent"]) or (not unit and following in _PERCENT)
    if following in ("degree", "degrees") and (scale := _after(tokens, apart, last + 1)) in (
        "celsius",
        "fahrenheit",
        "c",
        "f",
    ):
        following, unit = scale, scale.upper() if len(scale) == 1 else scale
    word = unit + (match["of"] or "") or (tokens[last + 1].text if following else "")
    return Number(
        value=value,
        first=position,
        last=last,
        start=token.start,
        end=tokens[last].end
        if last > position
        else token.start + len(token.text[: match.start("unit")].rstrip("-"))
        if unit
        else token.end,
        units=units_of(money) if money else () if percent else units_of(word),
        unit=word.lower(),
        percent=percent,
        scaled=times,
    )


def _words(tokens: Sequence[Token], apart: Sequence[bool], position: int) -> Number | None:
    """Reads "five", "a dozen", "twenty-five", "two hundred", "three thousand five hundred"."""
    if tokens[position].text.partition("-")[0].lower() not in _WORDED:
        return None
    total = part = 0
    seen = False
    last = position
    for at in range(position, min(len(tokens), position + 8)):
        if at > position and apart[at]:
            break
        word = tokens[at].text.lower()
        tens, _, ones = word.partition("-")
        if word in SMALL and not (seen and part % 10):
            part += SMALL[word]
        elif word in _TENS and not part % 100:
            part += _TENS[word]
        elif tens in _TENS and ones in SMALL and not part % 100:
            part += _TENS[tens] + SMALL[ones]
        elif word in _LARGE and (seen or word == "dozen" or (at and tokens[at - 1].text.lower() == "a")):
            if word in ("hundred", "dozen"):
                part = (part or 1) * _LARGE[word]
            else:
                total, part = total + (part or 1) * _LARGE[word], 0
        else:
            break
        seen, last = True, at
    if not seen or (last == position and tokens[position].text.lower() in ("one", "zero")):
        return None
    unit = _after(tokens, apart, last)
    return Number(
        value=Decimal(total + part),
        first=position,
        last=last,
        start=tokens[position].start,
        end=tokens[last].end,
        units=() if unit in _PERCENT else units_of(tokens[last + 1].text) if unit else (),
        unit=unit,
        percent=unit in _PERCENT,
        worded=True,
    )


def _after(tokens: Sequence[Token], apart: Sequence[bool], position: int) -> str:
    """Returns the bare word after a token, in lower case, when nothing stands between them."""
    if position + 1 >= len(tokens) or apart[position + 1]:
        return ""
    token = tokens[position + 1]
    return "" if token.quoted or token.key else token.text.lower()
