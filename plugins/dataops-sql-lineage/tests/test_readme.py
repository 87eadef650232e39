"""The README names every field of lineage.json."""

from __future__ import annotations

import re
from pathlib import Path

from sql_lineage import chains, document, flow, projection, schema_file, script, source
from sql_lineage.schema_file import load_schema

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_every_field_is_described() -> None:
    section = README.split("\n## lineage.json\n")[1].split("\n## ")[0]
    described = set(re.findall(r"`([a-z_]+)(?:\[\])?`", section))
    described |= set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`\{([^}]*)\}`", section))))
    parts = (document.Source, document.Step, document.Output, document.Feed, document.Passed, document.Unresolved)
    for part in (
        *parts,
        document.Named,
        document.Tables,
        document.Edge,
        document.Doubt,
        document.Failure,
        document.Lineage,
    ):
        assert set(part.__annotations__) <= described, part


def test_the_forms_of_a_schema_are_documented() -> None:
    assert "CREATE TABLE" in README.split("\n## schema_file\n")[1] and load_schema.__doc__


def test_the_limits_are_those_of_the_code() -> None:
    section = README.split("\n## Limits\n")[1]
    assert f"| {source.MOST_BYTES // 2**20} MiB, YAML {schema_file.MOST_YAML // 2**20} MiB |" in section
    limits = (script.MOST_STATEMENTS, script.MOST_CTES, script.MOST_WRITING, script.MOST_SHARED, flow.MOST_LINKS)
    for limit in (*limits, projection.MOST_COLUMNS, schema_file.MOST_COLUMNS, chains.MOST_LEVELS):
        assert f"| {limit:,} |".replace(",", " ") in section
