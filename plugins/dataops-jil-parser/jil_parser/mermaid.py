"""The Mermaid diagram: as many jobs as can still be looked at, boxes as frames."""

from __future__ import annotations

from jil_parser.document import Document
from jil_parser.network import Network, reference, references

#: Jobs and arrows that one diagram shows.
MOST_JOBS, MOST_ARROWS = 80, 300
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_. ")


def diagram(network: Network, found: Document) -> str:
    """Returns the text of a flowchart: the asked job and its surroundings, or the critical chain and what comes first.

    Solid arrows are conditions that have to hold, dotted ones alternatives, crossed ones mutual exclusion.
    """
    jobs = _chosen(network, found)
    numbers = {name: number for number, name in enumerate(jobs)}
    inside: dict[str | None, list[str]] = {}
    for job in jobs:
        box = network.jobs[job]["box"] if job in network.jobs else None
        inside.setdefault(box if box in numbers and job not in found["box_loops"] else None, []).append(job)
    lines = ["flowchart LR"]
    if len(jobs) < len(found["jobs"]):
        lines.append(f"  %% {len(jobs)} of {len(found['jobs'])} jobs; dependencies.json has all of them")
        lines.append(f'  more["{len(jobs)} of {len(found["jobs"])} jobs are shown"]')
    # Frames in frames without recursion: a None on the stack closes a frame.
    todo: list[str | None] = list(reversed(inside.get(None, [])))
    depth = 1
    while todo:
        if (name := todo.pop()) is None:
            depth -= 1
            lines.append(f"{'  ' * depth}end")
        elif name in inside:
            lines.append(f'{"  " * depth}subgraph j{numbers[name]}["{label(name)}"]')
            depth += 1
            todo += [None, *reversed(inside[name])]
        else:
            shape = ("[[", "]]") if network.is_box(name) else ("[", "]") if name in network.jobs else ("([", "])")
            lines.append(f'{"  " * depth}j{numbers[name]}{shape[0]}"{label(name)}"{shape[1]}')
    lines += _arrows(network, numbers)
    asked = found["asked"]
    if asked and asked["job"] in numbers:
        lines.append(f"  style j{numbers[asked['job']]} stroke-width:4px")
    return "\n".join(lines) + "\n"


def label(text: str) -> str:
    """Returns a name as Mermaid shows it literally: everything but letters, digits and blanks by its number."""
    cut = text if len(text) <= 60 else f"{text[:59]}…"
    return "".join(c if c in _PLAIN else f"#{ord(c if c.isprintable() else '�')};" for c in cut)


def _chosen(network: Network, found: Document) -> list[str]:
    asked = found["asked"]
    if asked:
        both = [*(asked["before"] or ()), *(asked["after"] or ())]
        near = [item["job"] for item in sorted(both, key=lambda item: item["distance"])]
        apart = [*(r["on"] for r in asked["not_while"]), *(r["waits"] for r in asked["keeps_out"])]
        wanted = [asked["job"], *asked["boxes"], *near[: MOST_JOBS // 2], *apart, *near]
    else:
        first = sorted(found["jobs"], key=lambda job: (job["level"], job["line"]))
        wanted = [*(job for cycle in found["cycles"] for job in cycle["path"][:20]), *found["critical_chain"]["jobs"]]
        wanted = [*wanted[: MOST_JOBS // 2], *(job["name"] for job in first), *(m["job"] for m in found["missing"])]
    return list(dict.fromkeys(wanted))[:MOST_JOBS]


def _arrows(network: Network, numbers: dict[str, int]) -> list[str]:
    arrows: dict[str, None] = {}
    for name, number in numbers.items():
        conditions = network.jobs[name]["conditions"] if name in network.jobs else {}
        tree = conditions["condition"]["tree"] if "condition" in conditions else None
        for atom, alternative in references(tree) if tree else ():
            if atom["is"] == "value" or (on := reference(atom)) not in numbers:
                continue
            text = "" if atom["is"] == "success" else f'|"{atom["is"]}"|'
            arrow = "x--x" if atom["is"] == "notrunning" else "-.->" if alternative else "-->"
            arrows[f"  j{numbers[on]} {arrow}{text} j{number}"] = None
    return list(arrows)[:MOST_ARROWS]
