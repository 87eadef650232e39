"""One `dataops ask` asks no more of DynamoDB and S3 than the README says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2]
ORDERS = PACKAGE.parents[1] / "examples" / "data" / "orders.csv"
#: Of a lease, by a run that takes long: one request, which the README does not count.
UNITS_OF_A_RENEWAL = 4


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("aws")
def test_asking_costs_no_more_than_the_readme_says() -> None:
    readme = (PACKAGE / "README.md").read_text()
    dynamodb = re.search(r"(?m)^\| DynamoDB \| \d+ to (\d+) \| \d+ to (\d+) written, \d+ to (\d+) read \|", readme)
    s3 = re.search(r"(?m)^\| S3 \| (\d+), of which (\d+) PUT, (\d+) LIST, (\d+) HEAD, (\d+) DELETE \|", readme)
    assert dynamodb is not None and s3 is not None
    requests, writes, reads = map(int, dynamodb.groups())
    names = ("PutObject", "ListObjectsV2", "HeadObject", "DeleteObject")
    for turn in runpy.run_path(str(PACKAGE / "backend" / "cost_of_asking.py"))["turns"]([f"profile {ORDERS}"]):
        assert 0 < turn.dynamodb.total() - turn.renewals <= requests
        assert 0 < turn.writes - UNITS_OF_A_RENEWAL * turn.renewals <= writes
        assert 0 < turn.reads <= reads
        assert 0 < turn.s3.total() <= int(s3[1])
        assert all(turn.s3[name] <= int(most) for name, most in zip(names, s3.groups()[1:], strict=True))
        assert not set(turn.s3) - set(names)
