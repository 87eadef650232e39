from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from data_profiler.privacy import LONGEST_SHOWN, is_card, is_iban, mask, shown
from hypothesis import given, settings
from hypothesis import strategies as st

CARDS = ["4111111111111111", "5500 0000 0000 0004", "3782-822463-10005", "6011000990139424"]
IBANS = ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "FR1420041010050500013M02606"]


@pytest.mark.parametrize("text", CARDS)
def test_cards(text: str) -> None:
    assert is_card(text)
    assert not is_card(text[:-1] + str((int(text[-1]) + 1) % 10))


@pytest.mark.parametrize("text", IBANS)
def test_ibans(text: str) -> None:
    assert is_iban(text)
    assert not is_iban(text[:-1] + ("1" if text[-1] != "1" else "2"))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("mail ada@lovelace.org today", "lovelace"),
        (f"card {CARDS[0]}", "411111"),
        (f"pay to {IBANS[0]} please", "3704"),
        ("ssn 123-45-6789", "6789"),
        ("from 192.168.17.42", "168"),
        ("call +49 30 1234567 now", "123456"),
        ("(555) 123-4567", "555"),
        ("555-123-4567", "4567"[:2]),
    ],
)
def test_personal_data_is_masked_wherever_it_stands(text: str, hidden: str) -> None:
    assert hidden not in mask(text)


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-31",
        "1005-00-073-9421",
        "12345678",
        "3.14.15",
        "10:00:00+03:00",
        "2020-01-01T15:00:00+03:00",
        "A-100",
        "1,234.50",
    ],
)
def test_what_is_not_personal_is_left(text: str) -> None:
    assert mask(text) == text


@given(st.text(max_size=120))
@settings(max_examples=60)
def test_what_is_shown_is_one_bounded_line(text: str) -> None:
    out = shown(text)
    assert len(out) <= LONGEST_SHOWN
    assert not any(ord(c) < 32 or c in "\x7f\u2028\u2029\u202e" for c in out)


@given(st.from_regex(r"[a-z]{3,8}\.[a-z]{3,8}@[a-z]{4,9}\.(com|de)", fullmatch=True), st.text(max_size=20))
def test_no_address_is_shown(address: str, around: str) -> None:
    assert address not in shown(f"{around} {address} {around}")


COLUMNS = {
    "e-mail address": ["ada@lovelace.org", "charles@babbage.co.uk", "grace.hopper@navy.mil"],
    "card number": CARDS[:3],
    "IBAN": IBANS,
    "social security number": ["123-45-6789", "219-09-9999", "457-55-5462"],
    "IP address": ["192.168.0.1", "10.20.30.40", "8.8.4.4"],
    "phone number": ["+49 30 1234567", "+1 555 987 6543", "(555) 123-4567"],
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_personal_columns_are_named_and_nowhere_shown(profiled: Callable[..., Any], kind: str) -> None:
    values = COLUMNS[kind]
    made = profiled("n,x\n" + "".join(f'{i},"{value}"\n' for i, value in enumerate(values * 2)))
    found = made.found("personal_data", "x")[0]
    assert kind in found["message"]
    assert found["count"] == 6
    text = json.dumps(made.profile)
    assert not any(value in text for value in values)


def test_a_column_that_is_called_phone_may_hold_bare_digits(profiled: Callable[..., Any]) -> None:
    text = "n,phone\n" + "".join(f"{i},555{i}234567\n" for i in range(9))
    made = profiled(text)
    assert "phone number" in made.found("personal_data", "phone")[0]["message"]
    assert made.column("phone")["numbers"] is None
    assert "5550234567" not in json.dumps(made.profile)
    assert not profiled(text.replace("phone", "order")).found("personal_data")


def test_one_address_among_notes_is_found(profiled: Callable[..., Any]) -> None:
    made = profiled("n,note\n" + "".join(f"{i},some words\n" for i in range(50)) + "50,ask ada@lovelace.org first\n")
    assert made.found("personal_data", "note")[0]["count"] == 1
