"""A handful of the campaign's kills on Redis: `python -m campaign --backend redis` has them all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]


def test_a_handful_of_kills_loses_nothing(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "campaign", "--backend", "redis", "--only", "artifact", "--kills", "8"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("REDIS_")}
    ended = subprocess.run(
        [*command, "--json", str(figures)], cwd=ROOT, env=env, capture_output=True, text=True, timeout=110, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    kills = json.loads(figures.read_text())["kills"]
    assert len(kills) == 8 and all(kill["hit"] for kill in kills)
