"""A script in statements: each is parsed alone, so that an error spoils no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.tsql import TSQL
from sqlglot.errors import ParseError, SqlglotError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from sql_lineage.bodies import with_bodies
from sql_lineage.names import shown
from sql_lineage.splitting import VERBS, at_lines, is_control, is_routine, split, without_control, word_of

_OPENING = {"]": "["}
_WORDS: Final = (
    (re.compile(r"but got (?:None|<Token token_type: TokenType.SENTINEL,.*>)", re.DOTALL), "but the statement ends"),
    (re.compile(r"<Token token_type: \S+, text: (.*?), line: \d+,.*?>", re.DOTALL), r"'\1'"),
    (re.compile(r"Required keyword: '\w+' missing for <class '.*?'>"), "something is missing"),
    (re.compile(r"^\w+ does not support CTE"), "this does not go with WITH"),
)
_OF_TRUNCATE: Final = frozenset("DROP REUSE PRESERVE PURGE IMMEDIATE STORAGE ALL MATERIALIZED VIEW LOG".split())
_OPENED = re.compile(r"Missing (.+) from \d+:(\d+)", re.DOTALL)


@dataclass(slots=True)
class Problem:
    """Why a statement could not be read, or not whole.

    Args:
        line, column: where, from 1.
        message: one line for people.
        hint: what to do, or "".
    """

    line: int
    column: int
    message: str
    hint: str = ""


@dataclass(slots=True)
class Statement:
    """One statement.

    Args:
        line: where it begins, from 1.
        tree: what it is, or None where it could not be read.
        problem: why not.
    """

    line: int
    tree: exp.Expr | None = None
    problem: Problem | None = None


def too_deep(line: int) -> Problem:
    """Returns the problem of a statement that Python's recursion cannot read."""
    return Problem(line, 1, "the statement is nested too deeply to be read", "write it as several queries")


def parse_script(sql: str, dialect: Dialect) -> list[Statement]:
    """Reads all statements of a script.

    Args:
        sql: the script.
        dialect: its dialect.

    Returns:
        The statements in their order, those that could not be read with the problem.
    """
    problem = None
    try:
        tokens = dialect.tokenize(sql)
    except TokenError as error:
        problem, start = _token_problem(error, sql)
        try:
            tokens = dialect.tokenize(sql[:start])
        except TokenError:
            tokens = []
        # What stands before the statement with the open quote is still good.
        while tokens and tokens[-1].token_type != TokenType.SEMICOLON:
            tokens.pop()
    tokens = with_bodies(tokens, sql, dialect)
    found = [statement for parts in split(tokens) for statement in _grouped(parts, sql, dialect)]
    return [*found, Statement(problem.line, None, problem)] if problem else found


def _grouped(parts: list[list[Token]], sql: str, dialect: Dialect) -> Iterator[Statement]:
    lines = isinstance(dialect, TSQL)
    inside = len(parts) > 1 or is_routine(parts[0])
    found = False
    for part in parts:
        for tokens in at_lines(part) if lines else [part]:
            inside = inside or is_routine(tokens)
            rest = without_control(tokens) if inside or is_control(tokens) else tokens
            if rest and (not inside or rest[0].text.upper() in VERBS):
                found = True
                for statement in _parsed(rest, sql, dialect):
                    if inside and not lines and isinstance(statement.tree, exp.Select):
                        statement.tree.set("into", None)  # into variables
                    yield statement
    if inside and not found:
        # A routine whose body is a single expression, a text, or in another language.
        yield from _parsed([token for part in parts for token in part], sql, dialect)


def _parsed(tokens: list[Token], sql: str, dialect: Dialect) -> Iterator[Statement]:
    line = tokens[0].line
    if [token.token_type for token in tokens[:2]] == [TokenType.REPLACE, TokenType.INTO]:
        tokens[0].token_type = TokenType.INSERT  # REPLACE INTO, which the parser does not know
    elif word_of(tokens[0]) == "TRUNCATE":
        # TRUNCATE TABLE t DROP STORAGE: the parser keeps as a text what has an option that it does not know.
        tokens = [token for i, token in enumerate(tokens) if i < 3 or word_of(token) not in _OF_TRUNCATE]
    try:
        trees = dialect.parser().parse(tokens, sql)
    except RecursionError:
        yield Statement(line, None, too_deep(line))
        return
    except ParseError as error:
        yield Statement(line, None, _problem(error, line))
        return
    except SqlglotError as error:
        yield Statement(line, None, Problem(line, 1, shown(error, 300)))
        return
    except Exception:  # the parser trips over some errors, instead of telling them; its own words help nobody
        yield Statement(line, None, Problem(line, 1, "this statement cannot be read"))
        return
    for tree in trees:
        if tree is not None and not isinstance(tree, exp.Semicolon):
            yield Statement(line, tree)


def _problem(error: ParseError, line: int) -> Problem:
    told = error.errors[0] if error.errors else {}
    text = str(told.get("highlight") or "")
    column = int(told.get("col") or 1)  # of the last character of what was not expected
    column = max(column - len(text) + 1, 1) if "\n" not in text else column
    said = _in_words(str(told.get("description") or error))
    found = repr(shown(text, 40))
    if said.startswith("Invalid expression") and text.strip():
        said = f"unexpected {found}"
    elif text.strip() and found not in said:
        said = f"{said} at {found}"
    return Problem(int(told.get("line") or line), column, shown(said, 300))


def _in_words(said: str) -> str:
    """Returns what the parser says, without the names of its classes."""
    for found, instead in _WORDS:
        said = found.sub(instead, said)
    return said


def _token_problem(error: TokenError, sql: str) -> tuple[Problem, int]:
    found = _OPENED.search(str(error.__cause__ or error))
    start = int(found[2]) if found else max(sql.rfind("/*"), 0)
    opened = shown(_OPENING.get(found[1], found[1]), 20) if found else "comment"
    line = sql.count("\n", 0, start) + 1
    column = start - sql.rfind("\n", 0, start)
    return Problem(line, column, f"this {opened} is opened and never closed"), start
