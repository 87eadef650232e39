"""The job of the parameter, or the one that the query names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from jil_parser.asked import named, required

from dataops_core.errors import NotFound

Make = Callable[..., Any]


@pytest.fixture
def network(batch: Make, job: Callable[..., str]) -> Any:
    names = ["LOAD_CUSTOMERS", "LOAD_ORDERS", "daily", "before", "foo.job", "A:B", "NIGHTLY", "Mixed_Case"]
    return batch("".join(job(name) for name in names) + job("Z", "s(GONE_JOB) & s(X_1^PRD)")).network


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("What has to run before LOAD_CUSTOMERS?", "LOAD_CUSTOMERS"),
        ("what has to run before LOAD_CUSTOMERS in batch.jil?", "LOAD_CUSTOMERS"),
        ("which jobs depend on 'LOAD_CUSTOMERS'.", "LOAD_CUSTOMERS"),
        ("what has to run before load_customers", "LOAD_CUSTOMERS"),
        ("what runs before daily", "before"),
        ("what runs after daily?", "daily"),
        ("upstream of foo.job.", "foo.job"),
        ("upstream of A:B", "A:B"),
        ("what is before mixed_case?", "Mixed_Case"),
        ("who waits for GONE_JOB?", "GONE_JOB"),
        ("who waits for X_1^PRD?", "X_1^PRD"),
        ("is NIGHTLY in nightly.jil late?", "NIGHTLY"),
        ("parse nightly.jil", ""),
        ("LOAD_CUSTOMERS.jil", ""),
        ("what is here", ""),
        ("", ""),
    ],
)
def test_the_job_that_a_query_names(network: Any, query: str, expected: str) -> None:
    if expected == "before":  # two jobs that are called like words: the first one, and the other is said
        assert named(network, query) == ("before", "The query also names daily; ask for it with job=…")
    else:
        assert named(network, query)[0] == expected


def test_several_jobs(network: Any) -> None:
    job, note = named(network, "does LOAD_ORDERS run before LOAD_CUSTOMERS?")
    assert job == "LOAD_ORDERS" and note == "The query also names LOAD_CUSTOMERS; ask for it with job=…"


def test_a_name_that_is_not_there_is_said(network: Any) -> None:
    job, note = named(network, "what runs before LOAD_CUSTOMER?")
    assert job == "" and "no job 'LOAD_CUSTOMER'" in note and "Did you mean LOAD_CUSTOMERS" in note


def test_hostile_queries(network: Any) -> None:
    assert named(network, "\x00\u202e" * 100_000) == ("", "")
    job, note = named(network, "what is around A\x1b_B_C and \u202eX_Y and Q_R?")
    assert job == "" and note == "There is no job 'Q_R' in the file."
    assert named(network, "x " * 1_000_000)[0] == ""


@pytest.mark.parametrize("given", ["LOAD_CUSTOMERS", " LOAD_CUSTOMERS ", "load_customers"])
def test_the_job_of_the_parameter(network: Any, given: str) -> None:
    assert required(network, given) == "LOAD_CUSTOMERS"


def test_a_job_that_is_not_there_is_an_error_with_the_nearest(network: Any) -> None:
    with pytest.raises(NotFound) as caught:
        required(network, "LOAD_CUSTOMRES")
    assert caught.value.message == "there is no job 'LOAD_CUSTOMRES' in 'batch.jil'"
    assert "LOAD_CUSTOMERS" in caught.value.hint
    with pytest.raises(NotFound, match="QQQ"):
        required(network, "QQQ" * 1000)
