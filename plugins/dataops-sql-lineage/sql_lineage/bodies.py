"""The bodies of routines and blocks that stand in a script as a text: `AS $$ BEGIN … END $$`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from sql_lineage.splitting import TRANSACTION, word_of

_BEFORE = frozenset({"CREATE", "ALTER", "DO", "BEGIN", "EXECUTE", "REPLACE"})
_LANGUAGES = frozenset({"SQL", "PLPGSQL"})
_TEXTS = (TokenType.RAW_STRING, TokenType.HEREDOC_STRING)
_SWALLOW = (TokenType.COMMAND, TokenType.REPLACE)
_BLOCK = re.compile(r"\bBEGIN\b", re.IGNORECASE)


def with_bodies(tokens: Sequence[Token], sql: str, dialect: Dialect) -> list[Token]:
    """Returns tokens with those of what stands as a text in `CREATE PROCEDURE … AS $$ … $$` and `DO $$ … $$`."""
    out: list[Token] = []
    start = 0
    for i, token in enumerate(tokens):
        if token.token_type == TokenType.SEMICOLON:
            start = i + 1
        elif i > start and word_of(tokens[start]) in _BEFORE and _is_block(tokens, start, i):
            out += with_bodies(_inner(token, tokens[i - 1], sql, dialect), sql, dialect)
            continue
        out.append(token)
    return out


def _is_block(tokens: Sequence[Token], start: int, i: int) -> bool:
    """Says whether a token is a text that holds what a routine or block does, in SQL."""
    token, first = tokens[i], tokens[start]
    if (
        first.token_type in (TokenType.COMMAND, TokenType.REPLACE)
        and i == start + 1
        and token.token_type == TokenType.STRING
    ):
        # The tokenizer keeps what stands behind some words as a text.
        return word_of(first) != "BEGIN" or token.text.split(maxsplit=1)[0].upper() not in TRANSACTION
    if token.token_type not in _TEXTS or not _BLOCK.search(token.text):
        return False
    words = []
    for each in tokens[start:]:
        if each.token_type == TokenType.SEMICOLON:
            break
        words.append(word_of(each))
    return "LANGUAGE" not in words or not _LANGUAGES.isdisjoint(words[words.index("LANGUAGE") + 1 :][:1])


def _inner(token: Token, before: Token, sql: str, dialect: Dialect) -> list[Token]:
    """Returns the tokens of a text in a script, with their places in the script."""
    at = sql.find(token.text, before.end + 1)
    try:
        found = list(dialect.tokenize(token.text)) if at >= 0 else []
    except TokenError:
        return [token]
    if len(found) == 1 and found[0].token_type in _TEXTS and len(found[0].text) < len(token.text):
        return _inner(found[0], before, sql, dialect)  # DO $$ … $$
    line = sql.count("\n", 0, at)
    for each in found:
        each.col += at - sql.rfind("\n", 0, at) - 1 if each.line == 1 else 0
        each.line, each.start, each.end = each.line + line, each.start + at, each.end + at
    while found and found[-1].token_type == TokenType.SEMICOLON:
        found.pop()
    return found or [token]
