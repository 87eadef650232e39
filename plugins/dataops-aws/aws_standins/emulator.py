"""moto's server, with what it gets wrong put right: `python emulator.py PORT`.

`POST /copied` makes a copy of the server and all that it keeps, and tells its endpoint and process id.
"""

from __future__ import annotations

import copy
import json
import os
import signal
import socket
import sys
import threading
from collections import defaultdict
from typing import Any
from urllib.parse import quote

from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.s3 import responses
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

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


def serve(listening: socket.socket) -> None:
    """Answers for ever."""
    of_moto = DomainDispatcherApplication(create_backend_app)

    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/copied":
            return of_moto(environ, start_response)
        told = json.dumps(copied(listening)).encode()
        start_response("200 OK", [("Content-Length", str(len(told)))])
        return [told]

    make_server(*listening.getsockname(), app, threaded=True, fd=listening.fileno()).serve_forever()


def copied(listening: socket.socket) -> dict[str, Any]:
    """Forks: what is kept in memory is there twice. Nobody else may be asking meanwhile."""
    another = socket.create_server(("127.0.0.1", 0))
    endpoint = f"http://127.0.0.1:{another.getsockname()[1]}"
    pid = os.fork()
    if pid == 0:
        listening.close()
        serve(another)
    another.close()
    return {"endpoint": endpoint, "pid": pid}


if __name__ == "__main__":
    Table.__deepcopy__ = backup  # type: ignore[attr-defined]
    responses.ActionResult = encoded
    DynamoHandler.call_action = isolated  # type: ignore[method-assign]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a copy ended
    serve(socket.create_server(("127.0.0.1", int(sys.argv[1]))))
