"""The answer in words: what runs before and after a job, or what the file holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jil_parser.document import Asked, Document
from jil_parser.network import Network
from jil_parser.related import Reason, Related
from jil_parser.vocabulary import SCHEDULE, YES, shown

#: More jobs, problems and cycles than these are only counted; the document has them all.
MOST = 25
_STATUS = {
    "success": "has succeeded", "failure": "has failed", "done": "is done", "terminated": "is terminated",
    "notrunning": "is not running",
}  # fmt: skip


def answer(found: Document, network: Network) -> str:
    """Returns the answer: paragraphs of plain text, safe for a terminal."""
    parts = [*found["notes"]]
    if asked := found["asked"]:
        parts += _job(asked, network)
        parts.append(_file(found))
        parts += _problems(found)
    else:
        parts += [_file(found), *_whole(found, network), *_problems(found)]
    return "\n\n".join(part for part in parts if part)


def _job(asked: Asked, network: Network) -> list[str]:
    name = shown(asked["job"])
    parts = []
    if asked["named_by"] == "query":
        parts.append(f"The question names the job {name}, so this is about it.")
    parts.append(_head(asked, network))
    if asked["before"] is not None:
        parts.append(_before(asked, asked["before"], network))
    if asked["after"] is not None:
        parts.append(_after(asked, asked["after"]))
    apart = [f"does not start while {shown(r['on'])} runs{_through(r)}" for r in asked["not_while"]]
    apart += [f"while it runs, {shown(r['waits'])} does not start" for r in asked["keeps_out"]]
    if apart:
        parts.append(_listed("Never at the same time; this is no order:", apart))
    return parts


def _head(asked: Asked, network: Network) -> str:
    name = asked["job"]
    if name not in network.jobs:
        by = ", ".join(shown(job) for job in network.missing.get(name, [])[:5])
        elsewhere = "^" in name and name not in network.missing
        where = "it belongs to another instance" if elsewhere else "the file does not define it"
        return f"{shown(name)}: {where}" + (f"; it is named by {by}." if by else ".")
    job = network.jobs[name]
    kind = "box" if network.is_box(name) else f"{shown(job['type'])} job"
    around = [f"in box {shown(box)}" for box in asked["boxes"][:6]] + (["…"] if len(asked["boxes"]) > 6 else [])
    lines = [f"{', '.join([f'{shown(name)} is a {kind}', *around])}, line {job['line']}."]
    for holder in (name, *asked["boxes"][:6]):
        if holder not in network.jobs:
            continue
        own = "It" if holder == name else f"Box {shown(holder)}"
        if condition := network.jobs[holder]["conditions"].get("condition"):
            lines.append(f"{own} starts when (line {condition['line']}): {shown(condition['text'], 300)}")
        attributes = network.jobs[holder]["attributes"]
        if clock := [f"{key} {shown(attributes[key], 60)}" for key in SCHEDULE if key in attributes]:
            off = attributes.get("date_conditions", "").lower() not in YES
            why = "has a schedule that is off, since date_conditions is not 1" if off else "starts by the clock"
            lines.append(f"{own} {why}: {', '.join(clock)}")
    if asked["never_starts"]:
        lines.append(
            "By this file it can never start: by itself or through others it waits for its own end,"
            " or for two things that exclude each other."
        )
    if network.is_box(name):
        lines.append(f"It holds {_count(len(network.members.get(name, [])), 'job')}.")
    return "\n".join(lines)


def _before(asked: Asked, related: Sequence[Related], network: Network) -> str:
    name = shown(asked["job"])
    gaps = [f"{shown(gap['job'])}{_line(gap['line'])}: {gap['why']}" for gap in asked["unknown"]]
    missing = _listed("What runs before may be more, since this is not known:", gaps)
    if not related:
        nothing = "no other job is known." if asked["never_starts"] or gaps else "nothing has to run."
        return "\n".join(filter(None, (f"Before {name}: {nothing}", missing)))
    needed = [item for item in related if item["needed"] is not False]
    title = f"Before {name}: {_count(len(related), 'job')}"
    if len(needed) < len(related):
        title += f", {len(needed)} of them in any case"
    told = _by_distance(f"{title}.", related, lambda item: [_waits_for(r, item) for r in item["reasons"]])
    return "\n".join(filter(None, (told, missing)))


def _after(asked: Asked, related: Sequence[Related]) -> str:
    name = shown(asked["job"])
    gaps = list(dict.fromkeys(f"{shown(gap['job'])}{_line(gap['line'])}" for gap in asked["unknown_after"]))
    more = f"There may be more, since it is not known what these wait for: {_some(gaps, 5)}." if gaps else ""
    if not related:
        nothing = "no job is known to wait for it." if gaps else "nothing waits for it."
        return "\n".join(filter(None, (f"After {name}: {nothing}", more)))
    title = f"After {name}: {_count(len(related), 'job')}."
    told = _by_distance(title, related, lambda item: [_waiting(r) for r in item["reasons"]])
    return "\n".join(filter(None, (told, more)))


def _line(number: int | None) -> str:
    return f" (line {number})" if number else ""


def _by_distance(title: str, related: Sequence[Related], why: Callable[[Related], list[str]]) -> str:
    lines, distance = [title], 0
    for item in related[:MOST]:
        if item["distance"] != distance:
            distance = item["distance"]
            lines.append("  directly:" if distance == 1 else f"  over {distance} waits:")
        reasons = list(dict.fromkeys(why(item)))
        more = f"; and {len(reasons) - 3} more" if len(reasons) > 3 else ""
        missing = "" if item["defined"] else " [not defined in this file]"
        lines.append(f"    {shown(item['job'])}{missing}: {'; '.join(reasons[:3])}{more}")
    if len(related) > MOST:
        lines.append(f"    … and {len(related) - MOST} more, all in dependencies.json")
    return "\n".join(lines)


def _waits_for(reason: Reason, item: Related) -> str:
    if reason["status"] == "member":
        text = f"box {shown(reason['waits'])} ends only when it has"
    else:
        text = f"{shown(reason['waits'])} starts when it {_state(reason)}{_through(reason)}"
        if reason.get("attribute") in ("box_success", "box_failure"):
            text = f"box {shown(reason['waits'])} ends when it {_state(reason)} ({reason.get('attribute')})"
    return text + (
        ", one of alternatives" if reason["alternative"] and not (item["needed"] and item["distance"] > 1) else ""
    )


def _waiting(reason: Reason) -> str:
    if reason["status"] == "member":
        return f"the box ends only when {shown(reason['on'])} has"
    verb = "ends" if reason.get("attribute") in ("box_success", "box_failure") else "starts"
    text = f"{verb} when {shown(reason['on'])} {_state(reason)}{_through(reason)}"
    return text + (", or by an alternative" if reason["alternative"] else "")


def _state(reason: Reason) -> str:
    if reason["status"] == "exitcode":
        text = f"has ended with exit code {reason.get('compare')} {shown(reason.get('value', ''))}"
    else:
        text = _STATUS[reason["status"]]
    back = reason.get("lookback")
    if back is None:
        return text
    if back == "0":
        return f"{text} since the last run of {shown(reason['through'] or reason['waits'])}"
    return f"{text} within the last {_hours(back)}"


def _hours(back: str) -> str:
    hours, _, rest = back.partition(".")
    return " ".join(part for part in (f"{hours} h" if int(hours) else "", f"{int(rest)} min" if rest else "") if part)


def _through(reason: Reason) -> str:
    return f" (through box {shown(reason['through'])})" if reason["through"] else ""


def _file(found: Document) -> str:
    boxes = sum(job["type"] == "BOX" for job in found["jobs"])
    text = f"{shown(found['source']['file'])}: {_count(len(found['jobs']), 'job')}, {boxes} of them"
    text += f" {'a box' if boxes == 1 else 'boxes'}, {_count(found['levels'], 'level')} of execution."
    others = [_count(len(items), shown(kind)) for kind, items in found["objects"].items() if items]
    if others:
        text += f" It also defines: {', '.join(others)}."
    chain = found["critical_chain"]
    if chain["jobs"]:
        size, by = _count(len(chain["jobs"]), "job"), "no job gives its runtime, so by number"
        if chain["by"] == "minutes":
            size, by = _plural(f"{chain['total']:g}", "minute"), "by the runtimes that the jobs give"
        if chain["unknown"]:
            by += f"; {chain['unknown']} of its jobs {'gives' if chain['unknown'] == 1 else 'give'} none"
        way = [shown(job) for job in chain["jobs"]]
        way = way if len(way) <= 12 else [*way[:6], f"… {len(way) - 12} more …", *way[-6:]]
        text += f"\nCritical chain, {size} ({by}): {' → '.join(way)}"
    return text


def _whole(found: Document, network: Network) -> list[str]:
    by_level: dict[int, list[str]] = {}
    for job in found["jobs"]:
        if not network.is_box(job["name"]):
            by_level.setdefault(job["level"], []).append(shown(job["name"]))
    lines = [f"  {level}: {_some(by_level[level], 8)}" for level in sorted(by_level)[:MOST]]
    if len(by_level) > MOST:
        lines.append(f"  … and {_count(len(by_level) - MOST, 'level')} more")
    return ["\n".join(["What can run at the same time, level by level:", *lines])] if lines else []


def _problems(found: Document) -> list[str]:
    # What concerns the asked job comes first: only so many are told.
    asked = found["asked"]["job"] if found["asked"] else ""
    cycles = []
    for cycle in sorted(found["cycles"], key=lambda cycle: asked not in cycle["jobs"]):
        way = [shown(job) for job in cycle["path"]]
        way = way if len(way) <= 12 else [*way[:10], f"… {len(way) - 10} more …"]
        ends = ", which an alternative can start" if cycle["can_start"] else ""
        more = f" ({len(cycle['jobs'])} jobs are entangled in it)" if len(cycle["jobs"]) > len(cycle["path"]) else ""
        cycles.append(f"{' → '.join([*way, way[0]])}{ends}{more}")
    lost = sorted(found["missing"], key=lambda item: asked not in item["named_by"])
    missing = [f"{shown(m['job'])}, named by {_some([shown(j) for j in m['named_by']], 5)}" for m in lost]
    problems = [f"line {p['line']}, column {p['column']}: {p['severity']}: {p['message']}" for p in found["problems"]]
    flags: dict[str, int] = {}
    for flag in found["airflow"]["not_expressed"]:
        flags[flag["what"]] = flags.get(flag["what"], 0) + 1
    dag = f"airflow_dag.py is a skeleton for {_count(found['airflow']['jobs'], 'job')}"
    if flags:
        dag += f"; it leaves out or does otherwise: {', '.join(f'{what} ({n})' for what, n in flags.items())}"
    return [
        _listed(f"{_count(len(cycles), 'cycle')}:", cycles) if cycles else "No cycles.",
        _listed(f"{_count(len(missing), 'missing job')}:", missing) if missing else "No missing jobs.",
        _listed(f"{_count(len(found['box_loops']), 'job')} in boxes that lie in one another:",
                [shown(job) for job in found["box_loops"]]) if found["box_loops"] else "",
        _listed(f"{_count(len(problems) + found['problems_left_out'], 'problem')} in the file:", problems),
        f"{dag}.",
    ]  # fmt: skip


def _listed(title: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    more = [f"  … and {len(items) - MOST} more"] if len(items) > MOST else []
    return "\n".join([title, *(f"  {item}" for item in items[:MOST]), *more])


def _some(items: Sequence[str], most: int) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")


def _count(number: int, what: str) -> str:
    return _plural(f"{number:,}", what)


def _plural(number: str, what: str) -> str:
    return f"{number} {what}{'' if number == '1' else 's'}"
