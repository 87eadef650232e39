"""Splits a script into statements, and takes the control flow off what a routine or a block does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlglot.tokenizer_core import Token, TokenType

#: What begins a statement that is followed.
VERBS: Final = frozenset(
    "SELECT WITH INSERT UPDATE DELETE MERGE REPLACE CREATE DROP ALTER TRUNCATE COPY FROM".split()
)  # fmt: skip
_ROUTINES = frozenset({"PROCEDURE", "PROC", "FUNCTION", "TRIGGER", "TASK", "EVENT"})
#: What may stand behind BEGIN where it begins a transaction.
TRANSACTION: Final = frozenset(
    {"", "TRAN", "TRANSACTION", "WORK", "ISOLATION", "READ", "DEFERRED", "IMMEDIATE", "EXCLUSIVE"}
)
_BEFORE_BLOCK = frozenset({"DO", "EXECUTE", "IMMEDIATE"})
_ENDS_OF = frozenset({"IF", "LOOP", "WHILE", "REPEAT", "FOR"})
# T-SQL needs no semicolon: these begin a statement where they begin a line, unless what stands before asks for them.
_NO_STATEMENT = frozenset({"DECLARE", "RETURN", "PRINT"})
_OTHERS = frozenset({"EXEC", "EXECUTE", "IF", "WHILE", "USE", "SET", "COMMIT", "ROLLBACK"})
_BEGIN_LINES = VERBS - {"WITH", "FROM"} | {*_NO_STATEMENT, *_OTHERS}
_ASK_FOR_MORE = frozenset({"AS", "THEN", "FOR", "AFTER", "OF", "UNION", "ALL", "EXCEPT", "INTERSECT", ",", "OR"})
_OF_ALTER = frozenset({"COLUMN", "CONSTRAINT"})
_BEFORE_VERBS = frozenset({"WITH", "IF", "WHILE", "ELSE", "BEGIN"})
# Control flow: a word that stands before a statement, one with a condition before it, and one that has none.
_PREFIXES = frozenset({"BEGIN", "ELSE", "THEN", "LOOP", "DO", "REPEAT", "TRY", "CATCH", "TRAN", "ATOMIC"})
_CONDITIONS = frozenset({"IF", "ELSIF", "ELSEIF", "WHILE", "FOR", "WHEN", "EXCEPTION"})
_AFTER_CONDITION = frozenset({"THEN", "LOOP", "DO", "BEGIN"})
_NAMES = (TokenType.VAR, TokenType.DECLARE, TokenType.COMMAND, TokenType.IDENTIFIER)


def split(tokens: Sequence[Token]) -> Iterator[list[list[Token]]]:
    """Yields the statements of a script in parts; only routines and blocks have several, each ended by a semicolon."""
    parts: list[list[Token]] = [[]]
    depth, began = 0, False
    for i, token in enumerate(tokens):
        word = word_of(token)
        if token.token_type == TokenType.SEMICOLON or _ends_batch(tokens, i):
            if token.token_type == TokenType.SEMICOLON and (depth > 0 or (not began and _declares(parts[0]))):
                parts.append([])
                continue
            if any(parts):
                yield [part for part in parts if part]
            parts, depth, began = [[]], 0, False
            continue
        parts[-1].append(token)
        if word == "BEGIN" and (depth > 0 or is_routine(parts[0]) or _is_block(tokens[i + 1 : i + 2], parts)):
            depth, began = depth + 1, True
        elif word == "CASE" and depth > 0 and word_of(tokens[i - 1]) != "END":
            depth += 1
        elif word == "END" and depth and (i + 1 == len(tokens) or word_of(tokens[i + 1]) not in _ENDS_OF):
            depth -= 1
    if any(parts):
        yield [part for part in parts if part]


def _is_block(following: Sequence[Token], parts: Sequence[Sequence[Token]]) -> bool:
    """Says whether BEGIN begins a block, and no transaction."""
    before = {word_of(token) for token in parts[0][:-1]} if len(parts) == 1 else {""}
    return (
        before <= _BEFORE_BLOCK
        and bool(following)
        and not (following[0].token_type == TokenType.SEMICOLON or word_of(following[0]) in TRANSACTION)
    )


def _declares(tokens: Sequence[Token]) -> bool:
    """Says whether a routine's head ends in declarations, before its BEGIN."""
    words = [word_of(token) for token in tokens] if is_routine(tokens) else []
    at = next((i for i, word in enumerate(words) if word in ("AS", "IS")), len(words))
    after = tokens[at + 1 : at + 2] if words else []
    return bool(after) and "BEGIN" not in words and words[at + 1] not in VERBS and after[0].token_type in _NAMES


