"""What happens to workers beside being killed at a store call; each scenario is one line of the report."""

from __future__ import annotations

import traceback
from pathlib import Path

from campaign.scenarios import children, disk, frozen, holding, turns, uploads, workers
from campaign.scenarios.scene import Line

SCENARIOS = {
    "freeze": frozen.frozen,
    "freeze-parent": frozen.frozen_parent,
    "take-over-time": workers.take_over_time,
    "gil": holding.gil_in_a_process,
    "gil-inline": holding.gil_inline,
    "disk": disk.full_disk,
    "turns": turns.eight_turns,
    "answers": turns.two_answers,
    "writers": turns.eight_writers,
    "rude-child": children.rude,
    "child-struck": children.child_struck,
    "child-killed": children.child_killed,
    "parent-killed": children.parent_killed,
    "poison": workers.poison,
    "poison-child": workers.poison_apart,
    "drain": workers.drain,
    "uploads": uploads.killed_anywhere,
}
#: Those that are about what stores promise: races, and kills at any moment.
OF_STORES = ("turns", "answers", "writers", "uploads")


def play(name: str, folder: Path) -> Line:
    """Plays one scenario; that it cannot be played is wrong, too."""
    try:
        return SCENARIOS[name](folder / name)
    except Exception as error:
        return Line(name, "could not be played", {}, ["".join(traceback.format_exception(error))[-3000:]])
