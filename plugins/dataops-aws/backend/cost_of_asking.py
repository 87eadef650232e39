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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from aws_standins.processes import moto
from aws_standins.proxy import Proxy

#: US dollars for a million, us-east-1, on demand, standard class.
WRITE_UNIT, READ_UNIT, S3_WRITE, S3_READ = 0.625, 0.125, 5.0, 0.4
_S3_WRITES = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "ListObjectsV2")
_S3_READS = ("GetObject", "HeadObject")
_OF_S3 = (*_S3_WRITES, *_S3_READS, "DeleteObject", "AbortMultipartUpload")  # the last two are free


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


def renewals(kept: list[tuple[str, bytes, bytes]]) -> int:
    """Returns how many transactions do nothing but renew a lease."""
    asked = [json.loads(body)["TransactItems"] for operation, body, _ in kept if operation == "TransactWriteItems"]
    return sum(
        sorted(action for write in writes for action in write) == ["ConditionCheck", "Put"]
        and any(write.get("Put", {}).get("Item", {}).get("item") == {"S": "lease"} for write in writes)
        for writes in asked
    )


def _kilobytes(item: dict[str, Any], of: int) -> int:
    return max(1, -(-size_of(item) // (of * 1024)))


@dataclass(frozen=True)
class Turn:
    """What one turn of a session asked for.

    Args:
        dynamodb: requests by operation.
        s3: requests by operation.
        writes, reads: units of DynamoDB.
        by_table: write units of transactions.
        renewals: how often the run renewed its lease, which it does every ten seconds; counted above, too.
    """

    dynamodb: Counter[str]
    s3: Counter[str]
    writes: int
    reads: int
    by_table: Counter[str]
    renewals: int

    @property
    def dollars(self) -> float:
        """What a million such turns cost."""
        puts = sum(self.s3[name] for name in _S3_WRITES)
        gets = sum(self.s3[name] for name in _S3_READS)
        return self.writes * WRITE_UNIT + self.reads * READ_UNIT + puts * S3_WRITE + gets * S3_READ


def turns(query: Sequence[str], count: int = 3) -> Iterator[Turn]:
    """Asks the same in the turns of one session, and yields what each cost."""
    with moto() as endpoint, Proxy(endpoint).running() as proxy, tempfile.TemporaryDirectory() as home:
        variables = {
            **os.environ, "AWS_ENDPOINT_URL": proxy.endpoint, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "DATAOPS_HOME": home,
            "DATAOPS_RECORDS_URL": "dynamodb://us-east-1/dataops_", "DATAOPS_BLOBS_URL": "s3://cost-of-asking",
        }  # fmt: skip
        dataops = [sys.executable, "-m", "dataops_core.cli.main"]
        subprocess.run([*dataops, "storage", "init"], env=variables, check=True, capture_output=True)
        session: list[str] = []
        for _ in range(count):
            proxy.kept = []
            said = subprocess.run(
                [*dataops, "ask", *query, *session, "--json"], env=variables, check=True, capture_output=True, text=True
            )
            session = ["--session", json.loads(said.stdout)["session_id"]]
            answered = Counter(operation for operation, _, _ in proxy.kept)
            of_s3 = Counter({name: answered[name] for name in _OF_S3 if answered[name]})
            yield Turn(answered - of_s3, of_s3, *units(proxy.kept), written(proxy.kept), renewals(proxy.kept))


if __name__ == "__main__":
    for number, turn in enumerate(turns(sys.argv[1:]), 1):
        print(f"turn {number}: DynamoDB {dict(turn.dynamodb)} = {turn.dynamodb.total()} requests,")
        print(f"  {turn.writes} write units, by table: {dict(turn.by_table.most_common())}")
        print(f"  {turn.renewals} renewals of the lease, each one request and four units")
        print(f"  {turn.reads} read units; S3 {dict(turn.s3)}; a million such turns cost {turn.dollars:.2f} dollars")
