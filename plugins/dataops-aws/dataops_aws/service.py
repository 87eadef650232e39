"""Talking to one AWS service: a client made when it is first needed, and errors that say what to do.

Who hears nothing is told so after twice the time-out: a request that nobody answers is sent once more, on a new
connection, since the old one may have been half open. What is throttled, refused or reset is sent five times.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from dataops_aws.failures import code_of, explained

_CONNECT_SECONDS: Final = 5.0
_ATTEMPTS: Final = 5
#: How often it is tried to be heard.
_TIMED_OUT: Final = 2
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
        timeout: seconds to wait for an answer; for a connection it waits as long, but at most five seconds.
    """

    def __init__(self, name: str, region: str | None, place: str, timeout: float) -> None:
        self.name = name
        self.region = region
        self.place = place
        self.timeout = timeout
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
            return getattr(self.client, operation)(**arguments)
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and code_of(error) in expected:
                raise
            raise explained(error, operation, about, self.place) from error

    def close(self) -> None:
        """Closes the connections; safe to call twice."""
        client, self._client = self._client, None
        if client is not None and self._process == os.getpid():
            client.close()

    def _made(self) -> Any:
        import boto3
        from botocore.config import Config

        from dataops_aws.answers import require_whole_answers

        config = Config(
            connect_timeout=min(_CONNECT_SECONDS, self.timeout),
            read_timeout=self.timeout,
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
        require_whole_answers(client)
        client.meta.events.register_first("needs-retry", _heard_nothing)
        return client


def _heard_nothing(caught_exception: Exception | None, attempts: int, endpoint: Any, **_: Any) -> None:
    """Before botocore decides whether to try again: gives up what timed out, or has it tried on a new connection."""
    if isinstance(caught_exception, ConnectTimeoutError | ReadTimeoutError):
        if attempts >= _TIMED_OUT:
            raise caught_exception
        endpoint.close()  # connections that wait for their next request; what is under way goes on


def attempts() -> int:
    """Returns how often a request is sent at most: AWS_MAX_ATTEMPTS, as everywhere with boto3, or five times."""
    given = os.environ.get("AWS_MAX_ATTEMPTS", "")
    return max(1, int(given)) if given.isdecimal() else _ATTEMPTS
