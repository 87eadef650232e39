"""What URLs name, and what they may not."""

from __future__ import annotations

import pytest
from dataops_aws.addresses import S3Address, dynamodb_address, s3_address, table_name

from dataops_core.errors import InvalidValue


@pytest.mark.parametrize(
    ("url", "region", "sessions"),
    [
        ("dynamodb://eu-west-1/dataops_", "eu-west-1", "dataops_sessions"),
        ("dynamodb://eu-west-1", "eu-west-1", "dataops_sessions"),
        ("dynamodb://us-east-1/", "us-east-1", "sessions"),
        ("dynamodb://us-gov-west-1/prod.team-1_", "us-gov-west-1", "prod.team-1_sessions"),
    ],
)
def test_tables_are_named_by_region_and_prefix(url: str, region: str, sessions: str) -> None:
    found, prefix, timeout = dynamodb_address(url)
    assert (found, table_name(prefix, "dataops_sessions"), timeout) == (region, sessions, 10)


def test_a_stranger_s_table_gets_the_prefix_before_its_name() -> None:
    assert table_name("x_", "suite_items") == "x_suite_items"


@pytest.mark.parametrize(
    "url",
    ["dynamodb:", "dynamodb://", "dynamodb:///x", "dynamodb://EU/x", "dynamodb://eu/a/b", "dynamodb://eu/a b", "s3://b",
     "dynamodb://eu/x?y=1", "dynamodb://eu/x?", "dynamodb://eu/x#y", "dynamodb://eu/é", "dynamodb://eu\n/x"],
)  # fmt: skip
def test_what_is_no_dynamodb_url(url: str) -> None:
    with pytest.raises(InvalidValue) as told:
        dynamodb_address(url)
    assert "dynamodb://region/prefix" in told.value.hint


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("s3://my-bucket", S3Address("my-bucket")),
        ("s3://my-bucket/", S3Address("my-bucket")),
        ("s3://my-bucket/a/b", S3Address("my-bucket", "a/b/")),
        ("s3://my-bucket/a//b/", S3Address("my-bucket", "a/b/")),
        ("s3://my-bucket/a%20b/%C3%A9", S3Address("my-bucket", "a b/é/")),
        ("s3://b.c-1?region=eu-west-1", S3Address("b.c-1", "", "eu-west-1")),
        ("s3://abc/x?encryption=AES256", S3Address("abc", "x/", None, "AES256")),
        ("s3://abc?timeout=2.5", S3Address("abc", timeout=2.5)),
        ("s3://abc?encryption=arn:aws:kms:e:1:key/a-b", S3Address("abc", "", None, "arn:aws:kms:e:1:key/a-b")),
    ],
)  # fmt: skip
def test_blobs_lie_in_a_bucket_below_a_prefix(url: str, address: S3Address) -> None:
    assert s3_address(url) == address


@pytest.mark.parametrize(
    "url",
    ["s3:", "s3://", "s3:///x", "s3://B", "s3://ab/", "s3://a..b", "s3://abc/../x", "s3://abc/./x", "s3://abc/%00",
     "s3://abc/%ff", "s3://abc?endpoint=x", "s3://abc?encryption", "s3://abc?encryption=a b", "s3://abc?region=EU",
     "s3://abc#x", "s3://abc?timeout=0", "s3://abc?timeout=1e9", "s3://abc/" + "x" * 121, "file:///x", "s3://[abc"],
)  # fmt: skip
def test_what_is_no_s3_url(url: str) -> None:
    with pytest.raises(InvalidValue):
        s3_address(url)


@pytest.mark.parametrize(("text", "seconds"), [("1", 1.0), ("0.25", 0.25), ("9999", 9999.0)])
def test_how_long_to_wait_for_an_answer(text: str, seconds: float) -> None:
    assert dynamodb_address(f"dynamodb://eu-west-1/x_?timeout={text}") == ("eu-west-1", "x_", seconds)
    assert dynamodb_address(f"dynamodb://eu-west-1?timeout={text}") == ("eu-west-1", "dataops_", seconds)
    assert s3_address(f"s3://abc/x?timeout={text}").timeout == seconds


@pytest.mark.parametrize("text", ["0", "0.0", "-1", "1s", "inf", "nan", "1e3", "99999", "1.2345", "\u0661"])
def test_what_is_no_time_to_wait(text: str) -> None:
    for read, url in ((dynamodb_address, "dynamodb://eu-west-1/x_"), (s3_address, "s3://abc")):
        with pytest.raises(InvalidValue):
            read(f"{url}?timeout={text}")


def test_credentials_in_a_url_are_refused_and_not_shown() -> None:
    for url in ("dynamodb://AKIA:hunter2@eu-west-1/x", "s3://AKIA:hunter2@bucket/x"):
        with pytest.raises(InvalidValue) as told:
            (dynamodb_address if url.startswith("d") else s3_address)(url)
        assert "hunter2" not in str(told.value) + told.value.hint
