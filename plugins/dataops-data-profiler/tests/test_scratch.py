from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from data_profiler.scratch import scratch_folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def aged(folder: Path) -> None:
    os.utime(folder / "lock", (time.time() - 3600,) * 2)


def test_the_folder_of_a_killed_process_goes_with_the_next_one(temporary: Path) -> None:
    code = (
        "import time\nfrom data_profiler.scratch import scratch_folder\n"
        "with scratch_folder() as folder:\n    print(folder, flush=True)\n    time.sleep(60)\n"
    )
    env = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env) as child:
        assert child.stdout is not None
        left = Path(child.stdout.readline().strip())
        aged(left)
        with scratch_folder():
            assert left.exists()
        child.send_signal(signal.SIGKILL)
    assert left.exists()
    with scratch_folder() as own:
        assert not left.exists()
        assert own.exists()
    assert list(temporary.iterdir()) == []


def test_what_is_young_or_not_ours_stays(temporary: Path) -> None:
    (temporary / "data-profiler-young").mkdir()
    (temporary / "data-profiler-young" / "lock").touch()
    (temporary / "data-profiler-other").mkdir()
    with scratch_folder():
        pass
    assert {path.name for path in temporary.iterdir()} == {"data-profiler-young", "data-profiler-other"}