def is_routine(tokens: Sequence[Token]) -> bool:
    """Says whether a statement begins as `CREATE PROCEDURE` and the like."""
    words = [word_of(token) for token in tokens[:6]]
    return words[:1] in (["CREATE"], ["ALTER"]) and not _ROUTINES.isdisjoint(words)


def is_control(tokens: Sequence[Token]) -> bool:
    """Says whether a statement begins with control flow."""
    word = word_of(tokens[0])
    if word == "BEGIN":
        return len(tokens) > 1 and word_of(tokens[1]) not in TRANSACTION
    return word == "END" or (len(tokens) > 1 and word in _PREFIXES | _CONDITIONS | _NO_STATEMENT)


def at_lines(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Yields the statements of T-SQL, which need no semicolon between them."""
    part: list[Token] = []
    depth = cases = 0
    wants_verb = wants_query = wants_set = False
    for i, token in enumerate(tokens):
        word = word_of(token)
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth == 0:
            before = tokens[i - 1] if i else None
            new = not part
            if word == "CASE":
                cases += 1
            elif word == "END" and cases:
                cases -= 1
            elif not cases and word in ("END", "BEGIN", "ELSE"):
                new = True
            elif word in VERBS and wants_verb:
                wants_verb, wants_query = False, word == "INSERT"
            elif wants_query and word in ("SELECT", "EXEC", "EXECUTE", "VALUES"):
                wants_query = False
            elif word == "WITH" and before is not None and word_of(before) == "AS":
                wants_verb = True  # CREATE VIEW v AS WITH c AS (…) SELECT
            elif word in TRANSACTION - {""} and [word_of(each) for each in part] == ["BEGIN"]:
                wants_verb = False
            elif wants_set and word == "SET":
                wants_set = False
            elif word in _BEGIN_LINES and before is not None and before.line != token.line:
                part_of = word in ("ALTER", "DROP") and word_of(tokens[min(i + 1, len(tokens) - 1)]) in _OF_ALTER
                new = new or not (part_of or word_of(before) in _ASK_FOR_MORE)
            if new:
                if part:
                    yield part
                part, cases = [], int(word == "CASE")
                wants_verb, wants_query, wants_set = word in _BEFORE_VERBS, word == "INSERT", False
            wants_set = wants_set or word in ("UPDATE", "ALTER")
        part.append(token)
    if part:
        yield part


def without_control(tokens: Sequence[Token]) -> list[Token]:
    """Returns what a part of a routine or block does, without the words of control flow; [] where it does nothing."""
    at = 0
    while at < len(tokens):
        word = word_of(tokens[at])
        if is_routine(tokens[at : at + 6]):
            at = _behind_head(tokens, at)
        elif word == "END":
            at += 1
            at += at < len(tokens) and word_of(tokens[at]) in _ENDS_OF | {"TRY", "CATCH", "CASE"}
        elif word in _CONDITIONS:
            at = _behind_condition(tokens, at)
        elif word in _NO_STATEMENT:
            return []
        elif word in _PREFIXES:
            at += 1
        else:
            break
    return list(tokens[at:])


def _behind_head(tokens: Sequence[Token], at: int) -> int:
    """Returns where the body of a routine begins: at its BEGIN, or at the one statement behind AS."""
    for i in range(at, len(tokens) - 1):
        word = word_of(tokens[i])
        if word == "BEGIN":
            return i
        if word in ("AS", "IS") and word_of(tokens[i + 1]) in VERBS:
            return i + 1
    return len(tokens)


def _behind_condition(tokens: Sequence[Token], at: int) -> int:
    """Returns where the statement behind IF, WHILE and the like begins."""
    depth = cases = 0
    for i in range(at + 1, len(tokens)):
        word = word_of(tokens[i])
        depth += (tokens[i].token_type == TokenType.L_PAREN) - (tokens[i].token_type == TokenType.R_PAREN)
        if depth:
            continue
        cases += (word == "CASE") - (word == "END" and cases > 0)
        if not cases and word in _AFTER_CONDITION:
            return i + 1
        if not cases and word in VERBS:
            return i
    return len(tokens)


def word_of(token: Token) -> str:
    """Returns a token in capitals, or "" for a text or a quoted name."""
    quoted = token.token_type in (TokenType.STRING, TokenType.IDENTIFIER)
    return "" if quoted else token.text.upper()


def _ends_batch(tokens: Sequence[Token], i: int) -> bool:
    """Says whether a token is T-SQL's GO or Oracle's slash, alone on its line."""
    token = tokens[i]
    before = tokens[i - 1] if i else None
    after = tokens[i + 1].line if i + 1 < len(tokens) else -1
    if (before is not None and before.line == token.line) or after == token.line:
        return False
    if token.token_type == TokenType.SLASH:
        return before is not None and before.token_type == TokenType.SEMICOLON
    return token.text.upper() == "GO" and token.token_type in (TokenType.VAR, TokenType.COMMAND)
