"""CheckpointerSuite: the saver of graph checkpoints upon a pair of stores.

It runs LangGraph's own conformance suite, and what that leaves out: many writers, kills, stale fences, and size.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate

from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.records import ANY, Delete
from dataops_core.errors import FenceLost
from dataops_core.execution.checkpointer import RecordSaver
from dataops_core.execution.fences import Fences
from dataops_core.execution.scope import FENCE, RunScope
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.testing.child import killed_at_every_step

_MANIFEST = Manifest.from_dict({"name": "suite", "description": "A workflow of the suite.", "version": "1.0"})


class CheckpointerSuite:
    """Graph checkpoints upon the stores of a subclass in a test module.

    Attributes:
        writers: how many processes write at once.
        kills: at how many lines of the saver's code a process is killed, spread evenly.
        history: how many checkpoints the clause about long threads writes.
    """

    writers = 4
    kills = int(os.environ.get("DATAOPS_SUITE_KILLS", "40"))
    history = 200

    def stores(self, place: Path) -> Stores:
        """Opens a pair of stores that nobody else uses; the same pair for the same place.

        Args:
            place: an empty folder, another one for each test; its name is unique.
        """
        raise NotImplementedError

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Stores]:
        """Empty stores."""
        stores = self.stores(tmp_path)
        stores.records.prepare()
        stores.blobs.prepare()
        yield stores
        stores.close()

    def test_the_suite_of_langgraph(self, opened: Stores) -> None:
        @checkpointer_test(name=type(self).__name__)
        async def make() -> Any:
            yield RecordSaver(opened)

        report = asyncio.run(validate(make))
        assert [name for name, result in report.results.items() if not result.detected] == []
        assert [failure for result in report.results.values() for failure in result.failures] == []
        assert sum(result.tests_passed for result in report.results.values()) > 50

    def test_processes_write_one_thread(self, opened: Stores, tmp_path: Path) -> None:
        """Each writes a line of checkpoints, its own task, and the task that all of them write."""
        first = put(RecordSaver(opened), where("t"), 0)

        def work(me: int) -> None:
            saver = RecordSaver(self.stores(tmp_path))
            config = where("t", f"ns{me}")
            for step in range(10):
                config = put(saver, config, step, text="x" * 5_000 * (step % 3))
                saver.put_writes(first, [("log", (me, step, n)) for n in range(3)], f"task{me}-{step}")
                saver.put_writes(first, [("log", (me, n)) for n in range(70)], f"shared{step}")

        in_processes([lambda me=me: work(me) for me in range(self.writers)])  # type: ignore[misc]
        saver = RecordSaver(opened)
        for me in range(self.writers):
            line = list(saver.list(where("t", f"ns{me}")))
            assert [found.checkpoint["channel_values"]["step"] for found in line] == list(range(9, -1, -1))
        found = saver.get_tuple(first)
        assert found is not None
        tasks: dict[str, list[Any]] = {}
        for task, _, value in found.pending_writes or ():
            tasks.setdefault(task, []).append(tuple(value))
        for step in range(10):
            for me in range(self.writers):
                assert tasks.pop(f"task{me}-{step}") == [(me, step, n) for n in range(3)]
            (winner,) = {value[0] for value in tasks[f"shared{step}"]}
            assert tasks.pop(f"shared{step}") == [(winner, n) for n in range(70)]
        assert tasks == {}

    def test_a_kill_leaves_each_write_whole_or_absent(self, opened: Stores, tmp_path: Path) -> None:
        """A task of which only a part were there would be taken for done."""
        text, many = "x" * 30_000, [("log", n) for n in range(70)]
        attempts: list[tuple[int, bool]] = []

        def act(number: int) -> Callable[[], None]:
            saver = RecordSaver(self.stores(tmp_path))

            def write() -> None:
                config = put(saver, where(f"t{number}"), 0, text=text)
                saver.put_writes(config, many, "task")
                saver.put_writes(config, [("log", text)], "large")

            return write

        killed_at_every_step("dataops_core.execution", act, lambda said: attempts.append(tuple(said)), self.kills)
        assert len(attempts) > 5, "the saver's code was not seen at work"
        saver, stages = RecordSaver(opened), set()
        for number, acknowledged in attempts:
            found = saver.get_tuple(where(f"t{number}"))
            written: dict[str, list[Any]] = {}
            for task, _, value in (found.pending_writes or ()) if found else ():
                written.setdefault(task, []).append(value)
            assert found is None or found.checkpoint["channel_values"] == {"step": 0, "text": text}
            assert written.get("task", list(range(70))) == list(range(70)), f"half a task after kill {number}"
            assert written.get("large", [text]) == [text]
            assert not acknowledged or (found is not None and set(written) == {"task", "large"})
            stages.add((found is not None, len(written)))
            saver.delete_thread(f"t{number}")
            assert opened.blobs.list(f"values/t{number}/").items == []
        assert {(False, 0), (True, 2)} <= stages, "no kill came before the end"

    @pytest.mark.parametrize("by", ["another attempt", "its end"])
    def test_whose_fence_is_stale_writes_nothing(self, opened: Stores, by: str) -> None:
        fences, run_id = Fences(opened.records, 30), "s1.r1"
        fence = fences.fence(run_id, opened.records.now())
        opened.records.commit([fence])
        run = {"run_id": run_id, "session_id": "s1", "attempt": 1, "input": {}}
        saver, scope = RecordSaver(opened), RunScope(opened, run, fence.token, _MANIFEST)
        saver.attach(scope)
        config = put(saver, where(run_id), 1)
        held = fences.read(run_id).fence
        if by == "its end":
            opened.records.commit([Delete(schema.RUN_ITEMS, run_id, FENCE, ANY)])
        else:
            opened.records.commit([fences.fence(run_id, opened.records.now(), held)])
        with pytest.raises(FenceLost):
            put(saver, config, 2, text="x" * 30_000)
        saver.detach(run_id)
        steps = [found.checkpoint["channel_values"]["step"] for found in RecordSaver(opened).list(where(run_id))]
        assert steps == [1]

    @pytest.mark.parametrize(
        ("values", "size"),
        [(1, 3_000_000), (300, 3_900), (3_000, 100), (40, 30_000)],
        ids=["one large", "many below the size of a blob", "thousands of small ones", "many large"],
    )
    def test_size(self, opened: Stores, values: int, size: int) -> None:
        """As a checkpoint, and as what tasks wrote."""
        saver = RecordSaver(opened)
        told = {f"channel{n}": f"{n:04}" * (size // 4) for n in range(values)}
        config = put(saver, where("t", "n|s" * 300), 0, **told)
        saver.put_writes(config, list(told.items()), "task")
        found = RecordSaver(opened).get_tuple(config)
        assert found is not None
        assert found.checkpoint["channel_values"] == {"step": 0, **told}
        assert [(channel, value) for _, channel, value in found.pending_writes or ()] == list(told.items())
        saver.copy_thread("t", "u")
        saver.delete_thread("t")
        copied = saver.get_tuple(where("u", "n|s" * 300))
        assert copied is not None and copied.checkpoint["channel_values"] == {"step": 0, **told}

    def test_a_long_thread(self, opened: Stores) -> None:
        saver, config = RecordSaver(opened), where("t")
        for step in range(self.history):
            config = put(saver, config, step)
        listed = [found.checkpoint["channel_values"]["step"] for found in saver.list(where("t"))]
        assert listed == list(range(self.history - 1, -1, -1))
        saver.prune(["t"])
        assert [found.config for found in saver.list(where("t"))] == [config]
        saver.delete_thread("t")
        assert saver.get_tuple(where("t")) is None


def where(thread: str, ns: str = "") -> Any:
    """Returns the config of a thread."""
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns}}


def put(saver: RecordSaver, config: Any, step: int, **values: Any) -> Any:
    """Keeps one more checkpoint of a thread."""
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"step": step, **values}
    return saver.put(config, checkpoint, {"source": "loop", "step": step, "parents": {}}, {})


def in_processes(acts: list[Callable[[], None]], seconds: float = 120.0) -> None:
    """Does several things at once, each in a process of its own; asserts that all of them come to their ends."""
    running = {_forked(act) for act in acts}
    deadline = time.monotonic() + seconds
    try:
        while running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                assert time.monotonic() < deadline, f"not done after {seconds:g} s"
                time.sleep(0.01)
                continue
            running.discard(pid)
            assert status == 0, "a writer failed, see above"
    finally:
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _forked(act: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        _end(act)
    return pid


def _end(act: Callable[[], None]) -> NoReturn:
    try:
        act()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)
