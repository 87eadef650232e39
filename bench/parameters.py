"""How well values are found in queries: precision, recall and calls with a wrong value, by rule and by type.

    python -m bench.parameters ROWS [--errors] [--missed]

ROWS is a file of JSON lines, each `{query, description, parameters, accepted}`, where `accepted` has the right values
of each parameter, `""` among them says that it may be left out, and a parameter that is not named there must be; or
YAML as in tests/routing/parameter_rows.yaml.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from dataops_core.contracts.manifest import Manifest, Parameter
from dataops_core.errors import InvalidValue
from dataops_core.routing.parameters import extract, validate

_LOOSE = str.maketrans("", "", " ,./-*^_'")


@dataclass
class Score:
    """What became of the values of some rows.

    Args:
        right, wrong: filled values, by rule and type.
        offered, misled: right and wrong suggestions, by rule and type.
        stated, given: values that the rows state, and those of them that were found, by type.
        calls, wrong_calls: rows, and those with any wrong value.
        refused: rows of which `validate` refused a value.
        errors, missed: lines for people.
    """

    right: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: Counter[tuple[str, str]] = field(default_factory=Counter)
    offered: Counter[tuple[str, str]] = field(default_factory=Counter)
    misled: Counter[tuple[str, str]] = field(default_factory=Counter)
    stated: Counter[str] = field(default_factory=Counter)
    given: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    wrong_calls: int = 0
    refused: int = 0
    errors: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Right values among all that were filled."""
        filled = self.right.total() + self.wrong.total()
        return self.right.total() / filled if filled else 1.0

    @property
    def recall(self) -> float:
        """Right values among all that the rows state; what may be left out does not count."""
        return self.given.total() / max(1, self.stated.total())


def manifest_of(row: Mapping[str, Any]) -> Manifest:
    """Returns the manifest that a row describes."""
    known = set(Parameter.__dataclass_fields__)
    told = {
        "name": row.get("workflow", "w"),
        "version": "1",
        "description": row.get("description", ""),
        "example_queries": row.get("example_queries", ()),
        "parameters": [{key: given[key] for key in given if key in known} for given in row["parameters"]],
    }
    return Manifest.from_dict(told)


def same(value: object, accepted: object) -> bool:
    """Says whether a value is the accepted one; case and punctuation of texts do not matter."""
    if isinstance(value, str) and isinstance(accepted, str):
        return value.translate(_LOOSE).lower() == accepted.translate(_LOOSE).lower()
    if isinstance(value, list) and isinstance(accepted, list):
        return len(value) == len(accepted) and all(map(same, value, accepted))
    if isinstance(value, bool) or isinstance(accepted, bool):
        return value is accepted
    return value == accepted


def read(path: Path) -> list[dict[str, Any]]:
    """Returns the rows of a file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    import yaml

    data = yaml.safe_load(text)
    rows = []
    for workflow, query, values, *more in data["rows"]:
        row = {"workflow": workflow, "query": query, "today": data["today"], **data["workflows"][workflow]}
        row["accepted"] = {name: [str(v) if isinstance(v, date) else v] for name, v in values.items()}
        rows.append({**row, **(more[0] if more else {})})
    return rows


def measure(rows: Iterable[Mapping[str, Any]]) -> Score:
    """Extracts the values of every row, and compares them with the accepted ones."""
    score = Score()
    for row in rows:
        manifest = manifest_of(row)
        kinds = {parameter.name: parameter.type for parameter in manifest.parameters}
        with _folder(row.get("files", ())) as cwd:
            found = extract(row["query"], manifest, cwd=cwd, earlier=row.get("earlier", ()), today=row.get("today"))
        score.calls += 1
        for name, accepted in row["accepted"].items():
            score.stated[kinds[name]] += "" not in accepted
        bad = False
        try:
            values = validate(found.values, _only(manifest, found.values), cwd="/")
        except InvalidValue as refused:
            score.refused += 1
            score.errors.append(f"refused: {refused.message} | {row['query']}")
            continue
        for name, value in values.items():
            key = (found.sources[name].rule, kinds[name])
            if any(same(value, one) for one in _paths(row["accepted"].get(name, ()), kinds[name])):
                score.right[key] += 1
                score.given[kinds[name]] += "" not in row["accepted"][name]
            else:
                score.wrong[key] += 1
                bad = True
                expected = row["accepted"].get(name)
                score.errors.append(f"{key[0]}: {name}={value!r}, not {expected} | {row['query']}")
        for name, offer in found.suggestions.items():
            accepted = row["accepted"].get(name, ())
            hit = any(same(offer.value, one) or same(str(offer.value), str(one)) for one in accepted)
            (score.offered if hit else score.misled)[offer.rule, kinds[name]] += 1
        score.wrong_calls += bad
        for name, accepted in row["accepted"].items():
            if "" not in accepted and name not in values:
                score.missed.append(f"{name} ({kinds[name]}): {accepted} | {row['query']}")
    return score


@contextmanager
def _folder(files: Iterable[str]) -> Iterator[str | None]:
    """Makes a folder with empty files, or none when there are none."""
    if not files:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in files:
            Path(folder, name).touch()
        yield folder


def _only(manifest: Manifest, values: Mapping[str, Any]) -> Manifest:
    """Leaves what is not given out, so that no default counts as found."""
    kept = tuple(parameter for parameter in manifest.parameters if parameter.name in values)
    return Manifest(name=manifest.name, version="1", description=manifest.description, parameters=kept)


def _paths(accepted: Iterable[Any], kind: str) -> Iterator[Any]:
    for one in accepted:
        if one != "":
            yield str(Path("/", Path(one).expanduser())) if kind == "file_path" else one


def _table(score: Score, part: int) -> Iterator[str]:
    def of(counts: Counter[tuple[str, str]], one: str) -> int:
        return sum(count for key, count in counts.items() if key[part] == one)

    counted = (score.right, score.wrong, score.offered, score.misled)
    for one in sorted({key[part] for counts in counted for key in counts} | (set(score.stated) if part else set())):
        right, wrong, offered, misled = (of(counts, one) for counts in counted)
        share = f"{right / (right + wrong):.3f}" if right + wrong else "    -"
        stated = score.stated[one] if part else 0
        recall = f"  recall {score.given[one] / stated:.3f} of {stated}" if stated else ""
        offers = f"  suggested {offered}/{offered + misled}" if offered + misled else ""
        yield f"  {one:18} {right:4}/{right + wrong:<4} {share}{recall}{offers}"


def main() -> int:
    """Prints the figures of a file of rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--errors", action="store_true", help="print every wrong value")
    parser.add_argument("--missed", action="store_true", help="print every value that was not found")
    options = parser.parse_args()
    rows = read(options.rows)
    score = measure(rows)
    print(f"{score.calls} queries: precision {score.precision:.3f}, recall {score.recall:.3f} "
          f"of {score.stated.total()}, calls with a wrong value {score.wrong_calls / score.calls:.3f}, "
          f"refused {score.refused}")  # fmt: skip
    print("by rule", *_table(score, 0), sep="\n")
    print("by type", *_table(score, 1), sep="\n")
    if options.errors:
        print(*score.errors, sep="\n")
    if options.missed:
        print(*score.missed, sep="\n")
    pairs = [(row["query"], manifest_of(row)) for row in rows]
    started = time.process_time()
    for query, manifest in pairs:  # the words of the manifests are known by now, as they are in a session
        extract(query, manifest, cwd=None)
    print(f"{(time.process_time() - started) / len(pairs) * 1e3:.3f} ms CPU a query")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
