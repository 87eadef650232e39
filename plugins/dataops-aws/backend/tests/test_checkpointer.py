"""The saver of graph checkpoints on DynamoDB and S3."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from dataops_aws.dynamodb import dataops_record_store
from dataops_aws.s3 import dataops_blob_store

from dataops_core.storage.opening import Stores
from dataops_core.storage.schema import TABLES
from dataops_core.testing import CheckpointerSuite


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("aws")
class TestAwsCheckpointer(CheckpointerSuite):
    kills = 10
    history = 60

    def stores(self, place: Path) -> Stores:
        name = hashlib.sha256(str(place).encode()).hexdigest()[:24]
        records = dataops_record_store(url=f"dynamodb://eu-west-1/t{name}_", tables=TABLES)
        return Stores(records, dataops_blob_store(url=f"s3://b{name}/prefix"))
