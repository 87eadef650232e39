"""Units of measurement: which one a word means, which one a parameter wants, and how one becomes the other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit.

    Args:
        dimension: what it measures; two units of one dimension can be converted.
        factor: how many base units of the dimension it is.
    """

    dimension: str
    factor: Decimal


# Per dimension: words, then how many base units each is. Months have no fixed length, so years and months stand apart
# from days; degrees and currencies do not convert by a factor, so each is a dimension of its own. Kilobytes are
# either 1000 or 1024 bytes, so each size is one too.
_TABLE: Final = {
    "time": "millisecond ms msec:0.001 second sec s:1 minute min:60 hour hr h:3600 day:86400 week:604800",
    "months": "month:1 quarter:3 year yr:12 decade:120 century:1200",
    "length": "millimeter millimetre mm:0.001 centimeter centimetre cm:0.01 meter metre m:1 kilometer kilometre "
    "km:1000 inch:0.0254 foot feet ft:0.3048 yard yd:0.9144 mile mi:1609.344 nanometer nm:1e-9 micrometer µm:1e-6",
    "mass": "milligram mg:0.001 gram g:1 kilogram kilo kg:1000 tonne:1000000 pound lb:453.59237 ounce oz:28.349523125",
    "volume": "milliliter millilitre ml:0.001 liter litre l:1 gallon gal:3.785411784",
    "speed": "mph:1",
    "kelvin": "kelvin K:1",
    "celsius": "celsius centigrade °C C:1",
    "fahrenheit": "fahrenheit °F F:1",
    "dollar": "dollar usd $:1",
    "euro": "euro eur €:1",
    "pound sterling": "gbp sterling £:1",
    "yen": "yen jpy ¥:1",
    "rupee": "rupee inr ₹:1",
    "bytes": "byte B:1",
    "KB": "kilobyte KB kB KiB:1",
    "MB": "megabyte MB MiB:1",
    "GB": "gigabyte GB GiB:1",
    "TB": "terabyte TB TiB:1",
    "pressure": "pascal Pa:1 kilopascal kPa:1000 bar:100000 atmosphere atm:101325",
    "frequency": "hertz Hz:1 kilohertz kHz:1000 megahertz MHz:1000000 gigahertz GHz:1000000000",
    "capacitance": "farad F:1 millifarad mF:1e-3 microfarad µF uF:1e-6 nanofarad nF:1e-9 picofarad pF:1e-12",
    "inductance": "henry henries H:1 millihenry mH:1e-3 microhenry µH uH:1e-6",
    "resistance": "ohm Ω:1 kiloohm kΩ:1000",
    "voltage": "volt V:1 millivolt mV:0.001 kilovolt kV:1000",
    "current": "ampere amp A:1 milliampere mA:0.001",
    "power": "watt W:1 kilowatt kW:1000 megawatt MW:1000000",
    "energy": "joule J:1 kilojoule kJ:1000 calorie cal:4.184 kilocalorie kcal:4184",
    "force": "newton N:1 kilonewton kN:1000",
    "charge": "coulomb C:1",
    "angle": "degree °:1",
    "rhythm": "bpm:1",
}


def _parsed() -> dict[str, tuple[Unit, ...]]:
    found: dict[str, tuple[Unit, ...]] = {}
    for dimension, text in _TABLE.items():
        names: list[str] = []
        for part in text.split():
            name, _, factor = part.partition(":")
            names.append(name)
            if factor:
                for each in names:
                    found[each] = (*found.get(each, ()), Unit(dimension, Decimal(factor)))
                names = []
    return found


UNITS: Final = _parsed()
_STATED = re.compile(r"[A-Za-z]{1,14}")
_NAME_PARTS = re.compile(r"[^\W_]+")


@lru_cache(maxsize=4096)
def units_of(word: str) -> tuple[Unit, ...]:
    """Returns the units that a word may mean: "m" is a metre, "minutes" minutes, "rows" none."""
    word = word.replace("μ", "µ")
    if word in UNITS:
        return UNITS[word]
    lower = word.lower()
    for form in (lower, lower.removesuffix("s"), lower.removesuffix("es")):
        if len(form) >= 3 and form in UNITS:
            return UNITS[form]
    return ()


@lru_cache(maxsize=4096)
def wanted_units(name: str, description: str) -> frozenset[Unit]:
    """Returns the units that a parameter says its value is in.

    In the name ("timeout_seconds", "days"), or in the description in parentheses, after "in" or "of", or in the plural
    ("in seconds", "(kg)", "number of days"). "per year" states none.
    """
    found: set[Unit] = set()
    for part in _NAME_PARTS.findall(name):
        if len(part) > 1 and part.lower() not in ("year", "month", "quarter", "min", "minute", "hour", "day", "second"):
            found.update(units_of(part))
    text, before = description[:500].split("efault", maxsplit=1)[0], ""
    for match in _STATED.finditer(text):
        word, enclosed = match[0], text[match.start() - 1 : match.start()] + text[match.end() : match.end() + 1] == "()"
        if before not in ("per", "each", "every") and "/" not in (
            text[match.start() - 1 : match.start()],
            text[match.end() : match.end() + 1],
        ):
            plural = word.endswith("s") and len(word) > 4
            if enclosed or plural or (len(word) > 1 and before in ("in", "of")):
                found.update(units_of(word))
        before = word.lower()
    return frozenset(found)


def converted(value: Decimal, given: tuple[Unit, ...], wanted: frozenset[Unit]) -> Decimal | None:
    """Returns a value in the unit that is wanted, or None when the units cannot be reconciled.

    A value without a unit, or a parameter that states none, is taken as it is.
    """
    if not given or not wanted:
        return value
    if any(unit in wanted for unit in given):
        return value
    found = {
        value * unit.factor / other.factor for unit in given for other in wanted if unit.dimension == other.dimension
    }
    return found.pop() if len(found) == 1 else None
