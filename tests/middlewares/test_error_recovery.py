"""`with_error_recovery` tries again what is worth it."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from langgraph.types import interrupt

from dataops_core import ArtifactStore
from dataops_core.decorators import (
    with_error_recovery,
)
from dataops_core.errors import Unreachable
from dataops_core.middlewares.error_recovery import ErrorRecovery, worth_retrying
from tests.graph_runs import GraphRuns
from tests.middlewares.nodes import COLOURS, State, coloured, kept, one, play


class Provider(Exception):
    def __init__(self, status: int | None = None, **headers: str) -> None:
        super().__init__(f"status {status}")
        if status is not None:
            self.status_code = status
        self.response = httpx.Response(status or 200, headers={k.replace("_", "-"): v for k, v in headers.items()})


class APIConnectionError(Exception):
    """As of the provider clients: no status."""


class APITimeoutError(APIConnectionError):
    """Likewise."""


def http_status(status: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError("", request=httpx.Request("GET", "http://x"), response=httpx.Response(status))


@pytest.mark.parametrize(
    ("error", "worth"),
    [
        *((Provider(status), True) for status in (408, 409, 429, 500, 502, 503, 504, 529)),
        *((Provider(status), False) for status in (400, 401, 403, 404, 413, 422)),
        (http_status(503), True),
        (http_status(404), False),
        (APIConnectionError(), True),
        (APITimeoutError(), True),
        (httpx.ConnectError("no"), True),
        (httpx.ConnectTimeout("no"), True),
        (httpx.RemoteProtocolError("no"), True),
        (httpx.InvalidURL("no"), False),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (Unreachable("no"), True),
        (ValueError("no"), False),
        (KeyError("no"), False),
    ],
    ids=lambda value: f"{type(value).__name__} {getattr(value, 'status_code', '')}".strip(),
)
def test_which_errors_are_worth_a_retry(error: Exception, worth: bool) -> None:
    assert worth_retrying(error) is worth
    if worth:
        assert play(ErrorRecovery(), [error, {"text": "at last"}])[0::2] == ({"text": "at last"}, 2)
    else:
        with pytest.raises(type(error)):
            play(ErrorRecovery(), [error])


def test_pauses_double_and_are_bounded() -> None:
    _, pauses, tries = play(ErrorRecovery(6, backoff=1.0, max_backoff=10.0), [TimeoutError()] * 6 + [{}])
    assert tries == 7
    assert all(2**n / 2 <= pause <= min(2**n, 10) for n, pause in enumerate(pauses[:4]))
    assert all(5 <= pause <= 10 for pause in pauses[4:])
    assert play(ErrorRecovery(2000, backoff=0.1), [TimeoutError()] * 1500 + [{}])[2] == 1501


def test_a_provider_s_retry_after_is_respected() -> None:
    assert play(ErrorRecovery(backoff=0.01), [Provider(429, retry_after="7"), {}])[1] == [7.0]
    assert play(ErrorRecovery(backoff=0.01), [Provider(429, retry_after="soon"), {}])[1][0] <= 0.01
    for hours in ("3600", "inf", "nan"):
        with pytest.raises(Provider):
            play(ErrorRecovery(max_backoff=60), [Provider(429, retry_after=hours), {}])
    assert play(ErrorRecovery(backoff=0.01), [Provider(429, retry_after="-5"), {}])[1][0] <= 0.01


def test_when_nothing_helps_the_error_or_the_fallback() -> None:
    with pytest.raises(TimeoutError):
        play(ErrorRecovery(2, backoff=0), [TimeoutError()] * 3)
    for retries in (0, -1):
        with pytest.raises(TimeoutError):
            play(ErrorRecovery(retries), [TimeoutError()])
        assert play(ErrorRecovery(retries), [{"text": "told"}]) == ({"text": "told"}, [], 1)
    assert play(ErrorRecovery(fallback={"text": "else"}), [ValueError()])[0] == {"text": "else"}

    def fallback(state: Any, error: Exception) -> dict[str, Any]:
        return {"text": f"{state['word']} {error}"}

    assert play(ErrorRecovery(1, backoff=0, fallback=fallback), [TimeoutError("late")] * 2, {"word": "ox"})[0] == {
        "text": "ox late"
    }
    assert play(ErrorRecovery(1, backoff=0, retry_on=lambda e: True), [ValueError(), {}])[2] == 2


@COLOURS
def test_an_interrupt_is_no_error_to_recover_from(runs: GraphRuns, asynchronous: bool) -> None:
    def node(state: State) -> dict[str, Any]:
        return {"text": interrupt("which?")}

    recover = with_error_recovery(retries=5, retry_on=lambda error: True, fallback={"text": "eaten"})
    result = runs(one(recover(coloured(node, asynchronous))), asynchronous=asynchronous)
    assert (result.status, result.question["prompt"]) == ("interrupted", "which?")


@COLOURS
def test_a_real_pause_is_taken(runs: GraphRuns, asynchronous: bool) -> None:
    tries = iter([Provider(429, retry_after="0.2"), Provider(503), None])

    def node(state: State) -> dict[str, Any]:
        if trouble := next(tries):
            raise trouble
        return {"text": "told"}

    start = time.monotonic()
    graph = one(with_error_recovery(backoff=0.01)(coloured(node, asynchronous)))
    assert runs(graph, asynchronous=asynchronous).state["text"] == "told"
    assert time.monotonic() - start >= 0.2


def test_what_a_failed_execution_stored_is_not_kept(runs: GraphRuns) -> None:
    tries = iter([ConnectionError("gone"), None])

    @with_error_recovery(backoff=0.0)
    def node(state: State) -> dict[str, Any]:
        trouble = next(tries)
        ArtifactStore().store_artifact(f"{trouble}", state["session_id"], "graph", name="try")
        if trouble:
            raise trouble
        return {"text": "told"}

    assert kept(runs(one(node))) == {"try": "None"}
