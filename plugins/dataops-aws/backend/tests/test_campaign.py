"""A handful of the campaign's kills, and a race, on DynamoDB and S3: `python -m campaign --backend aws` has all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


@pytest.mark.timeout(250)
def test_a_handful_of_kills_loses_nothing(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "campaign", "--backend", "aws", "--only", "artifact,writers", "--kills", "6"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    ended = subprocess.run(
        [*command, "--json", str(figures)], cwd=ROOT, env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads(figures.read_text())
    kills = told["kills"]
    assert len(kills) == 6 and all(kill["hit"] for kill in kills)
    assert any("upload_part" in kill["site"] for kill in kills), "none died between the parts of an upload"
    assert [scenario["figures"] for scenario in told["scenarios"]] == [{"appended": 200}]
