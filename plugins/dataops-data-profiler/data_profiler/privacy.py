"""Personal data: telling it by its form, and never showing it.

Every value that leaves the profiler passes `shown`, whatever its column was taken for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_SHOWN = 80

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)*\.[A-Za-z]{2,}")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\d.-])(?:\d[ -]?){12,18}\d(?![\d.-]?\d)")
_SSN = re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_IP = re.compile(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])")
_PHONE = re.compile(
    r"(?<![\w+.-])(?:\+\d{1,3}[ .\-/]?(?:\(\d{1,4}\)[ .\-/]?)?\d(?:[ .\-/]?\d){6,12}"
    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}-\d{3}-\d{4}|\d{3}\.\d{3}\.\d{4})(?![\w.-]*\d)"
)
_PHONE_NAME = re.compile(r"(^|[^a-z])(phone|tel|telefon|telephone|mobile|fax|cell)([^a-z]|$)|phone", re.IGNORECASE)
_BARE_PHONE = re.compile(r"\+?[\d ()./-]{7,20}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class Kind:
    """One kind of personal data.

    Args:
        name: what people call it.
        shape: a regular expression over shapes (digits are 9, letters a or A) that narrows the search in SQL; not used
            where `share` is 0.
        matches: tells whether a value is of this kind.
        share: the least share of a column's values for the column to be of this kind.
        severity: how much it matters.
    """

    name: str
    shape: str
    matches: Callable[[str], bool]
    share: float
    severity: str


def is_card(text: str) -> bool:
    """Tells whether a text is a payment card number: its length, its first digit, and the Luhn sum."""
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19 or digits[0] not in (2, 3, 4, 5, 6) or len(set(digits)) < 2:
        return False
    doubled = [d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def is_iban(text: str) -> bool:
    """Tells whether a text is an IBAN: its form, and the remainder modulo 97."""
    plain = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", plain):
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


KINDS = (
    Kind("e-mail address", "", lambda v: bool(_EMAIL.search(v)), 0.0, "medium"),
    Kind("IBAN", r"AA99[ 9A]{11,40}", is_iban, 0.5, "high"),
    Kind("card number", r"9[9 -]{12,22}", lambda v: bool(_CARD.fullmatch(v.strip())) and is_card(v), 0.8, "high"),
    Kind("social security number", r"999-99-9999", lambda v: bool(_SSN.fullmatch(v.strip())), 0.5, "high"),
    Kind("IP address", r"9{1,3}(\.9{1,3}){3}", lambda v: bool(_IP.fullmatch(v.strip())), 0.5, "low"),
    Kind(
        "phone number",
        r"\+9[9 ()./-]{6,24}|(\(999\) ?|999[-.])999[ .-]9999",
        lambda v: bool(_PHONE.fullmatch(v.strip())),
        0.5,
        "medium",
    ),
)
NAMED_PHONE = Kind(
    "phone number", r"[+(9][9 ()./-]{6,24}", lambda v: bool(_BARE_PHONE.fullmatch(v.strip())), 0.5, "medium"
)


def kinds_for(header: str) -> tuple[Kind, ...]:
    """Returns the kinds to look for in a column; under a header that says phone, bare digits are one too."""
    return (*KINDS, NAMED_PHONE) if _PHONE_NAME.search(header) else KINDS


def mask(text: str) -> str:
    """Returns the text with everything personal in it made unreadable."""
    text = _EMAIL.sub(lambda m: m[0][0] + "***@***." + m[0].rsplit(".", 1)[1], text)
    text = _IBAN.sub(lambda m: m[0][:2] + "** **** ****" if is_iban(m[0]) else m[0], text)
    text = _CARD.sub(lambda m: "**** **** **** " + re.sub(r"\D", "", m[0])[-4:] if is_card(m[0]) else m[0], text)
    text = _SSN.sub("***-**-****", text)
    text = _IP.sub(lambda m: m[0].split(".")[0] + ".***.***.***", text)
    return _PHONE.sub(lambda m: hide_digits(m[0]), text)


def hide_digits(text: str) -> str:
    """Returns the text with all digits but the last two as `*`."""
    hidden = len(re.findall(r"\d", text)) - 2
    return re.sub(r"\d", "*", text, count=hidden) if hidden > 0 else text


def shown(value: object, *, personal: bool = False) -> str:
    """Returns a value as it may be shown: masked, one line, bounded, with control characters written out.

    Args:
        value: a cell.
        personal: its column is personal: all digits but the last two are hidden too.
    """
    text = "" if value is None else str(value)
    masked = mask(text[:2000])
    if personal and masked == text:
        masked = hide_digits(masked)
    return one_line(masked)


def one_line(text: str) -> str:
    """Returns a text bounded, with control characters written out."""
    plain = _CONTROL.sub(lambda m: ascii(m[0])[1:-1], text)
    return plain if len(plain) <= LONGEST_SHOWN else plain[: LONGEST_SHOWN - 1] + "…"
