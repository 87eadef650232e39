"""Runs under fire: accept, step, question, answer, finish, take-over and cancel, as their commits are named."""

from __future__ import annotations

from collections.abc import Callable

from campaign.acknowledging import new_session, resumed, say_message, say_run
from campaign.operations.operation import Facts, Operation
from campaign.processes import Say
from dataops_core.execution.runner import Runner

NODE_ASKS: Facts = {"word": "ask tea"}
VALUE_LACKS: Facts = {}
RUN = ("accept", "step", "finish")


def _prepare_session(say: Say) -> None:
    say("facts", session=new_session(say))


def _runs_of(workflow: str, word: str) -> Callable[[Say, Facts], None]:
    def act(say: Say, facts: Facts) -> None:
        say_run(say, Runner().run(workflow, {"word": word}, session_id=facts["session"], message_id="the query"))

    return act


def _runs_again(workflow: str, word: str) -> Callable[[Say, Facts, str], None]:
    def go_on(say: Say, facts: Facts, way: str) -> None:
        resumed(say, way, facts["session"])
        # The client, who was told nothing, sends its message again.
        _runs_of(workflow, word)(say, facts)

    return go_on


def _prepare_dead(say: Say) -> None:
    session = new_session(say)
    say("facts", session=session)
    Runner().run("steps", {"word": "hold"}, session_id=session)


def _take_over(say: Say, facts: Facts) -> None:
    for result in Runner().resume_open():
        say_run(say, result)


def _take_over_again(say: Say, facts: Facts, way: str) -> None:
    resumed(say, way, facts["session"])


def _ask(say: Say, facts: Facts) -> None:
    """One run whose node asks, and one that lacks a value."""
    for values in NODE_ASKS, VALUE_LACKS:
        say_run(say, Runner().run("steps", values, session_id=facts["session"], message_id=f"query {values}"))


def _ask_again(say: Say, facts: Facts, way: str) -> None:
    resumed(say, way, facts["session"])
    _ask(say, facts)
    for run in [*Runner().runs.list(session_id=facts["session"], status="interrupted")]:
        say_run(say, Runner().answer(run["run_id"], "green", message_id=f"answer {run['run_id']}"))


def _prepare_asked(say: Say) -> None:
    session = new_session(say)
    runs = []
    for values in NODE_ASKS, VALUE_LACKS:
        result = Runner().run("steps", values, session_id=session)
        say_run(say, result)
        runs.append(result.run_id)
    say("facts", session=session, runs=runs)


def _answer(say: Say, facts: Facts) -> None:
    for run_id in facts["runs"]:
        say_run(say, Runner().answer(run_id, "green", message_id=f"answer {run_id}"))


def _answer_again(say: Say, facts: Facts, way: str) -> None:
    resumed(say, way, facts["session"])
    _answer(say, facts)


def _prepare_cancel(say: Say) -> None:
    """Two sessions: one whose run asks, and one whose run has lost its worker."""
    asking = new_session(say)
    result = Runner().run("steps", NODE_ASKS, session_id=asking)
    say_run(say, result)
    session = new_session(say)
    say("facts", session=session, asking=result.run_id)
    Runner().run("steps", {"word": "hold"}, session_id=session)


def _cancel(say: Say, facts: Facts) -> None:
    runner = Runner()
    (held,) = runner.runs.list(session_id=facts["session"])
    for run_id in held["run_id"], facts["asking"]:
        say_run(say, runner.cancel(run_id))


def _cancel_again(say: Say, facts: Facts, way: str) -> None:
    _cancel(say, facts)
    say_message(say, facts["session"], "and on")
    say_run(say, Runner().run("brief", {"word": "on"}, session_id=facts["session"]))


OPERATIONS = (
    Operation("run", RUN, _prepare_session, _runs_of("steps", "ox"), _runs_again("steps", "ox")),
    Operation("run at exit", RUN, _prepare_session, _runs_of("brief", "ox"), _runs_again("brief", "ox")),
    # More than one commit holds: what is committed early must not be there twice when all of it runs again.
    Operation("run of many", RUN, _prepare_session, _runs_of("brief", "many 24"), _runs_again("brief", "many 24")),
    Operation("failing run", RUN, _prepare_session, _runs_of("steps", "bang"), _runs_again("steps", "bang")),
    Operation("question", ("accept", "step", "question"), _prepare_session, _ask, _ask_again),
    Operation("answer", ("answer", "step", "finish"), _prepare_asked, _answer, _answer_again),
    Operation("cancel", ("cancel",), _prepare_cancel, _cancel, _cancel_again, dead=True),
    Operation("take-over", ("take-over", "step", "finish"), _prepare_dead, _take_over, _take_over_again, dead=True),
    Operation(
        "next turn",
        ("accept", "take-over", "step", "finish"),
        _prepare_dead,
        _runs_of("steps", "later"),
        _runs_again("steps", "later"),
        dead=True,
    ),
)
