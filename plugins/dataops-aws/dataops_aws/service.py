"""Talking to one AWS service: a client made when it is first needed, and errors that say what to do."""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from dataops_aws.failures import code_of, explained, unanswered
from dataops_aws.pauses import pauses

_CONNECT_SECONDS: Final = 5
#: How long an answer may be silent. Five attempts of DynamoDB are then over within a minute; S3 takes longer to copy.
_READ_SECONDS: Final = {"dynamodb": 8, "s3": 20}
_ATTEMPTS: Final = 5
_CONNECTIONS: Final = 32
#: boto3's session of this process: credentials are looked up once, and descriptions of services read once. It does not
#: make clients for several threads at once.
_making = threading.Lock()
_sessions: dict[int, Any] = {}


class Service:
    """One service in one region. Safe to use from many threads, and again after a fork or `close`.

    Args:
        name: boto3's name of the service.
        region: None is what boto3 is configured for.
        place: what the store is called in messages.
    """

    def __init__(self, name: str, region: str | None, place: str) -> None:
        self.name = name
        self.region = region
        self.place = place
        self._client: Any = None
        self._process = 0

    @property
    def client(self) -> Any:
        """boto3's client; made anew after a fork, since two processes cannot share a connection."""
        if self._client is None or self._process != os.getpid():
            with _making:
                if self._client is None or self._process != os.getpid():
                    self._client, self._process = self._made(), os.getpid()
        return self._client

    def call(self, operation: str, about: str, *expected: str, **arguments: Any) -> Any:
        """Calls an operation.

        Args:
            operation: boto3's name of it.
            about: what it is about, for messages: a table or a blob.
            expected: codes of AWS with which the caller deals; they are raised as boto3's ClientError.
            arguments: of the operation.

        Raises:
            DataOpsError: what AWS or the network says, with what to do.
        """
        try:
            for pause in pauses(attempts()):
                answer = getattr(self.client, operation)(**arguments)
                if _is_whole(answer):
                    return answer
                time.sleep(pause)
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and code_of(error) in expected:
                raise
            raise explained(error, operation, about, self.place) from error
        raise unanswered(self.place, "its answers end in the middle")

    def close(self) -> None:
        """Closes the connections; safe to call twice."""
        client, self._client = self._client, None
        if client is not None and self._process == os.getpid():
            client.close()

    def _made(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS[self.name],
            max_pool_connections=_CONNECTIONS,
            tcp_keepalive=True,
            signature_version="v4" if self.name == "dynamodb" else "s3v4",
            # Standard: exponential pauses with jitter, within a quota, for what is throttled, torn or late.
            retries={"mode": "standard", "total_max_attempts": attempts()},
        )
        try:
            session = _sessions.get(os.getpid())
            if session is None:
                _sessions.clear()
                session = _sessions[os.getpid()] = boto3.session.Session()
            client = session.client(self.name, region_name=self.region, config=config)
        except (BotoCoreError, ValueError) as error:
            raise explained(error, "", self.name, self.place) from error
        client.meta.events.register("before-send.s3", _unasked)
        return client


def _unasked(request: Any, **_: Any) -> None:
    """Sends a body without asking before: where the answer to that is cut off, botocore reads it for ever.

    It also takes the next answer on that connection for another one (https://github.com/boto/botocore/issues/3755).
    """
    request.headers.pop("Expect", None)


def _is_whole(answer: Any) -> bool:
    """Says whether an answer came to the end of its headers.

    To HTTP an answer without a length ends with its connection, so one that is cut off in its headers is an empty one,
    and that would mean "there is nothing". AWS tells the length of all that have something to say.
    """
    told = answer.get("ResponseMetadata", {}) if isinstance(answer, dict) else {}
    headers = told.get("HTTPHeaders", {})
    return told.get("HTTPStatusCode") != 200 or "content-length" in headers or "transfer-encoding" in headers


def attempts() -> int:
    """Returns how often a request is sent at most: AWS_MAX_ATTEMPTS, as everywhere with boto3, or five times."""
    given = os.environ.get("AWS_MAX_ATTEMPTS", "")
    return max(1, int(given)) if given.isdecimal() else _ATTEMPTS
