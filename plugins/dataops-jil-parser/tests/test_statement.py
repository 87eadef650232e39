"""Every form of a statement: attributes on one line, quoting, escapes, wrapped values, blobs."""

from __future__ import annotations

import pytest
from jil_parser.statement import Parsed, StatementError, parse, plain


def read(text: str) -> Parsed:
    return parse(text + "\n")


def values(text: str) -> dict[str, str]:
    return {attribute.name: attribute.value for attribute in read(f"insert_job: A\n{text}").attributes}


@pytest.mark.parametrize(
    "text",
    [
        "insert_job: A job_type: c\nmachine: m",
        "insert_job: A   job_type: c   machine: m",
        "insert_job:A job_type:c\nmachine:m",
        "INSERT_JOB: A Job_Type: c\nMACHINE: m",
        "  insert_job : A   job_type : c\n\tmachine : m",
        'insert_job: "A" job_type: c\nmachine: "m"',
        "insert_job: A\n\njob_type: c\n\n\nmachine: m\n\n",
        "insert_job: A job_type: c \nmachine: m   ",
    ],
)
def test_attributes_below_and_behind_the_job(text: str) -> None:
    parsed = read(text)
    assert (parsed.subcommand, parsed.subject) == ("insert_job", "A")
    assert [(a.name, a.value) for a in parsed.attributes] == [("job_type", "c"), ("machine", "m")]


def test_several_attributes_on_a_line() -> None:
    found = values("machine: m owner: o@d permission: gx,wx\ncommand: ls a:b /x alarm_if_fail: y")
    assert found == {
        "machine": "m",
        "owner": "o@d",
        "permission": "gx,wx",
        "command": "ls a:b /x",
        "alarm_if_fail": "y",
    }


def test_words_with_colons_inside_a_value_are_no_attributes() -> None:
    assert values("command: curl http://host/x -H accept: json") == {"command": "curl http://host/x -H accept: json"}
    assert values("command: C:\\bin\\run.bat machine:m") == {"command": "C:\\bin\\run.bat", "machine": "m"}
    assert values('command: run "x machine: y" z') == {"command": 'run "x machine: y" z'}


def test_quotes_around_a_value_go_and_quotes_inside_stay() -> None:
    assert values('description: "Load: all of it"') == {"description": "Load: all of it"}
    assert values("""command: "a.cmd" "b" 'c'""") == {"command": """"a.cmd" "b" 'c'"""}
    assert values('description: ""') == {"description": ""}
    assert values(r'description: "say \"x\" twice"') == {"description": r'"say \"x\" twice"'}


def test_escaped_colons() -> None:
    assert values(r"start_times: 10\:00, 11\:30") == {"start_times": "10:00, 11:30"}
    assert values(r'run_window: "20\:00-06\:00"') == {"run_window": "20:00-06:00"}
    assert values(r"command: C\:\bin\x.exe") == {"command": r"C:\bin\x.exe"}


def test_wrapped_values() -> None:
    assert values("condition: s(A) &\n   s(B) &\n   s(C)\nmachine: m")["condition"] == "s(A) & s(B) & s(C)"
    assert values('description: "one\ntwo\n  three"')["description"] == "one two three"
    assert values("start_times:\n   10:00\nmachine: m") == {"start_times": "10:00", "machine": "m"}
    assert values("command:\nmachine: m") == {"command": "", "machine": "m"}


def test_a_blob_keeps_what_looks_like_attributes() -> None:
    found = values("blob_input: <auto_blobt>machine: x\n\ninsert: y</auto_blobt>\nmachine: m")
    assert found["machine"] == "m" and "machine: x" in found["blob_input"]
    assert values("blob_input: <auto_blobt>x</auto_blobt> y\nmachine: m")["blob_input"].endswith("blobt> y")


def test_attributes_that_are_not_known() -> None:
    assert values("made_up: 1\nanother: 2") == {"made_up": "1", "another": "2"}
    assert read("insert_job: A made_up: 1").attributes[0].name == "made_up"


def test_a_quote_that_is_never_closed_ends_with_its_attribute() -> None:
    assert values('description: "open\nmachine: m') == {"description": '"open', "machine": "m"}


def test_places_of_values() -> None:
    parsed = read("insert_job: A\n\n  machine:   m owner: o\ncondition: s(A) &\n  s(B)\nowner:")
    assert [(a.name, a.line, a.column) for a in parsed.attributes] == [
        ("machine", 3, 14),
        ("owner", 3, 23),
        ("condition", 4, 12),
        ("owner", 6, 7),
    ]


def test_lines_that_belong_to_nothing() -> None:
    parsed = read("insert_job: A\nmachine: m\n\n   what is this\n\nowner: o")
    assert [a.name for a in parsed.attributes] == ["machine", "owner"]
    assert parsed.stray == [(4, 4, "what is this")]


def test_calendar_lines() -> None:
    parsed = read("calendar: HOLIDAYS\n01/01/2026\n\n12/25/2026 00:00")
    assert parsed.subject == "HOLIDAYS"
    assert [text for _line, _column, text in parsed.stray][-1] == "12/25/2026 00:00"


def test_a_statement_without_a_subject() -> None:
    parsed = read("insert_job:\nmachine: m")
    assert parsed.subject in ("", "machine: m") and parsed.subcommand == "insert_job"


def test_what_does_not_fit_the_grammar_is_told_with_its_place() -> None:
    with pytest.raises(StatementError) as caught:
        parse("machine: m\n")
    assert (caught.value.line, caught.value.column) == (1, 1)


def test_values_in_one_line() -> None:
    assert plain(' "a b" ') == "a b"
    assert plain('"a" "b"') == '"a" "b"'
    assert plain("a  \n   b") == "a b"
