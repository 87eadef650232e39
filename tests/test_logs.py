"""Log lines: where they go, what they name, and what they never show."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from dataops_core import logs, settings
from dataops_core.contracts.middleware import NodeCall, current_call


@pytest.fixture
def configured():
    """Configures logging as asked, and undoes it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def configure(default_level: str = "INFO", *, tracebacks: bool = True, **flags: str) -> None:
        logs.configure(settings.load(flags, env={}), default_level, tracebacks=tracebacks)

    yield configure
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_both_kinds_of_loggers_make_the_same_json_lines(configured, capsys):
    configured(log_format="json")
    logs.bind("s1", "s1.r1", "flow")
    structlog.get_logger("ours").info("workflow_started", user_id="ann")
    logging.getLogger("theirs").warning("read %s", "a.csv", extra={"rows": 3})
    out, err = capsys.readouterr()
    first, second = map(json.loads, err.splitlines())
    assert out == ""
    run = {"session_id": "s1", "run_id": "s1.r1", "workflow": "flow"}
    assert run.items() <= first.items()
    assert (first["event"], first["level"], first["logger"], first["user_id"]) == (
        "workflow_started", "info", "ours", "ann",
    )  # fmt: skip
    assert run.items() <= second.items()
    assert (second["event"], second["level"], second["rows"]) == ("read a.csv", "warning", 3)
    assert first["timestamp"].endswith("Z")


def test_a_line_inside_a_node_names_it(configured, capsys):
    configured(log_format="json")
    call = NodeCall("flow", "1", "clean", (), {}, {}, "s1.r1", "s1", 1, None, False, [])
    token = current_call.set(call)
    structlog.get_logger().info("here")
    current_call.reset(token)
    told = json.loads(capsys.readouterr().err)
    assert (told["node"], told["run_id"], told["session_id"], told["workflow"]) == ("clean", "s1.r1", "s1", "flow")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_never_get_out(configured, capsys, log_format):
    configured(log_format=log_format, anthropic_api_key="sk-hidden-1", jwt_secret="hidden-2")
    log = structlog.get_logger()
    log.info("key sk-hidden-1", password="hidden-3", nested={"api_key": "hidden-4", "list": ["hidden-2"]}, tokens=7)
    log.info("opening redis://me:hidden-5@host/0?token=hidden-6")
    logging.getLogger("x").error("sent %s", "sk-hidden-1", extra={"authorization": "hidden"})
    try:
        raise ValueError("refused sk-hidden-1")
    except ValueError:
        log.exception("failed")
    err = capsys.readouterr().err
    assert "hidden" not in err
    assert "redis://****@host/0?token=****" in err
    assert "ValueError: refused ****" in err
    assert "7" in err


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_value_forges_a_line_or_moves_the_cursor(configured, capsys, log_format):
    configured(log_format=log_format)
    structlog.get_logger().info("one\n2026-01-01 [error] forged", name="a\x1b[2Jb\r\u202e", half="\ud800")
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.strip().isprintable()


def test_levels_come_from_the_settings_or_the_caller(configured, capsys):
    configured("WARNING")
    structlog.get_logger().info("quiet")
    configured("WARNING", log_level="DEBUG")
    structlog.get_logger().debug("loud")
    assert [line.split()[-2] for line in capsys.readouterr().err.splitlines()] == ["loud"]


def test_tracebacks_can_be_left_out(configured, capsys):
    configured(tracebacks=False)
    try:
        raise ValueError("the\ncause")
    except ValueError as error:
        logging.getLogger("x").info("failed", exc_info=error)
        structlog.get_logger().exception("failed too")
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert err.count("ValueError: the cause") == 2
