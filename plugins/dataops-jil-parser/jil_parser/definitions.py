"""What the statements of a file leave behind: jobs after every insert, update and delete, and everything else."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache
from sys import intern
from typing import Any, TypedDict

from jil_parser import condition, statement
from jil_parser.source import Source
from jil_parser.statements import Problem, Statement, statements
from jil_parser.vocabulary import ATTRIBUTES, CONDITIONS, JOB_TYPES, SUBCOMMANDS, quoted, shown

#: More problems than these are only counted.
MOST_PROBLEMS = 1000


class Condition(TypedDict):
    """A condition of a job; `tree` is None where it cannot be read, and for one that is empty there is none."""

    line: int
    column: int
    text: str
    tree: condition.Tree | None


class Job(TypedDict):
    """A job. `partial` says that not all of it is known: the file only updates it, or its statement was cut."""

    name: str
    type: str
    line: int
    box: str | None
    partial: bool
    attributes: dict[str, str]
    conditions: dict[str, Condition]


class Definitions(TypedDict):
    """Everything that a file defines. `objects` are the other things, by kind and name."""

    file: str
    size: int
    statements: int
    jobs: dict[str, Job]
    objects: dict[str, dict[str, dict[str, Any]]]
    overrides: list[dict[str, Any]]
    problems: list[dict[str, Any]]
    problems_left_out: int


def define(source: Source, progress: Callable[[float, str], None]) -> Definitions:
    """Reads a file.

    Args:
        source: the file.
        progress: told the share that is done, and a message.
    """
    made = _Reader(source.path.name)
    if source.note:
        made.problem("warning", 1, 1, f"the file is {source.note}")
    read = 0
    for number, item in enumerate(statements(source)):
        if isinstance(item, Problem):
            made.problem(item.severity, item.line, item.column, item.message)
            continue
        made.take(item)
        read += sum(map(len, item.texts)) + len(item.texts)
        if number % 5000 == 4999:
            progress(min(read / source.size, 1.0), f"statement {number + 1}")
    return made.finish(source.size)


class _Reader:
    def __init__(self, file: str) -> None:
        self.file, self.statements, self.left_out = file, 0, 0
        self.jobs: dict[str, Job] = {}
        self.members: dict[str, dict[str, None]] = {}
        self.objects: dict[str, dict[str, dict[str, Any]]] = {}
        self.overrides: list[dict[str, Any]] = []
        self.problems: list[dict[str, Any]] = []
        self._numbers: list[int] = [1]

    def problem(self, severity: str, line: int, column: int, message: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append({"severity": severity, "line": line, "column": column, "message": message})
        else:
            self.left_out += 1

    def finish(self, size: int) -> Definitions:
        for name, job in self.jobs.items():
            box = self.jobs.get(job["box"] or "")
            if box is not None and box["type"] != "BOX":
                told = f"{shown(name)} lies in {shown(box['name'])}, which is no box but a {shown(box['type'])} job"
                self.problem("warning", job["line"], 1, told)
        self.problems.sort(key=lambda problem: (problem["line"], problem["column"]))
        return {
            "file": self.file, "size": size, "statements": self.statements, "jobs": self.jobs,
            "objects": self.objects, "overrides": self.overrides,
            "problems": self.problems, "problems_left_out": self.left_out,
        }  # fmt: skip

    def take(self, raw: Statement) -> None:
        """Applies one statement."""
        self._numbers = raw.numbers
        if not raw.begins:
            place = next((i for i, text in enumerate(raw.texts) if text.strip(" \t\f\ufeff\x1a")), None)
            if place is not None:
                text = raw.texts[place]
                column = len(text) - len(text.lstrip()) + 1
                self._at("error", place + 1, column, f"{quoted(text.strip(), 40)} stands above the first statement")
            return
        if raw.cut:
            self._at("error", len(raw.numbers), 1, raw.cut)
        try:
            parsed = statement.parse(raw.text)
        except statement.StatementError as error:
            self._at("error", error.line, error.column, "the statement cannot be read from here on; it is left out")
            return
        self.statements += 1
        known = SUBCOMMANDS.get(parsed.subcommand)
        if known is None:
            near = get_close_matches(parsed.subcommand, SUBCOMMANDS, n=1, cutoff=0.7)
            hint = f", did you mean {near[0]}?" if near else ""
            self._at("error", 1, 1, f"unknown subcommand {quoted(parsed.subcommand)}{hint}; the statement is left out")
        elif not parsed.subject:
            self._at("error", 1, 1, f"{parsed.subcommand} names nothing; the statement is left out")
        else:
            self._apply(*known, parsed)
            if raw.cut and parsed.subject in self.jobs:
                self.jobs[parsed.subject]["partial"] = True

    def _at(self, severity: str, line: int, column: int, message: str) -> None:
        """Notes a problem at a line of the statement, from 1."""
        self.problem(severity, self._numbers[min(line, len(self._numbers)) - 1], column, message)

    def _apply(self, verb: str, kind: str, parsed: statement.Parsed) -> None:
        if kind != "job":
            self._apply_object(verb, kind, parsed)
            return
        name = parsed.subject
        if any(c.isspace() for c in name) and not (verb == "override" and name.endswith(" delete")):
            self._at("warning", 1, 1, f"the name {quoted(name)} holds blanks")
        self._stray(parsed)
        match verb:
            case "insert" if name in self.jobs:
                first = self.jobs[name]["line"]
                self._at("error", 1, 1, f"{shown(name)} is inserted twice, first in line {first}; the first one counts")
            case "insert":
                self._set(self._job(name, partial=False), parsed)
            case "update":
                if name not in self.jobs:
                    self._at("warning", 1, 1, f"{shown(name)} is updated but not inserted in this file")
                self._set(self.jobs.get(name) or self._job(name, partial=True), parsed)
            case "delete" | "delete_box" | "rename" if name not in self.jobs:
                self._at("warning", 1, 1, f"{verb} of {shown(name)}, which is not defined at this point of the file")
            case "delete":
                self._delete(name)
            case "delete_box":
                self._delete_box(name)
            case "override":
                self._override(name, parsed)
            case _:
                self._rename(name, parsed)

    def _job(self, name: str, *, partial: bool) -> Job:
        made: Job = {
            "name": name, "type": "CMD", "line": self._numbers[0], "box": None, "partial": partial,
            "attributes": {}, "conditions": {},
        }  # fmt: skip
        self.jobs[name] = made
        return made

    def _set(self, job: Job, parsed: statement.Parsed) -> None:
        """Takes the attributes over. An empty value takes an attribute away."""
        seen: dict[str, str] = {}
        for attribute in parsed.attributes:
            # The same names and values come again and again; one copy of each is kept.
            name, value = intern(attribute.name), intern(attribute.value)
            if seen.setdefault(name, value) != value:
                self._at(
                    "warning", attribute.line, attribute.column, f"{shown(name)} is given twice; the last one counts"
                )
            if near := _misspelt(name):
                message = f"unknown attribute {quoted(name)}, did you mean {near!r}?"
                self._at("warning", attribute.line, 1, message)
            if attribute.raw.startswith('"') and attribute.raw.count('"') == 1:
                self._at("error", attribute.line, attribute.column, "a quote begins here and is never closed")
            if name == "job_type":
                kind = value.upper()
                job["type"] = JOB_TYPES.get(kind, kind)
            elif name == "box_name":
                self._move(job, value or None)
            elif name in CONDITIONS:
                self._condition(job, attribute)
            elif value:
                job["attributes"][name] = value
            else:
                job["attributes"].pop(name, None)

    def _move(self, job: Job, box: str | None) -> None:
        if job["box"] is not None:
            self.members.get(job["box"], {}).pop(job["name"], None)
        job["box"] = box
        if box is not None:
            self.members.setdefault(box, {})[job["name"]] = None

    def _condition(self, job: Job, attribute: statement.Attribute) -> None:
        raw, indent = attribute.raw, 0
        # Quotes around the whole of it, not around a name at both ends.
        if len(raw) > 1 and raw[0] == raw[-1] == '"' and "(" in raw.split('"')[1] and raw.count('"') % 2 == 0:
            raw, indent = raw[1:-1], 1
        job["conditions"].pop(attribute.name, None)
        if not raw.strip():
            return
        line = self._numbers[min(attribute.line, len(self._numbers)) - 1]
        tree = None
        try:
            tree = condition.parse(raw)
        except condition.ConditionError as error:
            column = error.column + (attribute.column + indent - 1 if error.line == 1 else 0)
            message = f"{attribute.name} of {shown(job['name'])}: {error.message}"
            self._at("error", attribute.line + error.line - 1, column, message)
        job["conditions"][attribute.name] = {
            "line": line, "column": attribute.column, "text": statement.plain(attribute.raw), "tree": tree
        }  # fmt: skip

    def _delete(self, name: str) -> None:
        """Deletes a job. The members of a box stay, outside of it."""
        self._move(self.jobs.pop(name), None)
        for member in self.members.pop(name, ()):
            self.jobs[member]["box"] = None

    def _delete_box(self, name: str) -> None:
        """Deletes a box with everything in it."""
        todo = [name]
        while todo:
            box = todo.pop()
            if box in self.jobs:
                self._move(self.jobs.pop(box), None)
            todo += self.members.pop(box, ())

    def _rename(self, name: str, parsed: statement.Parsed) -> None:
        """Gives a job another name. Who is in it follows; conditions keep the name that they were written with."""
        new = next((a.value for a in parsed.attributes if a.name == "new_name" and a.value), "")
        if not new or new in self.jobs:
            why = f"{shown(new)} exists already" if new else "it gives no new_name"
            self._at("error", 1, 1, f"rename_job of {shown(name)} is not applied: {why}")
            return
        job = self.jobs.pop(name)
        box = job["box"]
        self._move(job, None)
        job["name"] = new
        self.jobs[new] = job
        self._move(job, box)
        for member in self.members.pop(name, ()):
            self.members.setdefault(new, {})[member] = None
            self.jobs[member]["box"] = new

    def _override(self, name: str, parsed: statement.Parsed) -> None:
        name, _, rest = name.partition(" ")
        self.overrides.append(
            {
                "job": name,
                "line": self._numbers[0],
                "cancelled": rest.strip().lower() == "delete",
                "attributes": {a.name: a.value for a in parsed.attributes},
            }
        )
        self._at("info", 1, 1, f"override_job {shown(name)} is for the next run only; it is listed and not applied")

    def _apply_object(self, verb: str, kind: str, parsed: statement.Parsed) -> None:
        known = self.objects.setdefault(kind, {})
        name = parsed.subject
        if verb == "delete":
            known.pop(name, None)
            return
        attributes = {a.name: a.value for a in parsed.attributes if a.value}
        if kind in ("calendar", "cycle", "extended_calendar"):
            attributes["dates"] = ", ".join(text for _line, _column, text in parsed.stray)
        else:
            self._stray(parsed)
        if verb == "insert" and name in known:
            self._at("error", 1, 1, f"{kind} {shown(name)} is inserted twice; the first one counts")
        elif verb == "update" and name in known:
            known[name]["attributes"].update(attributes)
        else:
            known[name] = {"line": self._numbers[0], "attributes": attributes}

    def _stray(self, parsed: statement.Parsed) -> None:
        for line, column, text in parsed.stray:
            self._at("error", line, column, f"{quoted(text, 40)} belongs to no attribute; it is left out")


@lru_cache(4096)
def _misspelt(name: str) -> str:
    if name in ATTRIBUTES:
        return ""
    near = get_close_matches(name[:60], ATTRIBUTES, n=1, cutoff=0.9)
    return near[0] if near else ""
