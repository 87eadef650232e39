"""Every form of a condition; the README says which test covers which form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jil_parser.condition import DEEPEST, ConditionError, atoms, parse, render


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("s S success SUCCESS Success", "success"),
        ("f F failure FAILURE", "failure"),
        ("d D done DONE", "done"),
        ("t T terminated TERMINATED", "terminated"),
        ("n N notrunning NOTRUNNING notRunning", "notrunning"),
    ],
)
def test_every_status_in_short_and_long(words: str, status: str) -> None:
    for word in words.split():
        assert parse(f"{word}(JOB_A)") == {"is": status, "job": "JOB_A"}
        assert parse(f"{word} ( JOB_A )") == {"is": status, "job": "JOB_A"}


@pytest.mark.parametrize("compare", ["=", "!=", "<", ">", "<=", ">="])
def test_exit_codes(compare: str) -> None:
    for word in ("e", "exitcode", "EXITCODE"):
        found = parse(f"{word}(JOB_A) {compare} 4")
        assert found == {"is": "exitcode", "job": "JOB_A", "compare": compare, "value": "4"}
    assert parse("e(A,2.00)=-1") == {"is": "exitcode", "job": "A", "lookback": "2", "compare": "=", "value": "-1"}


@pytest.mark.parametrize("compare", ["=", "!=", "<", ">", "<=", ">="])
def test_global_variables(compare: str) -> None:
    for word in ("v", "value", "VALUE"):
        found = {"is": "value", "variable": "TODAY", "compare": compare, "value": "end of month"}
        assert parse(f'{word}(TODAY) {compare} "end of month"') == found
        assert parse(f"{word}(TODAY){compare}mon") == {**found, "value": "mon"}


def test_a_variable_of_another_instance() -> None:
    found = {"is": "value", "variable": "DAY", "instance": "PRD", "compare": "=", "value": "1"}
    assert parse("v(DAY^PRD) = 1") == found
    assert parse(render(found)) == found


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("s(A,12.30)", "12.30"),
        ("s(A, 12.30)", "12.30"),
        ("s(A , 12.3)", "12.03"),
        ("s(A, 0)", "0"),
        ("s(A,00.00)", "0"),
        ("s(A,24)", "24"),
        ("s(A, 9999.59)", "9999.59"),
        ("s(A,12:30)", "12.30"),
        (r"s(A,12\:30)", "12.30"),
        (r's(A,"12\:30")', "12.30"),
        ('s(A, "12:30")', "12.30"),
        ('s(A,"01.05")', "1.05"),
        ("s(A^PRD, 01.00)", "1"),
    ],
)
def test_look_back_in_all_forms(written: str, read: str) -> None:
    found = parse(written)
    assert found["job"] == "A" and found["lookback"] == read


@pytest.mark.parametrize(
    ("written", "column", "message"),
    [
        ("s(A, 1.60)", 6, "60 minutes"),
        ("s(A, soon)", 6, "is no look-back"),
        ("s(A, -1)", 6, "is no look-back"),
        ("s(A, 12345)", 6, "is no look-back"),
        ("v(A, 1) = 2", 6, "takes no look-back"),
        ("s(A", 4, "ends too early"),
        ("s(A) &", 7, "ends too early"),
        ("s(A) & & s(B)", 8, "expected"),
        ("s(A))", 5, "expected"),
        ("s(A) s(B)", 6, "AND or OR or the end, found"),
        ("s(A) xor s(B)", 6, "found 'xor'"),
        ("x(A)", 1, "'x' is no status"),
        ("s(A) = 1", 1, "takes no comparison"),
        ("e(A)", 1, "needs a comparison"),
        ("v(A)", 1, "needs a comparison"),
        ("s()", 3, "expected a name"),
        ("JOB_A", 6, "ends too early"),
        ("e(A) = high", 8, "is no exit code"),
        ("s(A) & \x00", 8, r"found '\\x00'"),
    ],
)
def test_what_is_wrong_is_told_with_its_column(written: str, column: int, message: str) -> None:
    with pytest.raises(ConditionError, match=message) as caught:
        parse(written)
    assert (caught.value.line, caught.value.column) == (1, column)
    assert caught.value.message.isprintable()


def test_the_line_of_an_error_in_a_wrapped_condition() -> None:
    with pytest.raises(ConditionError) as caught:
        parse("s(A) &\n   s(B) &\n   q(C)")
    assert (caught.value.line, caught.value.column) == (3, 4)


def test_and_and_or_have_one_rank_from_left_to_right() -> None:
    a, b, c = ({"is": "success", "job": name} for name in "ABC")
    assert parse("s(A) | s(B) & s(C)") == {"all": [{"any": [a, b]}, c]}
    assert parse("s(A) & s(B) | s(C)") == {"any": [{"all": [a, b]}, c]}
    assert parse("s(A) OR s(B) and s(C)") == {"all": [{"any": [a, b]}, c]}


def test_parentheses_group() -> None:
    a, b, c = ({"is": "success", "job": name} for name in "ABC")
    assert parse("s(A) | (s(B) & s(C))") == {"any": [a, {"all": [b, c]}]}
    assert parse("((s(A)))") == a
    assert parse("(s(A)&s(B))&(s(C))") == {"all": [a, b, c]}


def test_names_with_odd_letters() -> None:
    assert parse(r"s(A\:B.c#1-2@x$)")["job"] == "A:B.c#1-2@x$"
    assert parse("s(A:B)")["job"] == "A:B"
    assert parse('s("MY JOB")')["job"] == "MY JOB"
    assert parse("s(وظيفة)")["job"] == "وظيفة"
    assert parse("s(and)|s(or)") == {"any": [{"is": "success", "job": "and"}, {"is": "success", "job": "or"}]}
    assert parse("s(A)and s(B)") == parse("s(A) & s(B)")


def test_jobs_of_other_instances() -> None:
    assert parse("success(JOB_A^PRD)") == {"is": "success", "job": "JOB_A", "instance": "PRD"}


def test_ten_thousand_parentheses_and_atoms() -> None:
    assert parse("(" * 10_000 + "s(A)" + ")" * 10_000) == {"is": "success", "job": "A"}
    assert len(parse("|".join(["s(A)"] * 10_000))["any"]) == 10_000
    with pytest.raises(ConditionError, match="ends too early"):
        parse("(" * 10_000)


def test_alternations_beyond_the_limit_are_refused() -> None:
    text = "s(A)"
    for number in range(DEEPEST + 1):
        text = f"{'&|'[number % 2]} {text}".join(["s(B) ", ""]) if number == 0 else f"s(B) {'&|'[number % 2]} ({text})"
    with pytest.raises(ConditionError, match="levels deep"):
        parse(text)


_names = st.text("ABCxyz_0.#$-:", min_size=1, max_size=5)
_jobs = st.builds(
    lambda status, name, more: {"is": status, "job": name, **more},
    st.sampled_from(["success", "failure", "done", "terminated", "notrunning"]),
    _names,
    st.fixed_dictionaries({}, optional={"instance": st.sampled_from(["PRD", "ACE"]), "lookback": st.just("12.30")}),
)
_codes = st.builds(
    lambda name, compare: {"is": "exitcode", "job": name, "compare": compare, "value": "4"},
    _names,
    st.sampled_from(["=", "<="]),
)
_values = st.builds(
    lambda name, value: {"is": "value", "variable": name, "compare": "!=", "value": value},
    _names,
    st.text("ab (|&", min_size=1, max_size=6),
)


def _joined(word: str) -> Any:
    def join(parts: list[Any]) -> Any:
        flat = [inner for part in parts for inner in (part.get(word) or [part])]
        return {word: flat}

    return join


_trees = st.recursive(
    _jobs | _codes | _values,
    lambda inner: st.builds(
        lambda word, parts: _joined(word)(parts),
        st.sampled_from(["all", "any"]),
        st.lists(inner, min_size=2, max_size=4),
    ),
    max_leaves=12,
)


@given(_trees)
def test_what_is_rendered_is_read_as_the_same_tree(tree: Any) -> None:
    assert parse(render(tree)) == tree


def _holds(tree: Any, truth: dict[str, bool]) -> bool:
    if "all" in tree:
        return all(_holds(part, truth) for part in tree["all"])
    if "any" in tree:
        return any(_holds(part, truth) for part in tree["any"])
    return truth[tree["job"]]


@given(st.lists(st.tuples(st.sampled_from("ABCD"), st.sampled_from("&|")), min_size=1, max_size=9), st.data())
def test_flat_conditions_hold_as_a_naive_evaluation_from_left_to_right(parts: list[tuple[str, str]], data: Any) -> None:
    truth = {name: data.draw(st.booleans()) for name in "ABCD"}
    text = "".join(f" {sign} s({name})" for name, sign in parts).lstrip("&| ")
    value = truth[parts[0][0]]
    for name, sign in parts[1:]:
        value = (value and truth[name]) if sign == "&" else (value or truth[name])
    tree = parse(text)
    assert _holds(tree, truth) == value
    assert [atom["job"] for atom in atoms(tree)] == [name for name, _sign in parts]
