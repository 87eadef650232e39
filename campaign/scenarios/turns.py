"""Many processes at one session: turns in order, never two at once."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from campaign.acknowledging import say_run
from campaign.processes import Say
from campaign.scenarios.scene import Line, Scene, run
from dataops_core import SessionManager
from dataops_core.errors import Conflict
from dataops_core.execution.runner import Runner

PROCESSES = 8
ROUNDS = 6


def eight_turns(folder: Path) -> Line:
    """Eight processes ask at once: all are answered, in the order of acceptance, never two at once."""
    scene = Scene(folder, 5.0)
    session = scene.session()
    callers = [scene.start(run, "steps", f"slow 0.05 n{n}", session) for n in range(PROCESSES)]
    for caller in callers:
        caller.wait()
    answered = [line for caller in callers for line in caller.told("run")]
    scene.expect([line["status"] for line in answered] == ["success"] * PROCESSES, f"told {answered}")
    said = scene.perform(_messages, session)[0]["messages"]
    asked, answers = ([run_id for role, run_id in said if run_id and role == r] for r in ("user", "assistant"))
    scene.expect(len(asked) == PROCESSES and asked == answers, f"asked {asked}, answered {answers}")
    scene.expect(len({line["attempt"] for line in answered}) == 1, f"attempts {answered}")
    words = [note.rpartition(" second")[0] or note.rpartition(" ")[0] for note in scene.notes()]
    mixed = [b for a, b in pairwise(words) if a != b]
    scene.expect(len(mixed) == PROCESSES - 1, f"nodes of two runs mixed: {words}")
    scene.close()
    return Line(
        "eight turns at once, one session", f"{len(answers)} answered, in order", {"turns": len(answers)}, scene.wrong
    )


def eight_writers(folder: Path) -> Line:
    """Eight processes append 25 messages each to one session."""
    scene = Scene(folder, 5.0)
    session = scene.session()
    writers = [scene.start(_appends, session, n) for n in range(PROCESSES)]
    for writer in writers:
        writer.wait()
        scene.wrong += [line["error"] for line in writer.told("failed")]
    count = sum(len(writer.told("message")) for writer in writers)
    scene.expect(count == PROCESSES * 25, f"{count} acknowledged")
    scene.close()
    return Line("eight writers, one session", f"{count} messages", {"appended": count}, scene.wrong)


def two_answers(folder: Path) -> Line:
    """Two processes answer one question at once: one answer counts, and both callers learn what came of it."""
    wrong, counted = [], 0
    for number in range(ROUNDS):
        scene = Scene(folder / str(number), 5.0)
        session = scene.session()
        asked = scene.start_and_wait(run, "steps", "ask tea", session).told("asked")[0]
        same = number % 2 == 1
        callers = [
            scene.start(_answer, asked["run"], asked["question"]["id"], colour)
            for colour in ("green", "green" if same else "blue")
        ]
        for caller in callers:
            caller.wait()
        outcomes = {(line["status"], line["answer"]) for caller in callers for line in caller.told("run")}
        scene.expect(all(caller.told("run") for caller in callers), f"told {[caller.said for caller in callers]}")
        scene.expect(len(outcomes) == 1, f"the callers learnt {outcomes}")
        said = scene.perform(_messages, session)[0]["messages"]
        answers = sum(role == "user" and run_id == asked["run"] for role, run_id in said) - 1
        counted += answers
        scene.expect(answers == 1, f"{answers} answers counted")
        refused = sum(len(caller.told("refused")) for caller in callers)
        scene.expect(refused == (0 if same else 1), f"{refused} answers were refused, of one message said twice={same}")
        scene.close()
        wrong += scene.wrong
    return Line("two answers to one question", f"{counted} counted of {ROUNDS} questions", {"answers": counted}, wrong)


def _answer(say: Say, run_id: str, question: str, colour: str) -> None:
    runner = Runner()
    try:
        say_run(say, runner.answer(run_id, colour, question_id=question, message_id=colour))
    except Conflict as conflict:
        say("refused", error=conflict.message)
        say_run(say, runner.attend(run_id))


def _messages(say: Say, session: str) -> None:
    say("messages", messages=[(m.role, m.run_id) for m in SessionManager().iter_messages(session)])


def _appends(say: Say, session: str, writer: int) -> None:
    for number in range(25):
        content = f"writer {writer} message {number}"
        SessionManager().add_message(session, "user", content)
        say("message", session=session, content=content)
