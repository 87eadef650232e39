"""`python -m bench [PART]`: prints each budget beside what was measured. A missed one is information, not a failure."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

PARTS = ("start", "routing", "nodes", "runs", "storage")


def main() -> int:
    """Measures one part here, or every part in a process of its own."""
    if sys.argv[1:]:
        for row in import_module(f"bench.{sys.argv[1]}").rows():
            verdict = "ok    " if row.met else "MISSED"
            budget = f"{row.measured:8.2f}{row.unit:4} limit {row.limit:g}{row.unit}"
            print(f"{verdict} {row.what:46} {budget:28} {row.how}", flush=True)
        return 0
    return max(subprocess.run([sys.executable, "-m", "bench", part], check=False).returncode for part in PARTS)


if __name__ == "__main__":
    sys.exit(main())
