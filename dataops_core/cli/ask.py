"""`dataops ask`."""

from __future__ import annotations

from typing import Any

import click

from dataops_core.cli.asking import asked_of, go_on, open_in
from dataops_core.cli.commands import Command, completes
from dataops_core.cli.explaining import tell_why
from dataops_core.cli.ids import newest_session, session_of
from dataops_core.cli.invocation import Invocation
from dataops_core.errors import InvalidValue, UsageError


@click.command("ask", cls=Command)
@click.argument("query")
@click.option("-s", "--session", metavar="ID", help="Ask in this session.", shell_complete=completes("sessions"))
@click.option("-c", "--continue", "goes_on", is_flag=True, help="Ask in your newest session.")
@click.option("--trace", "traced", is_flag=True, help="Show each node with its time and artifacts.")
@click.option("--message-id", metavar="ID", help="Your id of this query: asked again with it, it is answered once.")
@click.option("--explain", "explains", is_flag=True, help="Say what would be run, and why; run nothing.")
@click.pass_obj
def ask(
    call: Invocation,
    query: str,
    session: str | None,
    goes_on: bool,
    traced: bool,
    message_id: str | None,
    explains: bool,
) -> None:
    """Ask in plain words; the workflow that fits is run.

    \b
    dataops ask "profile orders.csv"
    dataops ask -c "and which columns have nulls?"
    dataops ask --explain "what is wrong with orders.csv?"
    """
    if session is not None and goes_on:
        raise UsageError("--session and --continue exclude each other", hint="give one of them")
    if not query.isascii() and any("\ud800" <= character <= "\udfff" for character in query):
        raise InvalidValue("the query is not valid text", hint="type it in the terminal's encoding (see `locale`)")
    if explains:
        tell_why(call, query)
        return
    if message_id is not None and session is None and not goes_on:
        raise UsageError(
            "--message-id needs the session in which the id counts",
            hint="ask once without it, and then with --session and the id that was told",
        )
    asked: dict[str, Any] = {"user_query": query, "user_id": call.settings.user}
    if goes_on:
        asked["session_id"] = newest_session(call)
    elif session is not None:
        asked["session_id"] = session_of(call, session)
    if message_id is not None:
        asked["message_id"] = message_id
    if "session_id" in asked:
        asked["seen"] = open_in(call, asked["session_id"])
    outcome, progress = asked_of(call, asked, traced=traced)
    go_on(call, {"query": query, **outcome}, progress, traced=traced)
