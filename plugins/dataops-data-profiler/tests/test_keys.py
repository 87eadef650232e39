from __future__ import annotations

from collections.abc import Callable
from typing import Any


def test_the_likeliest_key_comes_first(profiled: Callable[..., Any]) -> None:
    text = "price,name,id\n" + "".join(f"{i * 1.5},n{i},{i}\n" for i in range(20))
    assert profiled(text).profile["keys"]["single"] == ["id", "name", "price"]


def test_a_pair_is_found_where_no_column_is_enough(profiled: Callable[..., Any]) -> None:
    text = "order_no,line_no,what\n" + "".join(f"{i // 4},{i % 4},w{i % 3}\n" for i in range(40))
    keys = profiled(text).profile["keys"]
    assert (keys["single"], keys["pairs"]) == ([], [["order_no", "line_no"]])


def test_missing_values_spoil_a_key(profiled: Callable[..., Any]) -> None:
    assert profiled("id,x\n1,a\n2,a\n,a\n").profile["keys"]["single"] == []


def test_repeated_ids_are_named_with_their_rows(profiled: Callable[..., Any]) -> None:
    ids = [*range(1, 40), 7]
    found = profiled("order_id,x\n" + "".join(f"{i},{n}\n" for n, i in enumerate(ids)), "orders.csv").found(
        "repeated_key"
    )
    assert (found[0]["severity"], found[0]["column"]) == ("high", "order_id")
    assert found[0]["examples"] == [{"row": 7, "value": "7, also in row 40"}]
    found = profiled("user_id,x\n" + "".join(f"{i},{n}\n" for n, i in enumerate(ids)), "orders.csv").found(
        "repeated_key"
    )
    assert found[0]["severity"] == "medium"


def test_a_foreign_key_is_no_broken_key(profiled: Callable[..., Any]) -> None:
    made = profiled("id,user_id\n" + "".join(f"{i},{i // 3}\n" for i in range(60)))
    assert "repeated_key" not in made.codes


def test_duplicate_rows_are_counted(profiled: Callable[..., Any]) -> None:
    made = profiled("a,b\n1,x\n2,\n1,x\n2,\n1,x\n3,x\n")
    assert made.profile["duplicates"] == {
        "count": 3,
        "groups": 2,
        "examples": [
            {"row": 5, "value": "3 times, first in row 1: 1 | x"},
            {"row": 4, "value": "2 times, first in row 2: 2 | "},
        ],
    }


def test_rows_with_totals_are_named(profiled: Callable[..., Any]) -> None:
    body = "".join(f"r{i},{i},{i * 2}\n" for i in range(1, 9))
    labelled = profiled("region,a,b\n" + body + "Total,36,72\n")
    assert labelled.found("total_row")[0]["examples"] == [{"row": 9, "value": "Total"}]
    unlabelled = profiled("region,a,b\n" + body + ",36,72\n")
    assert unlabelled.found("total_row")[0]["examples"] == [{"row": 9, "value": "sums of a, b"}]
    assert "total_row" not in profiled("region,a,b\n" + body).codes


def test_a_column_of_totals_is_named(profiled: Callable[..., Any]) -> None:
    made = profiled('r,a,b,Total\nx,"1,000",2,"1,002"\ny,3,4,7\nz,5,,5\n')
    assert made.found("total_column")[0]["column"] == "Total"
    assert "total_column" not in profiled("r,a,b,Total\nx,1,2,3\ny,3,4,9\nz,5,6,8\n").codes
