"""Counts what one `dataops ask` asks of DynamoDB and S3, and what a million cost: `python cost_of_asking.py QUERY...`.

Units are those of DynamoDB's price list: a write of up to 1 kB is one, in a transaction two; a consistent read of up to
4 kB is one. Indexes of keys are written once when a record enters or leaves them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from aws_standins.processes import moto
from aws_standins.proxy import Proxy

#: US dollars for a million, us-east-1, on demand, standard class.
WRITE_UNIT, READ_UNIT, S3_WRITE, S3_READ = 0.625, 0.125, 5.0, 0.4
_S3_WRITES = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "ListObjectsV2")
_S3_READS = ("GetObject", "HeadObject")


def size_of(item: dict[str, Any]) -> int:
    """Returns about how many bytes an item has."""
    return sum(len(name) + len(str(next(iter(value.values()))).encode()) for name, value in item.items())


def units(kept: list[tuple[str, bytes, bytes]]) -> tuple[int, int]:
    """Returns write units and read units."""
    writes = reads = 0
    for operation, body, answer in kept:
        asked = json.loads(body) if body[:1] == b"{" else {}
        told = json.loads(answer) if answer[:1] == b"{" else {}
        if operation in ("PutItem", "DeleteItem"):
            writes += _kilobytes(asked.get("Item", {}), 1)
        elif operation == "TransactWriteItems":
            for write in asked["TransactItems"]:
                writes += 2 * _kilobytes(next(iter(write.values())).get("Item", {}), 1)
        elif operation == "GetItem":
            reads += _kilobytes(told.get("Item", {}), 4)
        elif operation == "Query":
            reads += max(1, -(-sum(map(size_of, told["Items"])) // 4096))
        elif operation == "BatchGetItem":
            reads += sum(_kilobytes(item, 4) for items in told["Responses"].values() for item in items)
    return writes, reads


def written(kept: list[tuple[str, bytes, bytes]]) -> Counter[str]:
    """Returns the write units of transactions, by table and kind of write."""
    found: Counter[str] = Counter()
    for operation, body, _ in kept:
        if operation == "TransactWriteItems":
            for write in json.loads(body)["TransactItems"]:
                ((action, asked),) = write.items()
                found[f"{asked['TableName']} {action}"] += 2 * _kilobytes(asked.get("Item", {}), 1)
    return found


def _kilobytes(item: dict[str, Any], of: int) -> int:
    return max(1, -(-size_of(item) // (of * 1024)))


def main(query: list[str]) -> None:
    """Asks three times: the session's first turn, its second, and its third; prints what each cost."""
    with moto() as endpoint, Proxy(endpoint).running() as proxy, tempfile.TemporaryDirectory() as home:
        variables = {
            **os.environ, "AWS_ENDPOINT_URL": proxy.endpoint, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "DATAOPS_HOME": home,
            "DATAOPS_RECORDS_URL": "dynamodb://us-east-1/dataops_", "DATAOPS_BLOBS_URL": "s3://cost-of-asking",
        }  # fmt: skip
        dataops = [sys.executable, "-m", "dataops_core.cli.main"]
        subprocess.run([*dataops, "storage", "init"], env=variables, check=True)
        session: list[str] = []
        for turn in range(3):
            proxy.counts.clear()
            proxy.kept = []
            said = subprocess.run(
                [*dataops, "ask", *query, *session, "--json"], env=variables, check=True, capture_output=True, text=True
            )
            session = ["--session", json.loads(said.stdout)["session_id"]]
            writes, reads = units(proxy.kept)
            s3 = Counter({name: proxy.counts[name] for name in (*_S3_WRITES, *_S3_READS) if proxy.counts[name]})
            free = Counter({"DeleteObject": proxy.counts["DeleteObject"]})
            dynamodb = proxy.counts - s3 - free
            puts = sum(s3[name] for name in _S3_WRITES)
            dollars = writes * WRITE_UNIT + reads * READ_UNIT + puts * S3_WRITE + (s3.total() - puts) * S3_READ
            print(f"turn {turn + 1}: DynamoDB {dict(dynamodb)} = {dynamodb.total()} requests, {writes} write units,")
            print(f"  by table: {dict(written(proxy.kept).most_common())}")
            print(f"  {reads} read units; S3 {dict(s3 + free)}; a million such turns cost {dollars:.2f} dollars")


if __name__ == "__main__":
    main(sys.argv[1:])
