"""`python -m bench [PART ...]`: prints each budget beside what was measured; parts are start, runs, nodes, storage, routing."""

from __future__ import annotations

import sys
from importlib import import_module

PARTS = ("start", "routing", "nodes", "runs", "storage")


def main() -> int:
    """Prints a line per budget; a missed one is information, not a failure."""
    missed = 0
    for part in sys.argv[1:] or PARTS:
        for row in import_module(f"bench.{part}").rows():
            missed += not row.met
            verdict = "ok    " if row.met else "MISSED"
            print(
                f"{verdict} {row.what:46} {row.measured:8.2f}{row.unit:4} limit {row.limit:g}{row.unit}  {row.how}",
                flush=True,
            )
    print(f"{missed} budgets missed" if missed else "every budget met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
