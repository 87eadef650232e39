"""Bodies of middlewares that break their contract, each in its way."""

from __future__ import annotations

import asyncio
from typing import Any

from dataops_core.contracts.middleware import NodeCall
from tests.middlewares.nodes import Body


def raises_at_once(call: NodeCall) -> Any:
    raise RuntimeError("at once")


def raises_before(call: NodeCall) -> Any:
    raise RuntimeError("before")
    yield


def raises_after(call: NodeCall) -> Any:
    yield
    raise RuntimeError("after")


def exits_before(call: NodeCall) -> Any:
    raise SystemExit(3)
    yield


def exits_after(call: NodeCall) -> Any:
    yield
    raise SystemExit(3)


def cancels(call: NodeCall) -> Any:
    yield
    raise asyncio.CancelledError


def yields_rubbish(call: NodeCall) -> Any:
    yield 5
    return (yield)


def insists_on_rubbish(call: NodeCall) -> Any:
    while True:
        try:
            yield "rubbish"
        except Exception:
            continue


def returns_a_text(call: NodeCall) -> Any:
    yield
    return "rubbish"


def returns_a_number(call: NodeCall) -> Any:
    return 5
    yield


def returns_a_list(call: NodeCall) -> Any:
    yield
    return [1, 2]


def is_no_generator(call: NodeCall) -> Any:
    return {"text": "not asked"}


async def is_async(call: NodeCall) -> Any:
    yield


def breaks_the_state(call: NodeCall) -> Any:
    call.state = 5
    return (yield)


def breaks_the_state_and_raises(call: NodeCall) -> Any:
    call.state = {"word": "cow"}
    raise RuntimeError("before")
    yield


def bad_io(call: NodeCall) -> Any:
    yield call.io(lambda: 1 / 0)
    return (yield)


def bad_io_after(call: NodeCall) -> Any:
    yield
    yield call.io(lambda: 1 / 0)


def bad_sleep(call: NodeCall) -> Any:
    yield call.sleep("soon")  # type: ignore[arg-type]
    return (yield)


def closes_badly(call: NodeCall) -> Any:
    try:
        yield
        yield "rubbish"
    except GeneratorExit:
        yield


def raises_of_an_error(call: NodeCall) -> Any:
    try:
        return (yield)
    except Exception:
        raise RuntimeError("its own, of a node's error")  # noqa: B904


def stops(call: NodeCall) -> Any:
    yield
    raise StopIteration({"text": "stopped"})


HOSTILE: list[Body] = [
    raises_at_once,
    raises_before,
    raises_after,
    exits_before,
    exits_after,
    cancels,
    yields_rubbish,
    insists_on_rubbish,
    returns_a_text,
    returns_a_number,
    returns_a_list,
    is_no_generator,
    is_async,
    breaks_the_state,
    breaks_the_state_and_raises,
    bad_io,
    bad_io_after,
    bad_sleep,
    closes_badly,
    raises_of_an_error,
    stops,
]
HARMLESS_HERE = {raises_of_an_error}
