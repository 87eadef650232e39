"""`python -m campaign`: kill -9 at every store call of every operation, and worse; fails when anything is lost."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from campaign.servers import BACKEND

#: Variables that would choose other stores, or make every start of an interpreter slow.
OTHERS = ("REDIS_HOST", "AWS_DYNAMODB_TABLE", "ARTIFACT_BUCKET", "PYTHONDONTWRITEBYTECODE")
#: Kills of a whole campaign, at least.
AT_LEAST = 500


def main() -> int:
    """Runs the campaign, prints its table, and returns 1 when an invariant is broken or a site was never hit."""
    chosen = _arguments()
    os.environ[BACKEND] = chosen.backend
    only = [name.strip() for name in chosen.only.split(",") if name.strip()]
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dataops-campaign-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _warm(folder)
        from campaign import kills, report, scenarios

        unknown = set(only) - kills.names() - set(scenarios.SCENARIOS)
        if unknown:
            print(f"unknown: {', '.join(sorted(unknown))}; there are: {', '.join(sorted(kills.names()))}")
            print(f"and the scenarios: {', '.join(scenarios.SCENARIOS)}")
            return 2
        outcomes: list[kills.Outcome] = []
        left_out: list[kills.Site] = []
        if not only or set(only) & kills.names():
            fire = kills.campaign(
                folder / "kills",
                only,
                kills=chosen.kills,
                seed=chosen.seed,
                lanes=chosen.lanes,
                at_least=AT_LEAST,
                left_out=left_out,
            )
            outcomes += map(report.progress, fire)
        usual = () if only or chosen.kills else scenarios.OF_STORES if chosen.backend else scenarios.SCENARIOS
        played = [name for name in scenarios.SCENARIOS if name in only or name in usual]
        lines = [report.line(scenarios.play(scenario, folder / "scenarios")) for scenario in played]
        broken = report.table(outcomes, lines, left_out, whole=not only and chosen.kills is None, at_least=AT_LEAST)
        print(f"{time.monotonic() - begin:.0f} s", flush=True)
        if chosen.json:
            told = {
                "kills": [asdict(o) | {"site": o.site.name} for o in outcomes],
                "left_out": [site.name for site in left_out],
                "scenarios": [asdict(x) for x in lines],
            }
            Path(chosen.json).write_text(json.dumps({**told, "broken": broken}, indent=1))
        if chosen.keep and broken:
            print(f"kept: {folder}")
            os.rename(folder, f"{folder}-kept")
    return int(bool(broken))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m campaign", description=__doc__)
    parser.add_argument(
        "--only", default="", help="operations, phases and scenarios, with commas between; all by default"
    )
    parser.add_argument("--kills", type=int, help="this many, drawn evenly, and no scenario; all sites by default")
    parser.add_argument(
        "--backend",
        default="",
        choices=("", "redis", "aws"),
        help="keep all on a Redis server, or in moto's DynamoDB and S3; and only the scenarios of races and uploads",
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lanes", type=int, default=4, help="kills at once; most of each is waiting for a lease")
    parser.add_argument("--json", help="a file for the figures")
    parser.add_argument("--keep", action="store_true", help="keep the homes when something is broken")
    return parser.parse_args()


def _warm(folder: Path) -> None:
    """Installs the toys and imports everything that children need, and opens nothing: they are forked from here."""
    for name in list(os.environ):
        if name.startswith("DATAOPS_") or name in OTHERS:
            del os.environ[name]
    os.environ["DATAOPS_HOME"] = str(folder / "warm")
    from campaign import servers, toys

    toys.install(folder / "site")
    sys.path.insert(0, str(folder / "site"))
    import dataops_core.orchestrator  # noqa: F401
    from dataops_core.workflow_registry import WORKFLOW_REGISTRY

    for workflow in toys.WORKFLOWS:
        WORKFLOW_REGISTRY.get(workflow)
    servers.warm()


if __name__ == "__main__":
    sys.exit(main())
