"""A text of SQL, as PostgreSQL's own parser splits it into statements."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from pglast.ast import Node, RawStmt
from pglast.parser import ParseError, parse_sql

from davylamp.errors import BadInput

LARGEST_CHARACTERS = 1024 * 1024
"""A longer text is refused: nobody reviews it, and the parser's memory has to be bounded."""
_ORDINARY_CHARACTERS = 16 * 1024
_DEEP_STACK_BYTES = 512 * 1024 * 1024
"""Address space, not memory. Nesting is at most one level a character, about 300 bytes each
(measured: 1+1+…+1 of 30,000 terms overflows the usual 8 MiB, 10,000 do not)."""
_stack_size = threading.Lock()


@dataclass(frozen=True)
class Statement:
    """One statement of a text."""

    sql: str
    """As it stands in the text, without its semicolon and without comments before it."""
    line: int
    """Where it begins, from 1."""
    node: Node = field(compare=False, repr=False)
    """Its parse tree (pglast)."""


class Unparsable(BadInput):
    """Text that PostgreSQL would not take. `line` is where, from 1; `reason` says why."""

    def __init__(self, reason: str, line: int, near: str = "") -> None:
        super().__init__(f"line {line}: {reason}; correct the SQL")
        self.reason = reason
        self.line = line
        self.near = near
        """The text's line."""


def split(sql: str) -> tuple[Statement, ...]:
    """The statements of a text, in order. `Unparsable` when the parser can't read all of it."""
    _check_text(sql)
    statements: list[Statement] = []
    line, seen = 1, 0
    for raw in _parse(sql):
        if raw.stmt is None:
            continue
        start = raw.stmt_location or 0
        end = start + raw.stmt_len if raw.stmt_len else len(sql)
        line += sql.count("\n", seen, start)
        seen = start
        statements.append(Statement(sql[start:end].strip(), line, raw.stmt))
    return tuple(statements)


def _check_text(sql: str) -> None:
    if len(sql) > LARGEST_CHARACTERS:
        raise Unparsable(f"{len(sql)} characters; at most {LARGEST_CHARACTERS} are read", 1)
    for bad in ("\0", *({one for one in sql if "\ud800" <= one <= "\udfff"})):
        if bad in sql:
            # The parser would stop at a NUL and call what it saw before it the whole.
            at = sql.index(bad)
            raise _unparsable(sql, at, f"character {bad!r} cannot stand in SQL")


def _parse(sql: str) -> tuple[RawStmt, ...]:
    try:
        return _parse_deep(sql) if len(sql) > _ORDINARY_CHARACTERS else parse_sql(sql)
    except ParseError as error:
        reason, at = (*error.args, None)[:2]
        # Without a place it is the end of the text that was not expected.
        raise _unparsable(sql, len(sql) if at is None else at, str(reason)) from error


def _parse_deep(sql: str) -> tuple[RawStmt, ...]:
    """Parse on a stack that no nesting overflows: the parser is C, and would take us with it."""
    answer: list[tuple[RawStmt, ...] | Exception] = []

    def parse() -> None:
        try:
            answer.append(parse_sql(sql))
        except (ParseError, MemoryError, RecursionError) as error:
            answer.append(error)

    with _stack_size:
        usual = threading.stack_size(_DEEP_STACK_BYTES)
        try:
            thread = threading.Thread(target=parse, name="parse")
            thread.start()
        finally:
            threading.stack_size(usual)
    thread.join()
    if isinstance(answer[0], Exception):
        raise answer[0]
    return answer[0]


def _unparsable(sql: str, at: int, reason: str) -> Unparsable:
    at = max(0, min(at, len(sql)))
    start = sql.rfind("\n", 0, at) + 1
    near = sql[start:].split("\n", 1)[0]
    return Unparsable(reason, sql.count("\n", 0, at) + 1, near.strip())
