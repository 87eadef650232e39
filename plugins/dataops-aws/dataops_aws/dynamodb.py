"""The entry point of the record store on DynamoDB."""

from __future__ import annotations

from collections.abc import Sequence

from dataops_core.contracts.hookspecs import hookimpl
from dataops_core.contracts.records import RecordStore, Table

DATAOPS_API = 1


@hookimpl
def dataops_record_store(url: str, tables: Sequence[Table]) -> RecordStore:
    """Opens `dynamodb://region/prefix`: a table `dataops_runs` is called `{prefix}runs` there.

    Without a path the prefix is `dataops_`, so the tables have their own names; `dynamodb://region/` has none.
    `?timeout=` says how many seconds to wait for an answer, 10 by default; no call hears nothing for longer than twice
    that.
    """
    from dataops_aws.addresses import dynamodb_address
    from dataops_aws.records import DynamoRecords

    region, prefix, timeout = dynamodb_address(url)
    return DynamoRecords(region, prefix, tables, timeout=timeout)
