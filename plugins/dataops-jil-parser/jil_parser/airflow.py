"""The skeleton of an Airflow DAG, and what Airflow does not do as AutoSys does.

The code is flat: one statement for a task, and one for a wait. Every value from the file is written with `repr`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jil_parser.boxes import Nesting
from jil_parser.condition import Tree
from jil_parser.document import Airflow, Asked, Unexpressed
from jil_parser.network import Network, references
from jil_parser.order import Order
from jil_parser.vocabulary import SCHEDULE, shown

#: A DAG of more jobs is not written; of a larger file only the asked job and its surroundings are.
MOST_JOBS = 5_000
#: Of what cannot be expressed, so much is listed.
MOST_FLAGS = 10_000
_GATES = {"failure": "all_failed", "terminated": "all_failed", "done": "all_done", "exitcode": "all_done"}
_HEAD = '''\
"""A skeleton of an Airflow DAG (Airflow 3), made from {file}.

It was never run. {count} of the jobs' properties are not done as AutoSys does them; they are listed below and beside
each task. Schedules, machines, calendars and connections have to be added by hand.
"""

from __future__ import annotations

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import DAG, TaskGroup


class Command(BashOperator):
    """Runs a command as it is written: braces in it are no template."""

    template_fields = ()


class Watch(FileSensor):
    """Waits for a file whose name is no template."""

    template_fields = ()


dag = DAG(dag_id={dag_id}, schedule=None, catchup=False)
boxes = {{}}
jobs = {{}}
'''


def dag(network: Network, order: Order, nesting: Nesting, asked: Asked | None) -> tuple[str, Airflow]:
    """Returns the Python code of a DAG, and what is in it and what is not."""
    chosen = _chosen(network, asked)
    writer = _Writer(network, order, nesting, chosen)
    if len(chosen) < len(network.jobs):
        writer.flag("", 0, "jobs left out", f"{len(chosen)} of {len(network.jobs)} jobs are in the DAG")
    body = list(writer.write())
    name = _task_id(network.definitions["file"].rsplit(".", 1)[0]) or "jil"
    counts: dict[str, int] = {}
    for item in writer.flags:
        counts[item["what"]] = counts.get(item["what"], 0) + 1
    head = _HEAD.format(file=_comment(network.definitions["file"], 80).replace('"', "'").replace("\\", "/"),
                        dag_id=repr(name), count=len(writer.flags))  # fmt: skip
    listed = [f"# not expressed: {_comment(what, 80)}: {number}" for what, number in counts.items()]
    return "\n".join([head.rstrip("\n"), *listed, "", *body]) + "\n", {
        "jobs": len(chosen),
        "not_expressed": writer.flags,
    }


def _chosen(network: Network, asked: Asked | None) -> dict[str, None]:
    if len(network.jobs) <= MOST_JOBS:
        return dict.fromkeys(network.jobs)
    if asked is None:
        return {}
    near = sorted([*(asked["before"] or ()), *(asked["after"] or ())], key=lambda item: item["distance"])
    wanted = dict.fromkeys([asked["job"], *asked["boxes"], *(item["job"] for item in near)])
    return dict.fromkeys([name for name in wanted if name in network.jobs][:MOST_JOBS])


class _Writer:
    def __init__(self, network: Network, order: Order, nesting: Nesting, chosen: dict[str, None]) -> None:
        self.network, self.order, self.chosen = network, order, chosen
        self.depth, self.endless = nesting["depth"], set(nesting["endless"])
        self.flags: list[Unexpressed] = []
        self.ids: set[str] = set()
        self.gates = 0
        self.made: dict[tuple[str, str], str] = {}
        self._notes: list[str] = []

    def flag(self, job: str, line: int, what: str, detail: str) -> None:
        """Notes what is not done, for the document and for a comment at the task."""
        if len(self.flags) < MOST_FLAGS:
            self.flags.append({"job": job, "line": line, "what": what, "detail": detail})
        self._notes.append(f"# {_comment(what, 60)}: {_comment(detail, 160)}")

    def write(self) -> Iterator[str]:
        """Yields the statements: boxes, the outermost first, then jobs, then what waits for what."""
        boxes = [name for name in self.chosen if self.network.is_box(name)]
        for name in sorted(boxes, key=lambda box: self.depth.get(box, 0)):
            code = f"boxes[{name!r}] = TaskGroup({self._id(name)!r}, prefix_group_id=False, dag=dag{self._group(name)})"
            self._of_box(name)
            yield from self._noted(code)
        for name in self.chosen:
            if not self.network.is_box(name):
                code = f"jobs[{name!r}] = {self._operator(name)}"
                yield from self._noted(code)
        for name in self.chosen:
            if (condition := self.network.jobs[name]["conditions"].get("condition")) is None:
                continue
            target = self._place(name)
            if condition["tree"] is None:
                self.flag(name, condition["line"], "condition that cannot be read", condition["text"])
                yield from self._noted()
                continue
            lines, sources = self._sources(condition["tree"], name, condition["line"])
            lines += [f"{source} >> {target}" for source in sources]
            yield from self._noted(*lines)

    def _noted(self, *code: str) -> Iterator[str]:
        yield from dict.fromkeys(self._notes)
        self._notes = []
        yield from code

    def _group(self, name: str) -> str:
        box = self.network.jobs[name]["box"]
        inside = box is not None and box in self.chosen and name not in self.endless
        word = "parent_group" if self.network.is_box(name) else "task_group"
        return f", {word}=boxes[{box!r}]" if inside else ""

    def _id(self, name: str) -> str:
        """Returns an id that is unique and that Airflow takes."""
        base = made = _task_id(name) or "job"
        number = 1
        while made in self.ids:
            number += 1
            made = f"{base}_{number}"
        self.ids.add(made)
        return made

    def _of_box(self, name: str) -> None:
        job = self.network.jobs[name]
        for attribute in ("box_success", "box_failure"):
            if attribute in job["conditions"]:
                condition = job["conditions"][attribute]
                self.flag(name, condition["line"], attribute, f"{attribute}: {condition['text']}")
        if name in self.endless:
            self.flag(name, job["line"], "boxes in one another", f"box_name: {job['box']}")
        self._clock(name)

    def _clock(self, name: str) -> None:
        job = self.network.jobs[name]
        for key in (*SCHEDULE, "timezone", "must_start_times", "must_complete_times"):
            if key in job["attributes"]:
                what = "calendar" if "calendar" in key else "schedule"
                self.flag(name, job["line"], what, f"{key}: {job['attributes'][key]}")

    def _operator(self, name: str) -> str:
        job = self.network.jobs[name]
        given = f"task_id={self._id(name)!r}, dag=dag{self._group(name)}"
        self._clock(name)
        attributes = job["attributes"]
        for key in ("success_codes", "fail_codes", "max_exit_success", "n_retrys", "term_run_time", "resources"):
            if key in attributes:
                self.flag(name, job["line"], key, f"{key}: {attributes[key]}")
        if "machine" in attributes:
            self._notes.append(f"# machine: {_comment(attributes['machine'], 160)}")
        if job["type"] == "CMD" and "command" in attributes:
            return f"Command({given}, bash_command={attributes['command']!r})"
        if job["type"] in ("FW", "FT") and "watch_file" in attributes:
            return f"Watch({given}, filepath={attributes['watch_file']!r})"
        what = "no command" if job["type"] == "CMD" else f"job type {job['type'][:20]}"
        self.flag(name, job["line"], what, "an empty task stands for it")
        return f"EmptyOperator({given})"

    def _place(self, name: str) -> str:
        return f"{'boxes' if self.network.is_box(name) else 'jobs'}[{name!r}]"

    def _sources(self, tree: Tree, job: str, line: int) -> tuple[list[str], list[str]]:
        """Returns the statements that a condition needs, and the tasks that have to have succeeded."""
        for atom, _alternative in references(tree):
            self._flag_atom(atom, job, line)
        lines: list[str] = []
        done: dict[int, list[str]] = {}
        todo: list[tuple[Tree, bool]] = [(tree, False)]
        # Inner groups first, without recursion: a group is met twice, and the second time its parts are known.
        while todo:
            node, ready = todo.pop()
            inner = node.get("all") or node.get("any")
            if inner is None:
                done[id(node)] = self._atom(node, job, lines)
            elif not ready:
                todo.append((node, True))
                todo += [(part, False) for part in inner]
            else:
                parts = [done[id(part)] for part in inner]
                if "all" in node:
                    done[id(node)] = list(dict.fromkeys(source for part in parts for source in part))
                elif all(parts):
                    each = [
                        part[0] if len(part) == 1 else self._gate(job, "all_success", part, lines) for part in parts
                    ]
                    done[id(node)] = [self._gate(job, "one_success", each, lines)]
                else:
                    self.flag(
                        job,
                        line,
                        "alternative without a task",
                        "one of the alternatives is no task here, so none is waited for",
                    )
                    done[id(node)] = []
        return lines, done[id(tree)]

    def _gate(self, job: str, rule: str, sources: list[str], lines: list[str]) -> str:
        self.gates += 1
        task = self._id(f"{_task_id(job)[:200]}__{rule}")
        gate = f"jobs[{('gate', self.gates)!r}]"
        lines.append(f"{gate} = EmptyOperator(task_id={task!r}, trigger_rule={rule!r}, dag=dag)")
        lines += [f"{source} >> {gate}" for source in sources]
        return gate

    def _atom(self, atom: Tree, job: str, lines: list[str]) -> list[str]:
        if atom["is"] in ("value", "notrunning") or "instance" in atom or atom["job"] not in self.chosen:
            return []
        if self._in_cycle(atom["job"], job):
            return []
        source = self._place(atom["job"])
        if atom["is"] == "success":
            return [source]
        rule = _GATES[atom["is"]]
        if (source, rule) not in self.made:
            self.made[source, rule] = self._gate(atom["job"], rule, [source], lines)
        return [self.made[source, rule]]

    def _in_cycle(self, on: str, job: str) -> bool:
        number = self.order.circle.get(on)
        return number is not None and number == self.order.circle.get(self.network.entry(job))

    def _flag_atom(self, atom: Tree, job: str, line: int) -> None:
        text = shown(_written(atom))
        if atom["is"] == "value":
            self.flag(job, line, "global variable", text)
            return
        if "instance" in atom:
            self.flag(job, line, "cross-instance", f"{text}; an ExternalTaskSensor may stand for it")
        elif atom["job"] not in self.network.jobs:
            self.flag(job, line, "missing job", text)
        elif atom["job"] not in self.chosen:
            self.flag(job, line, "job left out", text)
        elif atom["is"] != "notrunning" and self._in_cycle(atom["job"], job):
            self.flag(job, line, "cycle", f"{text} would close a cycle")
        if "lookback" in atom:
            self.flag(job, line, "look-back", text)
        if atom["is"] == "notrunning":
            self.flag(job, line, "mutual exclusion", f"{text}; a pool of one slot may stand for it")
        elif atom["is"] == "exitcode":
            self.flag(job, line, "exit code", f"{text}; only the end is waited for")
        elif atom["is"] == "terminated":
            self.flag(job, line, "terminated", f"{text}; any failure does here")


def _written(atom: Tree) -> str:
    from jil_parser.condition import render

    return render(atom)


def _task_id(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:240]


def _comment(text: str, limit: int) -> str:
    return shown(text, limit)
