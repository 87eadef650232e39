"""Sessions and artifacts: costs that must not grow with history, and bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import workflows
from bench.measure import Row, environment, interleaved, quantiles

GIB = """
import io
from dataops_core import ArtifactStore, SessionManager

class Zeros(io.RawIOBase):
    left = 1 << 30
    def read(self, size=-1):
        size = min(size if size > 0 else 1 << 20, self.left)
        self.left -= size
        return bytes(size)

def peak():
    # Not `ru_maxrss`: it begins with what the parent process had.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

session = SessionManager().create_session("bench").session_id
artifacts = ArtifactStore()
small = artifacts.store_artifact(io.BytesIO(b"x"), session, "bench")
artifacts.get_artifact_content(small)
before = peak()
kept = artifacts.store_artifact(Zeros(), session, "bench")
with artifacts.open_artifact(kept) as stream:
    while stream.read(1 << 20):
        pass
print((peak() - before) / 1024)
"""


def rows() -> Iterator[Row]:
    """Measures on the embedded stores in a fresh home."""
    with tempfile.TemporaryDirectory() as home:
        site = Path(home, "site")
        workflows.install(site, "chain")
        sys.path.insert(0, str(site))
        os.environ["DATAOPS_HOME"] = home
        from dataops_core import settings
        from dataops_core.storage.opening import close_stores

        settings.use(settings.load())
        yield from _history()
        close_stores()
        done = subprocess.run(
            [sys.executable, "-c", GIB], env=environment(home), capture_output=True, text=True, check=True
        )
        yield Row(
            "1 GiB artifact in and out, memory",
            float(done.stdout),
            32.0,
            " MiB",
            "growth of peak RSS in a process of its own",
        )


def _history() -> Iterator[Row]:
    from dataops_core import SessionManager

    sessions = SessionManager()
    short, long, turn = (sessions.create_session("bench").session_id for _ in range(3))
    _fill(short, 1_000)
    _fill(long, 100_000)
    wall = interleaved(
        {
            "append 1 000": lambda: sessions.add_message(short, "user", "x" * 400),
            "append 100 000": lambda: sessions.add_message(long, "user", "x" * 400),
            "load 1 000": lambda: sessions.get_messages(short, limit=20),
            "load 100 000": lambda: sessions.get_messages(long, limit=20),
        },
        rounds=21,
        repeat=30,
        cpu=True,
    )
    for act in ("append", "load"):
        few, many = wall[f"{act} 1 000"], wall[f"{act} 100 000"]
        how = f"SessionManager at 100 000 messages ({many * 1e3:.3f} ms CPU) / at 1 000 ({few * 1e3:.3f} ms)"
        yield Row(f"{act} at 100 000 messages", many / few, 1.1, "x", how)
    yield _turn(turn)


def _turn(old: str) -> Row:
    """Measures a whole turn, its run included, in a session with 5 000 messages against an empty one."""
    from dataops_core import SessionManager
    from dataops_core.execution.runner import Runner

    runner, sessions = Runner(), SessionManager()
    _fill(old, 5_000)

    def turn(session: str) -> None:
        result = runner.run("chain", {"word": "x"}, session_id=session, query="run the chain with word=x")
        assert result.status == "success", result

    cpu = quantiles(
        {
            "old": lambda: turn(old),
            "new": lambda: turn(sessions.create_session("bench").session_id),
            "session": lambda: sessions.create_session("bench"),
        },
        rounds=200,
    )
    new = cpu["new"] - cpu["session"]  # each of these turns is the first of its session
    how = f"Runner.run at 5 000 messages ({cpu['old'] * 1e3:.2f} ms CPU) / in an empty session ({new * 1e3:.2f} ms)"
    return Row("a turn at history 5 000", cpu["old"] / new, 1.2, "x", how)


def _fill(session_id: str, count: int) -> None:
    """Appends many messages with few commits, by the same rows that `add_message` writes."""
    from dataops_core import history
    from dataops_core.contracts.records import Put
    from dataops_core.history import Draft
    from dataops_core.storage import schema
    from dataops_core.storage.opening import open_stores

    stores = open_stores()
    for start in range(0, count, 45):
        stored = stores.records.get(schema.SESSIONS, session_id)
        assert stored is not None
        drafts = [Draft("user", f"{n} " + "x" * 400) for n in range(start, min(start + 45, count))]
        writes, _ = history.append(stored.record, drafts, blobs=stores.blobs, at=schema.iso())
        stores.records.commit([Put(schema.SESSIONS, stored.record, stored.token), *writes])
