"""Installs any number of small workflow plugins into a folder: `python -m tests.plugin.many_plugins FOLDER NUMBER`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.plugin.installed import MANIFEST, Site

MORE = """\
metadata: {{category: analysis, author: Data Team, tags: [csv, quality], pattern: sequential}}
capabilities: [Does task {number}, Explains what it did]
example_queries: [Do task {number} for orders.csv, Which rows of sales.parquet fail check {number}?]
parameters:
  - {{name: file_path, type: file_path, description: The file, required: true, example: orders.csv}}
  - {{name: limit, type: integer, description: Rows to read, default: 100, min: 0}}
"""


def install(folder: Path, number: int) -> None:
    """Writes that many distributions, each with a workflow that fails when it is imported."""
    site = Site(folder)
    for i in range(number):
        name = f"task_{i:04d}"
        site.workflow(name, "raise ImportError('listing must not import')", MANIFEST + MORE.format(number=i))


if __name__ == "__main__":
    install(Path(sys.argv[1]), int(sys.argv[2]))
