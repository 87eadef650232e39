"""The README's commands, policies and claims."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import boto3
from dataops_aws.dynamodb import dataops_record_store

from dataops_core.storage.schema import TABLES

PACKAGE = Path(__file__).parents[1]
README = (PACKAGE / "README.md").read_text()

#: What boto3's operations need that is called otherwise; what a transaction needs is what its writes need.
ACTIONS = {
    "TransactWriteItems": ("ConditionCheckItem", "DeleteItem", "PutItem"), "ListObjectsV2": ("ListBucket",),
    "HeadObject": ("GetObject",), "CreateMultipartUpload": ("PutObject",), "UploadPart": ("PutObject",),
    "UploadPartCopy": ("GetObject", "PutObject"), "CompleteMultipartUpload": ("PutObject",),
    "GeneratePresignedUrl": ("GetObject",), "GetBucketEncryption": ("GetEncryptionConfiguration",),
    "GetBucketLifecycleConfiguration": ("GetLifecycleConfiguration",),
    "PutBucketLifecycleConfiguration": ("PutLifecycleConfiguration",),
    "GetPublicAccessBlock": ("GetBucketPublicAccessBlock",), "PutPublicAccessBlock": ("PutBucketPublicAccessBlock",),
}  # fmt: skip
OPERATION = re.compile(
    r'"(query|scan|(?:get|put|delete|batch|transact|describe|create|update|list|head|upload|complete|abort|generate)'
    r'(?:_[a-z0-9]+)+)"'
)


def test_the_policies_hold_what_the_code_asks_for_and_nothing_else() -> None:
    statements = [
        s for text in re.findall(r"```json\n(.*?)```", README, re.DOTALL) for s in json.loads(text)["Statement"]
    ]
    actions = [s["Action"] if isinstance(s["Action"], list) else [s["Action"]] for s in statements]
    granted = {action.partition(":")[2] for some in actions for action in some}
    code = "".join(path.read_text() for path in (PACKAGE / "dataops_aws").glob("*.py"))
    operations = {"".join(word.capitalize() for word in name.split("_")) for name in OPERATION.findall(code)}
    needed = {action for operation in operations for action in ACTIONS.get(operation, (operation,))}
    assert needed == granted


def test_the_lines_make_tables_that_init_completes(records_url: str) -> None:
    prefix = records_url.rpartition("/")[2]
    lines = re.findall(r"^aws dynamodb create-table (?:.*\\\n)*.*$", README, re.MULTILINE)
    assert len(lines) == len(TABLES)
    for line in lines:
        create(line.replace("\\\n", " ").replace("dataops_", prefix, 1))
    store = dataops_record_store(url=records_url, tables=TABLES)
    done = store.prepare()
    assert not [step for step in done if step.startswith("created table")]
    assert len([step for step in done if step.startswith("created index")]) == 5
    assert not [finding for finding in store.check() if finding.level == "error"]


def create(line: str) -> None:
    """Does what an `aws dynamodb create-table` line does."""
    options = {words[0]: words[1:] for words in (part.split() for part in line.split(" --")[1:])}

    def pairs(texts: list[str]) -> list[Any]:
        return [dict(pair.split("=") for pair in text.split(",")) for text in texts]

    boto3.client("dynamodb").create_table(
        TableName=options["table-name"][0],
        KeySchema=pairs(options["key-schema"]),
        AttributeDefinitions=pairs(options["attribute-definitions"]),
        BillingMode=options["billing-mode"][0],
    )
