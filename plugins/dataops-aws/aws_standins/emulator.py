"""moto's server, with what it gets wrong put right: `python emulator.py PORT`."""

from __future__ import annotations

import copy
import sys
import threading
from collections import defaultdict
from typing import Any
from urllib.parse import quote

from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.s3 import responses
from moto.server import main

_action_result = responses.ActionResult
_call_action = DynamoHandler.call_action
_one_at_a_time = threading.RLock()


def encoded(result: Any) -> Any:
    """S3 encodes `StartAfter` as it encodes keys; moto writes it raw, and then U+FFFF is no XML."""
    if isinstance(result, dict) and result.get("EncodingType") == "url" and "StartAfter" in result:
        result = {**result, "StartAfter": quote(result["StartAfter"])}
    return _action_result(result)


def isolated(self: Any) -> Any:
    """DynamoDB's transactions are isolated; those of moto show half of their writes to other threads, and when one is
    refused it also takes back what others wrote meanwhile."""
    with _one_at_a_time:
        return _call_action(self)


def backup(self: Table, _: dict[int, Any]) -> Table:
    """moto keeps a copy of each table for each write of a transaction. Items are replaced, never changed, so a copy of
    what holds them is enough, and takes no seconds."""
    table = copy.copy(self)
    table.items = defaultdict(dict, {k: v if isinstance(v, Item) else dict(v) for k, v in self.items.items()})
    return table


if __name__ == "__main__":
    Table.__deepcopy__ = backup  # type: ignore[attr-defined]
    responses.ActionResult = encoded
    DynamoHandler.call_action = isolated  # type: ignore[method-assign]
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
